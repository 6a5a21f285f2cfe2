"""Changing a key: patch, disable, restore, rotate; what is refused, and what Redis gets of it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from common.domain.ids import ulid_to_uuid
from common.domain.keys import hash_key
from tests.support.admin_checks import (
    UNKNOWN,
    assert_nowhere,
    fields,
    kept,
    overtaken,
    problem,
    trail,
    unavailable,
)
from tests.support.key_admin import KEYS

TABLES = ("api_keys", "api_key_secrets", "audit", "changes", "idempotent_replies")


def patch(key_admin, key, if_match=None, /, **members):
    headers = {} if if_match is None else {"if-match": if_match}
    return key_admin.call("PATCH", f"{KEYS}/{key['id']}", json=members, headers=headers)


def act(key_admin, key, action, headers=None, **members):
    options = {"json": members} if members else {}
    return key_admin.call("POST", f"{KEYS}/{key['id']}/{action}", headers=headers, **options)


def show(key_admin, key):
    return key_admin.get(f"{KEYS}/{key['id']}")


def made(key_admin, **members):
    """A new key as it is shown later, and its secret."""
    key = key_admin.created(**members)
    return key, key.pop("key")


def a_team(key_admin, name):
    return key_admin.call("POST", "/internal/teams", json={"name": name}).json()["id"]


def projected(key_admin, secret):
    with key_admin.redis() as connection:
        found = connection.hgetall(f"{{relay}}:key:{hash_key(secret)}")
    return {**found, "r": json.loads(found["r"])}


def audited(key):
    left_out = ("last_used_at", "old_secret_ends_at")
    return {name: value for name, value in key.items() if name not in left_out}


def test_a_patch_changes_what_it_names_and_nothing_else(key_admin):
    key, secret = made(key_admin, user_id="alice", tags=["a"], scopes=["chat"])
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    team_id = a_team(key_admin, "of a patched key")
    given = {"name": "patched", "team_id": team_id, "scopes": ["models"], "tags": ["b", "c"],
             "models": {"allow": ["gpt-*"], "deny": []}}  # fmt: skip
    answer = patch(key_admin, key, **given, expires_at=ends.isoformat())
    assert answer.status_code == 200
    changed = answer.json()
    assert changed["updated_at"] > key["updated_at"]
    assert changed == key | given | {
        "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "updated_at": changed["updated_at"]
    }  # fmt: skip
    shown = show(key_admin, key)
    assert (shown.json(), shown.headers["etag"]) == (changed, answer.headers["etag"])
    found = projected(key_admin, secret)
    assert (found["s"], found["x"]) == ("active", str(int(ends.timestamp() * 1000)))
    assert found["r"]["models_allow"] == ["gpt-*"]
    assert found["r"]["team_id"] == team_id
    assert trail(key_admin, key["id"])[1:] == [("key.update", audited(key), audited(changed))]
    taken = patch(key_admin, key, team_id=None, expires_at=None).json()
    assert (taken["team_id"], taken["expires_at"]) == (None, None)
    assert taken["name"] == "patched"
    assert projected(key_admin, secret)["x"] == "0"


def test_a_patch_that_changes_nothing_leaves_no_trace(key_admin):
    key, _ = made(key_admin, tags=["a"], scopes=["chat"])
    tag = show(key_admin, key).headers["etag"]
    before = kept(key_admin, *TABLES)
    for given in {}, {"name": key["name"], "tags": ["a"], "scopes": ["chat"], "status": "active"}:
        answer = patch(key_admin, key, **given)
        assert (answer.status_code, answer.json(), answer.headers["etag"]) == (200, key, tag)
    assert kept(key_admin, *TABLES) == before


@pytest.mark.parametrize(
    ("path", "body", "same"),
    [
        ("/internal/users", {"id": "unchanged", "email": "a@b"}, {"email": "a@b"}),
        ("/internal/teams", {"name": "unchanged"}, {"name": "unchanged", "description": ""}),
        (
            "/internal/accounts",
            {"name": "unchanged", "provider": "openai", "credential": {"api_key": "sk"}},
            {"priority": 50, "enabled": True, "models": {}},
        ),
    ],
)
def test_so_does_one_of_a_user_a_team_or_an_account(key_admin, path, body, same):
    created = key_admin.call("POST", path, json=body)
    assert created.status_code == 201, created.text
    before = kept(key_admin)
    for given in {}, same:
        answer = key_admin.call("PATCH", f"{path}/{created.json()['id']}", json=given)
        assert (answer.status_code, answer.json()) == (200, created.json())
        assert answer.headers["etag"] == created.headers["etag"]
    assert kept(key_admin) == before


def test_the_trail_says_when_a_key_made_its_user(key_admin):
    for number in range(2):
        key, _ = made(key_admin, user_id="made by a key")
        ((_, _, after),) = trail(key_admin, key["id"])
        assert after.get("user_created", False) is (number == 0)


def test_keys_are_listed_by_the_status_that_they_show(key_admin):
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    keys = {
        status: made(key_admin, user_id="of each status", expires_at=soon)[0]
        for status in ("active", "expired", "disabled", "revoked")
    }
    patch(key_admin, keys["disabled"], status="disabled")
    act(key_admin, keys["revoked"], "revoke")
    key_admin.rows(
        "UPDATE api_keys SET expires_at = now() - interval '1s' WHERE id = %s",
        ulid_to_uuid(keys["expired"]["id"]),
    )
    for status, key in keys.items():
        found = key_admin.get(KEYS, user_id="of each status", status=status).json()["items"]
        assert [(item["id"], item["status"]) for item in found] == [(key["id"], status)]


def test_a_disabled_key_can_be_changed_and_activated(key_admin):
    key, secret = made(key_admin)
    assert patch(key_admin, key, status="disabled").json()["status"] == "disabled"
    assert projected(key_admin, secret)["s"] == "disabled"
    renamed = patch(key_admin, key, name="while disabled").json()
    assert (renamed["name"], renamed["status"]) == ("while disabled", "disabled")
    active = act(key_admin, key, "restore").json()
    assert (active["name"], active["status"]) == ("while disabled", "active")
    assert projected(key_admin, secret)["s"] == "active"


def test_a_revoked_key_is_restored_once(key_admin):
    key, secret = made(key_admin)
    revoked = act(key_admin, key, "revoke").json()
    assert revoked["revoked_at"] == revoked["updated_at"] > key["updated_at"]
    for refused in (patch(key_admin, key, name="x"), patch(key_admin, key, status="active"),
                    patch(key_admin, key, team_id=None, name="x"),
                    act(key_admin, key, "rotate")):  # fmt: skip
        assert "restore it first" in problem(refused, 409)["detail"]
    restored = act(key_admin, key, "restore")
    assert restored.status_code == 200
    assert (restored.json()["status"], restored.json()["revoked_at"]) == ("active", None)
    assert projected(key_admin, secret)["s"] == "active"
    again = act(key_admin, key, "restore")
    assert (again.status_code, again.json()) == (200, restored.json())
    assert trail(key_admin, key["id"])[1:] == [
        ("key.revoke", audited(key), audited(revoked)),
        ("key.restore", audited(revoked), audited(restored.json())),
    ]


def test_rotation_adds_a_secret_and_ends_the_old_one(key_admin):
    key, old = made(key_admin, user_id="alice")
    answer = act(key_admin, key, "rotate", grace_s=600)
    assert answer.status_code == 201
    rotated = answer.json()
    new = rotated.pop("key")
    assert new.startswith("cr_")
    assert new != old
    said = rotated["old_secret_ends_at"]
    assert rotated == key | {
        "key_prefix": new[:11], "updated_at": rotated["updated_at"], "old_secret_ends_at": said
    }  # fmt: skip
    assert show(key_admin, key).json() == rotated
    ends = datetime.fromtimestamp(int(projected(key_admin, old)["x"]) / 1000, UTC)
    assert abs(ends - datetime.fromisoformat(said)) < timedelta(milliseconds=1)
    assert abs(ends - datetime.now(UTC) - timedelta(seconds=600)) < timedelta(seconds=30)
    found = projected(key_admin, new)
    assert (found["s"], found["x"], found["r"]["id"]) == ("active", "0", key["id"])
    ((action, before, after),) = trail(key_admin, key["id"])[1:]
    assert action == "key.rotate"
    assert before == {"key_prefix": old[:11]}
    assert after == {"key_prefix": new[:11], "grace_s": 600}
    assert_nowhere(key_admin, old.removeprefix("cr_"), new.removeprefix("cr_"))


def test_without_a_body_the_grace_is_an_hour(key_admin):
    key, old = made(key_admin)
    assert act(key_admin, key, "rotate").status_code == 201
    ends = datetime.fromtimestamp(int(projected(key_admin, old)["x"]) / 1000, UTC)
    assert abs(ends - datetime.now(UTC) - timedelta(hours=1)) < timedelta(seconds=30)


def test_another_rotation_does_not_lengthen_what_ends_sooner(key_admin):
    key, first = made(key_admin)
    assert act(key_admin, key, "rotate", grace_s=60).status_code == 201
    end = projected(key_admin, first)["x"]
    second = act(key_admin, key, "rotate", grace_s=3600).json()["key"]
    assert act(key_admin, key, "rotate", grace_s=3600).status_code == 201
    assert projected(key_admin, first)["x"] == end
    assert int(projected(key_admin, second)["x"]) > int(end)


def test_a_key_that_expires_ends_all_its_secrets(key_admin):
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=90)
    key, old = made(key_admin, expires_at=soon.isoformat())
    new = act(key_admin, key, "rotate", grace_s=3600).json()["key"]
    end = str(int(soon.timestamp() * 1000))
    assert [projected(key_admin, one)["x"] for one in (old, new)] == [end, end]


def test_revoking_takes_all_secrets_away(key_admin):
    key, old = made(key_admin)
    new = act(key_admin, key, "rotate").json()["key"]
    assert act(key_admin, key, "revoke").status_code == 200
    assert [projected(key_admin, one)["s"] for one in (old, new)] == ["revoked"] * 2


def test_a_repeated_rotation_makes_one_secret(key_admin):
    key, _ = made(key_admin)
    headers = {"idempotency-key": "rotated once"}
    first = act(key_admin, key, "rotate", headers, grace_s=60)
    again = act(key_admin, key, "rotate", headers, grace_s=60)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert fields(act(key_admin, key, "rotate", headers, grace_s=61)) == ["Idempotency-Key"]
    secrets = key_admin.rows(
        "SELECT * FROM api_key_secrets WHERE key_id = %s", ulid_to_uuid(key["id"])
    )
    assert len(secrets) == 2
    assert [action for action, *_ in trail(key_admin, key["id"])] == ["key.create", "key.rotate"]
    other, _ = made(key_admin)
    assert act(key_admin, other, "rotate", headers, grace_s=60).json()["id"] == other["id"]
    key_admin.rows("UPDATE idempotent_replies SET body = NULL")
    late = problem(act(key_admin, key, "rotate", headers, grace_s=60), 409)
    assert key["id"] in late["detail"]


def test_if_match_names_the_version_to_change(key_admin):
    key, _ = made(key_admin)
    tag = show(key_admin, key).headers["etag"]
    new = patch(key_admin, key, tag, name="one").headers["etag"]
    assert new != tag
    refused = patch(key_admin, key, tag, name="two")
    problem(refused, 412)
    assert refused.headers["etag"] == new
    assert show(key_admin, key).json()["name"] == "one"
    rotated = act(key_admin, key, "rotate")
    assert rotated.status_code == 201
    problem(patch(key_admin, key, new, name="two"), 412)
    assert patch(key_admin, key, "*", name="three").status_code == 200


@pytest.mark.parametrize("action", ["patch", "restore"])
def test_a_change_between_reading_and_writing_is_not_overwritten(key_admin, action):
    key, _ = made(key_admin)
    assert patch(key_admin, key, status="disabled").status_code == 200
    before = trail(key_admin, key["id"])
    calls = {
        "patch": lambda: patch(key_admin, key, name="late"),
        "restore": lambda: act(key_admin, key, "restore"),
    }
    uuid = str(ulid_to_uuid(key["id"]))
    answer = overtaken(key_admin, "api_keys", uuid, calls[action])
    assert "at the same time" in problem(answer, 409)["detail"]
    assert show(key_admin, key).json()["status"] == "disabled"
    assert trail(key_admin, key["id"]) == before


@pytest.mark.parametrize(
    ("member", "value", "field"),
    [
        ("name", "", "name"), ("name", None, "name"), ("scopes", None, "scopes"),
        ("scopes", ["admin"], "scopes"), ("models", None, "models"),
        ("models", {"deny": [""]}, "models.deny[0]"), ("tags", None, "tags"),
        ("tags", [""], "tags[0]"),
        ("status", None, "status"), ("status", "revoked", "status"),
        ("expires_at", "2020-01-01T00:00:00Z", "expires_at"), ("team_id", "x", "team_id"),
        ("team_id", UNKNOWN, "team_id"), ("limits", {"rpm": 1}, "limits.rpm"),
        ("budgets", [1], "budgets[0]"), ("user_id", "bob", "user_id"), ("key", "cr_x", "key"),
        ("account_id", UNKNOWN, "account_id"), ("group_id", UNKNOWN, "group_id"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(key_admin, member, value, field):
    key, _ = made(key_admin)
    before = kept(key_admin, *TABLES)
    assert fields(patch(key_admin, key, **{member: value})) == [field]
    assert kept(key_admin, *TABLES) == before


@pytest.mark.parametrize(
    ("members", "field"),
    [({"grace_s": -1}, "grace_s"), ({"grace_s": 30 * 24 * 3600 + 1}, "grace_s"),
     ({"grace_s": "60"}, "grace_s"),
     ({"grace_s": False}, "grace_s"), ({"grace_s": None}, "grace_s"), ({"grace": 1}, "grace")],
)  # fmt: skip
def test_a_wrong_grace_is_named(key_admin, members, field):
    key, _ = made(key_admin)
    before = kept(key_admin, *TABLES)
    assert fields(act(key_admin, key, "rotate", **members)) == [field]
    assert kept(key_admin, *TABLES) == before


@pytest.mark.parametrize("key_id", [UNKNOWN, UNKNOWN.lower(), "nothing", "%00"])
def test_an_unknown_key_is_not_found(key_admin, key_id):
    key = {"id": key_id}
    calls = [patch(key_admin, key, name="x"), act(key_admin, key, "restore"),
             act(key_admin, key, "rotate")]  # fmt: skip
    for answer in calls:
        assert "There is no key with the id" in problem(answer, 404)["detail"]


@pytest.mark.parametrize("action", ["patch", "rotate", "revoke"])
def test_without_redis_nothing_is_changed_by_half(key_admin, redis_server, action):
    key, secret = made(key_admin)
    status = show(key_admin, key).json()["status"]
    before = kept(key_admin, *TABLES)
    calls = {"patch": lambda: patch(key_admin, key, status="disabled")}
    call = calls.get(action, lambda: act(key_admin, key, action))
    redis_server.stop()
    for _ in range(2):
        assert "nothing was changed" in unavailable(call())
    assert kept(key_admin, *TABLES) == before
    redis_server.start()
    assert projected(key_admin, secret)["s"] == status
    assert call().status_code in (200, 201)
    assert kept(key_admin, *TABLES) != before
