"""Users and teams over HTTP: what is kept, counted and refused."""

from urllib.parse import quote

import pytest

from common.domain.ids import is_ulid, ulid_to_uuid
from tests.support.admin_checks import UNKNOWN, fields, kept, overtaken, problem, trail
from tests.support.key_admin import KEYS, OPEN, SILENT, UNLIMITED, new_address

USERS, TEAMS = "/internal/users", "/internal/teams"
TABLES = ("users", "teams", "audit")


def post(key_admin, path, **members):
    """One with an id or name of its own unless it is given."""
    own = {USERS: "id", TEAMS: "name"}[path]
    return key_admin.call("POST", path, json={own: f"of {new_address()}"} | members)


def created(key_admin, path, **members):
    answer = post(key_admin, path, **members)
    assert answer.status_code == 201, answer.text
    return answer.json()


def one(key_admin, path, thing, method="GET", if_match=None, **members):
    headers = {} if if_match is None else {"if-match": if_match}
    options = {"json": members} if method == "PATCH" else {}
    return key_admin.call(method, f"{path}/{thing['id']}", headers=headers, **options)


def audited(thing):
    counts = ("users", "active_keys")
    return {name: value for name, value in thing.items() if name not in counts}


def test_a_user_is_made_shown_changed_and_deleted(key_admin):
    team = created(key_admin, TEAMS)
    answer = post(key_admin, USERS, id="zoë/1", name="Zoë", email="zoe@example.org")
    assert answer.status_code == 201
    made = answer.json()
    assert made == {
        "id": "zoë/1", "name": "Zoë", "email": "zoe@example.org", "team_id": None, "active_keys": 0,
        "subject": None,
        **UNLIMITED, **OPEN,
        "created_at": made["created_at"], "updated_at": made["created_at"],
    }  # fmt: skip
    quoted = {"id": "zo%C3%AB%2F1"}
    shown = one(key_admin, USERS, quoted)
    assert (shown.status_code, shown.json()) == (200, made)
    assert shown.headers["etag"] == answer.headers["etag"]
    changed = one(key_admin, USERS, quoted, "PATCH", name="Z", team_id=team["id"])
    assert changed.status_code == 200
    after = changed.json()
    assert after == made | {
        "name": "Z", "team_id": team["id"], "updated_at": after["updated_at"]
    }  # fmt: skip
    assert after["updated_at"] > made["updated_at"]
    assert one(key_admin, TEAMS, team).json()["users"] == 1
    gone = one(key_admin, USERS, quoted, "DELETE")
    assert (gone.status_code, gone.content) == (204, b"")
    problem(one(key_admin, USERS, quoted), 404)
    assert trail(key_admin, "zoë/1") == [
        ("user.create", None, audited(made)),
        ("user.update", audited(made), audited(after)),
        ("user.delete", audited(after), None),
    ]


def test_a_team_is_made_shown_changed_and_deleted(key_admin):
    answer = post(key_admin, TEAMS, name="Ops & \N{SNOWMAN}", description="those")
    assert answer.status_code == 201
    made = answer.json()
    assert is_ulid(made["id"])
    assert answer.headers["location"] == f"{TEAMS}/{made['id']}"
    assert made == {
        "id": made["id"], "name": "Ops & \N{SNOWMAN}", "description": "those", "users": 0,
        **SILENT, **UNLIMITED, **OPEN, "unpriced_models": None, "client_gone": None,
        "price_multiplier": "1",
        "self_service": {"enabled": False, "keys_max": None, "expires_within_days": None},
        "active_keys": 0, "created_at": made["created_at"], "updated_at": made["created_at"],
        "account_id": None, "group_id": None, "regions": [], "fallbacks": {},
    }  # fmt: skip
    shown = one(key_admin, TEAMS, made)
    assert (shown.status_code, shown.json()) == (200, made)
    assert shown.headers["etag"] == answer.headers["etag"]
    after = one(key_admin, TEAMS, made, "PATCH", description="").json()
    assert after == made | {"description": "", "updated_at": after["updated_at"]}
    gone = one(key_admin, TEAMS, made, "DELETE")
    assert (gone.status_code, gone.content) == (204, b"")
    problem(one(key_admin, TEAMS, made), 404)
    assert trail(key_admin, made["id"]) == [
        ("team.create", None, audited(made)),
        ("team.update", audited(made), audited(after)),
        ("team.delete", audited(after), None),
    ]


@pytest.mark.parametrize("sent", ["1.2", 1.2])
def test_a_teams_multiplier_is_changed(key_admin, sent):
    team = created(key_admin, TEAMS)
    assert one(key_admin, TEAMS, team, "PATCH", price_multiplier=sent).status_code == 200
    assert one(key_admin, TEAMS, team).json()["price_multiplier"] == "1.2"


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ("-1", "greater than 0"), ("much", "valid decimal"), (None, "Decimal"),
        ("NaN", "finite"),
    ],
)  # fmt: skip
def test_a_multiplier_that_is_none_is_refused(key_admin, sent, says):
    team = created(key_admin, TEAMS)
    refused = problem(one(key_admin, TEAMS, team, "PATCH", price_multiplier=sent), 422)
    [error] = refused["errors"]
    assert (error["field"], says in error["message"]) == ("price_multiplier", True)


