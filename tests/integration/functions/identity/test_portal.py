"""Keys of one's own: what a team allows, what a key's holder sees, and what nobody is told."""

import concurrent.futures
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.key_admin import KEYS, new_address
from tests.support.usage_records import make_record, post_records

SELF = "/internal/self"
OWN = f"{SELF}/keys"
TEAM = {
    "self_service": {"enabled": True, "keys_max": 3, "expires_within_days": 30},
    "limits": {"requests_per_minute": 60},
    "budgets": [{"period": "month", "usd": "50", "policy": "deny"}],
    "access": {"models": {"allow": ["gpt-*"], "deny": ["gpt-5-pro"]}},
}


@pytest.fixture
def member(key_admin, people):
    """Makes somebody of a new team; gives their token, user and team."""

    def make(**team):
        team_id, user_id = people.team(**TEAM | team), new_address()
        given = {"id": user_id, "team_id": team_id}
        key_admin.call("POST", "/internal/users", json=given).raise_for_status()
        return people.token("portal", user_id=user_id), user_id, team_id

    return make


def make_key(people, token, **members):
    return people.call(token, "POST", OWN, json={"name": "mine"} | members)


def test_a_key_is_made_seen_rotated_and_revoked(key_admin, people, member):
    token, user_id, team_id = member()
    made = make_key(people, token)
    assert made.status_code == 201, made.text
    key = made.json()
    assert (key["team"] is not None, user_id in made.text, team_id in made.text) == (
        *(True, False, False),
    )
    ends = datetime.fromisoformat(key["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29) < ends <= timedelta(days=30)
    kept = key_admin.get(f"{KEYS}/{key['id']}").json()
    assert (kept["user_id"], kept["team_id"]) == (user_id, team_id)
    rotated = people.call(token, "POST", f"{OWN}/{key['id']}/rotate", json={"grace_s": 60})
    assert rotated.status_code == 201
    assert rotated.json()["key"] != key["key"]
    revoked = people.call(token, "POST", f"{OWN}/{key['id']}/revoke")
    assert (revoked.status_code, revoked.json()["status"]) == (200, "revoked")
    rows = key_admin.rows(
        "SELECT action, actor FROM audit WHERE subject_id = %s ORDER BY id", key["id"]
    )
    assert [(row["action"], row["actor"]) for row in rows] == [
        (action, "oidc:portal") for action in ("key.create", "key.rotate", "key.revoke")
    ]


def test_a_key_may_be_of_an_alias_whatever_that_stands_for(key_admin, people, member):
    alias = "portal-fast"
    given = {"rules": [{"models": {"gpt-5-mini": 1}}]}
    key_admin.call("PUT", f"/internal/aliases/{alias}", json=given).raise_for_status()
    token, _, _ = member()
    made = make_key(people, token, models={"allow": [alias]})
    assert made.status_code == 201, made.text
    assert made.json()["models"]["allow"] == [alias]


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"limits": {"requests_per_minute": 61}}, "limits.requests_per_minute"),
        ({"budgets": [{"period": "month", "usd": "50.01"}]}, "budgets[0].usd"),
        ({"models": {"allow": ["gpt-5", "gpt-5-pro"]}}, "models.allow[1]"),
        ({"models": {"allow": ["claude-opus-4-1"]}}, "models.allow[0]"),
        ({"expires_at": "2999-01-01T00:00:00Z"}, "expires_at"),
        ({"account_id": "01ARYZ6S41TSV4RRFFQ69G5FAV"}, "account_id"),
        ({"user_id": "bob"}, "user_id"),
    ],
)
def test_nothing_is_above_the_team(people, member, members, field):
    token, _, _ = member()
    answer = make_key(people, token, **members)
    assert answer.status_code == 422, answer.text
    assert [one["field"] for one in answer.json()["errors"]] == [field]


def test_what_is_within_the_team_is_as_it_was_sent(people, member):
    token, _, _ = member()
    sent = {"limits": {"requests_per_minute": 60}, "models": {"allow": ["gpt-5", "*"]}}
    key = make_key(people, token, **sent).json()
    assert key["limits"]["requests_per_minute"] == 60
    assert key["models"]["allow"] == ["gpt-5", "*"]


def test_a_team_that_does_not_say_so_lets_nobody_make_keys(key_admin, people, member):
    token, user_id, team_id = member(self_service={})
    refused = make_key(people, token)
    assert (refused.status_code, "administrator" in refused.json()["detail"]) == (403, True)
    key_id = key_admin.created(user_id=user_id, team_id=team_id)["id"]
    assert people.call(token, "POST", f"{OWN}/{key_id}/rotate").status_code == 403
    allowance = people.call(token, "GET", SELF).json()["allowance"]
    assert (allowance["may_create"], allowance["may_rotate"], allowance["obstacle"]) == (
        *(False, False, "off"),
    )
    # A key that leaked is ended by whoever has it, whatever the team says.
    assert people.call(token, "POST", f"{OWN}/{key_id}/revoke").status_code == 200
    lonely = people.token("portal", user_id=new_address())
    refused = make_key(people, lonely)
    assert (refused.status_code, "no team" in refused.json()["detail"]) == (403, True)