def test_a_key_makes_its_user_and_both_are_counted(key_admin):
    team = created(key_admin, TEAMS)
    first = key_admin.created(user_id="keyed", team_id=team["id"])
    second = key_admin.created(user_id="keyed", team_id=team["id"])
    key_admin.call("POST", f"{KEYS}/{second['id']}/revoke")
    user = one(key_admin, USERS, {"id": "keyed"}).json()
    assert (user["name"], user["active_keys"], user["team_id"]) == ("", 1, None)
    assert one(key_admin, TEAMS, team).json()["active_keys"] == 1
    refused = one(key_admin, USERS, user, "DELETE")
    said = problem(refused, 409)["detail"]
    assert f"1 active keys: revoke them first: key 'a key' ({first['id']})." in said
    assert key_admin.call("DELETE", f"{KEYS}/{first['id']}").status_code == 204
    # Revoked keys name their team still.
    said = problem(one(key_admin, TEAMS, team, "DELETE"), 409)["detail"]
    assert f"key 'a key' ({second['id']}) (revoked keys count" in said
    assert one(key_admin, USERS, user, "DELETE").status_code == 204
    assert key_admin.get(f"{KEYS}/{first['id']}").json()["user_id"] == "keyed"
    # They are taken out of it as they are: what leaked works at no moment meanwhile.
    for key in (first, second):
        patched = one(key_admin, KEYS, key, "PATCH", team_id=None).json()
        assert (patched["status"], patched["team_id"]) == ("revoked", None)
    before, after = trail(key_admin, first["id"])[-1][1:]
    assert (before["team_id"], after["team_id"], after["status"]) == (team["id"], None, "revoked")
    assert one(key_admin, TEAMS, team, "DELETE").status_code == 204


def test_a_team_with_users_stays(key_admin):
    team = created(key_admin, TEAMS)
    user = created(key_admin, USERS, team_id=team["id"])
    said = problem(one(key_admin, TEAMS, team, "DELETE"), 409)["detail"]
    assert f"move these first: user {user['id']!r} (revoked" in said
    assert len(trail(key_admin, team["id"])) == 1
    assert one(key_admin, USERS, user, "PATCH", team_id=None).json()["team_id"] is None
    assert one(key_admin, TEAMS, team, "DELETE").status_code == 204


def test_an_id_or_a_name_is_taken_once(key_admin):
    user, first, second = created(key_admin, USERS), *(created(key_admin, TEAMS) for _ in range(2))
    before = kept(key_admin, *TABLES)
    said = problem(post(key_admin, USERS, id=user["id"], name="x"), 409)
    detail = said["detail"]
    assert said["errors"] == [{"field": "id", "message": detail}]
    assert user["id"] in detail
    assert f"PATCH {USERS}/{quote(user['id'], safe='')} (relayctl users update)" in detail
    for refused in (
        post(key_admin, TEAMS, name=first["name"]),
        one(key_admin, TEAMS, second, "PATCH", name=first["name"]),
    ):
        said = problem(refused, 409)
        assert first["name"] in said["detail"]
        assert [one["field"] for one in said["errors"]] == ["name"]
    assert kept(key_admin, *TABLES) == before
    assert one(key_admin, TEAMS, first, "PATCH", name=first["name"]).status_code == 200


@pytest.mark.parametrize("path", [USERS, TEAMS])
def test_if_match_names_the_version_to_change(key_admin, path):
    made = created(key_admin, path)
    tag = one(key_admin, path, made).headers["etag"]
    changed = one(key_admin, path, made, "PATCH", tag, name="changed by its tag" + path)
    assert changed.status_code == 200
    new = changed.headers["etag"]
    assert new != tag
    refused = one(key_admin, path, made, "PATCH", tag, name="not this")
    problem(refused, 412)
    assert refused.headers["etag"] == new
    assert one(key_admin, path, made).json() == changed.json()
    assert len(trail(key_admin, made["id"])) == 2


@pytest.mark.parametrize("path", [USERS, TEAMS])
def test_a_change_between_reading_and_writing_is_not_overwritten(key_admin, path):
    made = created(key_admin, path)
    row = made["id"] if path == USERS else str(ulid_to_uuid(made["id"]))
    table = path.rpartition("/")[2]
    answer = overtaken(
        key_admin, table, row, lambda: one(key_admin, path, made, "PATCH", name="late")
    )
    assert "at the same time" in problem(answer, 409)["detail"]
    assert one(key_admin, path, made).json() == made
    assert len(trail(key_admin, made["id"])) == 1