def test_no_more_keys_are_made_at_once_than_one_after_the_other(people, member):
    token, _, _ = member()

    def make(_):
        return make_key(people, token).status_code

    with concurrent.futures.ThreadPoolExecutor(6) as at_once:
        answers = sorted(at_once.map(make, range(6)))
    assert answers == [201] * 3 + [409] * 3
    me = people.call(token, "GET", SELF).json()
    assert me["allowance"]["obstacle"] == "keys_max"


def test_a_key_whose_end_has_come_makes_room_for_another(key_admin, people, member):
    token, user_id, _ = member(self_service={"enabled": True, "keys_max": 1})
    assert make_key(people, token).status_code == 201
    assert make_key(people, token).status_code == 409
    key_admin.rows(
        "UPDATE api_keys SET expires_at = now() - interval '1 minute' WHERE user_id = %s",
        user_id,
    )
    assert people.call(token, "GET", SELF).json()["allowance"]["keys_active"] == 0
    assert make_key(people, token).status_code == 201


def test_usage_limits_and_receipts_name_nobody_else(key_admin, people, member):
    token, user_id, team_id = member()
    key = make_key(people, token).json()
    record = make_record(key_id=key["id"], user_id=user_id, team_id=team_id)
    colleague = make_record(user_id="a colleague", team_id=team_id)
    post_records(key_admin.database_url, record, colleague)
    answers = [
        people.call(token, "GET", f"{SELF}/{path}")
        for path in ("usage?group_by=model", "limits", f"limits?key_id={key['id']}", "requests",
                     f"requests/{record.id}", "keys", f"keys/{key['id']}")
    ]  # fmt: skip
    hidden = (team_id, record.account_id, "a colleague", colleague.id, colleague.key_id)
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert [one for one in hidden if one in answer.text] == []
    assert answers[0].json()["total"]["requests"] == 1
    levels = answers[2].json()["items"]
    assert [one["level"] for one in levels] == ["team"]
    assert {one["limit"] for one in levels[0]["use"]} >= {"requests_per_minute"}
    assert people.call(token, "GET", f"{SELF}/requests/{colleague.id}").status_code == 404
    assert people.call(token, "GET", f"{SELF}/usage?group_by=account").status_code == 422


def test_who_comes_with_an_api_key_sees_that_key_and_changes_nothing(key_admin, people, member):
    token, _, _ = member()
    mine, other = make_key(people, token).json(), make_key(people, token).json()
    body = {"api_key": mine["key"]}
    holder = key_admin.call("POST", "/internal/session", json=body).json()["access_token"]
    assert [one["id"] for one in people.call(holder, "GET", OWN).json()["items"]] == [mine["id"]]
    assert people.call(holder, "GET", f"{OWN}/{other['id']}").status_code == 404
    assert people.call(holder, "GET", f"{SELF}/limits").json()["items"][-1]["level"] == "team"
    me = people.call(holder, "GET", SELF).json()
    assert (me["key_id"], me["allowance"]["obstacle"]) == (mine["id"], "key")
    for path in (OWN, f"{OWN}/{mine['id']}/rotate", f"{OWN}/{mine['id']}/revoke"):
        assert people.call(holder, "POST", path, json={"name": "x"}).status_code == 403
    people.call(token, "POST", f"{OWN}/{mine['id']}/revoke")
    assert people.call(holder, "GET", OWN).status_code == 401


def test_a_key_for_certain_clients_opens_the_portal_but_from_its_addresses(key_admin):
    key = key_admin.created(access={"clients": ["claude-code"], "addresses": ["203.0.113.0/24"]})
    body, session = {"api_key": key["key"]}, "/internal/session"
    inside = key_admin.call("POST", session, json=body, address="203.0.113.7")
    assert inside.status_code == 201
    outside = key_admin.call("POST", session, json=body, address="198.51.100.7")
    assert outside.status_code == 401


def test_a_key_is_checked_by_presenting_it(key_admin):
    key = key_admin.created(name="checked", limits={"requests_per_minute": 5})
    path = f"{SELF}/check"
    answer = key_admin.call("POST", path, json={"api_key": key["key"]}, authorization=None)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["name"], answer.json()["limits"][0]["use"][0]["most"]) == ("checked", 5)
    assert answer.headers["cache-control"] == "no-store"
    assert [one for one in (key["id"], key["user_id"], key["key"]) if one in answer.text] == []
    wrong = [
        key_admin.call("POST", path, json={"api_key": text}, authorization=None)
        for text in (f"{key['key'][:-1]}!", "no key at all", "x" * 1000)
    ]
    assert [one.status_code for one in wrong] == [401] * 3
    assert len({one.json()["detail"] for one in wrong}) == 1
    assert key_admin.call("GET", path, authorization=None).status_code in (404, 405)


def test_who_guesses_keys_is_locked_out(key_admin):
    address, body = new_address(), {"api_key": "a guess"}
    answers = [
        key_admin.call("POST", f"{SELF}/check", json=body, authorization=None, address=address)
        for _ in range(11)
    ]
    assert [one.status_code for one in answers] == [401] * 10 + [429]
    key = key_admin.created()
    body = {"api_key": key["key"]}
    for path in (f"{SELF}/check", "/internal/session"):
        answer = key_admin.call("POST", path, json=body, authorization=None, address=address)
        assert answer.status_code == 429