@pytest.mark.parametrize(
    ("path", "name"),
    [(USERS, "nobody"), (USERS, "%00"), (USERS, "x" * 300), (TEAMS, UNKNOWN), (TEAMS, "x"),
     (TEAMS, "%00")],
)  # fmt: skip
def test_an_unknown_one_is_not_found(key_admin, path, name):
    before = kept(key_admin, *TABLES)
    for method in ("GET", "PATCH", "DELETE"):
        said = problem(one(key_admin, path, {"id": name}, method), 404)
        assert len(said["detail"]) < 300
    assert kept(key_admin, *TABLES) == before


@pytest.mark.parametrize(
    ("path", "member", "value"),
    [
        (USERS, "name", None), (USERS, "name", "x" * 1001), (USERS, "name", "a\0"),
        (USERS, "email", None), (USERS, "email", "nobody"), (USERS, "email", "a b@c"),
        (USERS, "email", "a@" + "c" * 253), (USERS, "team_id", "x"), (USERS, "team_id", UNKNOWN),
        (USERS, "role", "admin"), (TEAMS, "name", ""), (TEAMS, "name", None),
        (TEAMS, "name", "a\n"),
        (TEAMS, "name", "x" * 201), (TEAMS, "description", None),
        (TEAMS, "description", "x" * 1001), (TEAMS, "description", "a\0"), (TEAMS, "users", 1),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(key_admin, path, member, value):
    made = created(key_admin, path)
    before = kept(key_admin, *TABLES)
    assert fields(post(key_admin, path, **{member: value})) == [member]
    assert fields(one(key_admin, path, made, "PATCH", **{member: value})) == [member]
    assert kept(key_admin, *TABLES) == before


@pytest.mark.parametrize("user_id", ["", " ", "a\0b", "x" * 201, 5, None])
def test_a_wrong_id_of_a_user_is_named(key_admin, user_id):
    assert fields(post(key_admin, USERS, id=user_id)) == ["id"]
    assert fields(key_admin.call("POST", USERS, json={})) == ["id"]
    assert fields(key_admin.call("POST", TEAMS, json={})) == ["name"]


def walked(key_admin, path, limit, **query):
    """The ids on all pages."""
    ids, cursor = [], {}
    while True:
        page = key_admin.get(path, limit=limit, **query, **cursor).json()
        assert 0 < len(page["items"]) <= limit
        ids += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return ids
        assert len(ids) < 500
        cursor = {"cursor": page["next_cursor"]}


def test_pages_of_users_are_walked_by_id_and_filtered_by_team(key_admin):
    team = created(key_admin, TEAMS)
    mine = [created(key_admin, USERS, team_id=team["id"])["id"] for _ in range(5)]
    created(key_admin, USERS)
    assert walked(key_admin, USERS, 2, team_id=team["id"]) == sorted(mine)
    everybody = walked(key_admin, USERS, 3)
    assert set(mine) < set(everybody)
    assert len(everybody) == len(set(everybody))


def test_pages_of_teams_are_walked_newest_first(key_admin):
    mine = [created(key_admin, TEAMS)["id"] for _ in range(5)]
    everyone = walked(key_admin, TEAMS, 2)
    assert everyone[:5] == sorted(mine, reverse=True)
    assert len(everyone) == len(set(everyone))


@pytest.mark.parametrize(
    ("path", "members"),
    [(USERS, ("id", "name", "email")), (TEAMS, ("name", "description"))],
)
def test_some_are_found_by_a_part_of_what_they_are_called(key_admin, path, members):
    # Digits and letters of its own, in what is sought and in nothing else.
    sought = f"Q{new_address().replace('.', 'q')}@x.example"
    mine = [created(key_admin, path, **{member: f"a{sought}"})["id"] for member in members]
    created(key_admin, path)
    assert sorted(walked(key_admin, path, 1, search=sought.upper())) == sorted(mine)


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        (USERS, {"limit": "0"}, "limit"), (USERS, {"limit": "501"}, "limit"),
        (USERS, {"cursor": "\0"}, "cursor"), (USERS, {"team_id": "x"}, "team_id"),
        (USERS, {"email": "x"}, "email"), (TEAMS, {"limit": "x"}, "limit"),
        (TEAMS, {"cursor": "x"}, "cursor"), (TEAMS, {"team_id": UNKNOWN}, "team_id"),
    ],
)  # fmt: skip
def test_a_wrong_query_is_named(key_admin, path, query, field):
    assert fields(key_admin.get(path, **query)) == [field]


def test_without_redis_people_are_managed_all_the_same(key_admin, redis_server):
    redis_server.stop()
    for path in (USERS, TEAMS):
        made = created(key_admin, path)
        changed = one(key_admin, path, made, "PATCH", name=f"without Redis {path}")
        assert changed.status_code == 200
        assert one(key_admin, path, made, "DELETE").status_code == 204
