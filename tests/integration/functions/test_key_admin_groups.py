"""Groups of accounts and what is bound to them: kept, refused, and projected at once."""

import json

import pytest
import redis

from common.domain.accounts import built_in_account_id
from common.domain.ids import ulid_to_uuid
from tests.support.admin_checks import (
    UNKNOWN,
    fields,
    kept,
    problem,
    trail,
    unavailable,
    waited_for,
)
from tests.support.key_admin import KEYS, new_address

GROUPS = "/internal/groups"
ACCOUNTS = "/internal/accounts"
TEAMS = "/internal/teams"
BUILT_IN = built_in_account_id("openai")


@pytest.fixture(scope="module")
def admin_environment():
    return {"OPENAI_API_KEY": "sk-from-the-environment", "OPENAI_BASE_URL": "http://openai.example"}


def account(key_admin):
    body = {"name": new_address(), "provider": "openai", "credential": {"api_key": "sk-x"}}
    return key_admin.call("POST", ACCOUNTS, json=body).json()["id"]


def group(key_admin, *account_ids):
    body = {"name": new_address(), "account_ids": list(account_ids)}
    answer = key_admin.call("POST", GROUPS, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def patch(key_admin, path, **members):
    return key_admin.call("PATCH", path, json=members)


def projected(key_admin):
    with redis.Redis.from_url(key_admin.redis_url) as client:
        table = client.hget("{relay}:routing", "r") or b"{}"
        return {name: tuple(ids) for name, ids in json.loads(table).get("groups", {}).items()}


def test_a_group_is_kept_and_projected_and_its_changes_too(key_admin):
    one, two = account(key_admin), account(key_admin)
    made = group(key_admin, one, BUILT_IN)
    path = f"{GROUPS}/{made['id']}"
    assert key_admin.get(path).json() == made | {"bound": [], "more_bound": False}
    assert made in key_admin.get(GROUPS).json()["items"]
    assert projected(key_admin)[made["id"]] == (one, BUILT_IN)
    changed = patch(key_admin, path, account_ids=[two, one, two]).json()
    assert changed["account_ids"] == [two, one]
    assert projected(key_admin)[made["id"]] == (two, one)
    assert patch(key_admin, path, account_ids=[two, one]).json() == changed
    assert key_admin.call("DELETE", path).status_code == 204
    assert made["id"] not in projected(key_admin)
    problem(key_admin.get(path), 404)
    actions = [action for action, _, _ in trail(key_admin, made["id"])]
    assert actions == ["group.create", "group.update", "group.delete"]


def test_a_wrong_group_is_refused_by_field(key_admin):
    made = group(key_admin)
    before = kept(key_admin, "account_groups", "routing", "audit")
    post = {"name": made["name"], "account_ids": []}
    said = problem(key_admin.call("POST", GROUPS, json=post), 409)
    assert [one["field"] for one in said["errors"]] == ["name"]
    post = {"name": "other", "account_ids": [BUILT_IN, UNKNOWN]}
    assert fields(key_admin.call("POST", GROUPS, json=post)) == ["account_ids[1]"]
    path = f"{GROUPS}/{made['id']}"
    assert fields(patch(key_admin, path, account_ids=[UNKNOWN])) == ["account_ids[0]"]
    assert fields(patch(key_admin, path, account_ids=None)) == ["account_ids"]
    assert fields(patch(key_admin, path, name="")) == ["name"]
    assert kept(key_admin, "account_groups", "routing", "audit") == before


def test_a_group_in_use_is_not_deleted_and_says_by_whom(key_admin):
    made = group(key_admin)
    path = f"{GROUPS}/{made['id']}"
    key = key_admin.created(name="bound key", group_id=made["id"])
    body = {"name": new_address(), "group_id": made["id"], "regions": ["eu"]}
    team = key_admin.call("POST", TEAMS, json=body).json()
    assert (key["group_id"], team["group_id"], team["regions"]) == (made["id"], made["id"], ["eu"])
    said = problem(key_admin.call("DELETE", path), 409)["detail"]
    for named in (key["id"], "'bound key'", team["id"]):
        assert named in said
    key_admin.call("DELETE", f"/internal/api-keys/{key['id']}")
    assert key["id"] in problem(key_admin.call("DELETE", path), 409)["detail"]
    unbound = patch(key_admin, f"/internal/api-keys/{key['id']}", group_id=None).json()
    assert (unbound["status"], unbound["group_id"]) == ("revoked", None)
    taken = patch(key_admin, f"{TEAMS}/{team['id']}", account_id=BUILT_IN).json()
    assert (taken["account_id"], taken["group_id"]) == (BUILT_IN, None)
    assert key_admin.call("DELETE", path).status_code == 204


def test_a_key_whose_account_is_gone_is_restored_when_it_is_unbound(key_admin):
    bound = account(key_admin)
    path = f"{KEYS}/{key_admin.created(account_id=bound)['id']}"
    key_admin.call("POST", f"{path}/revoke")
    assert key_admin.call("DELETE", f"{ACCOUNTS}/{bound}").status_code == 204
    said = problem(key_admin.call("POST", f"{path}/restore"), 409)["detail"]
    assert f"{bound}, which was deleted" in said
    unbound = patch(key_admin, path, account_id=None, group_id=None, team_id=None).json()
    assert (unbound["status"], unbound["account_id"]) == ("revoked", None)
    assert key_admin.call("POST", f"{path}/restore").json()["status"] == "active"


def test_nothing_is_bound_to_an_account_that_is_deleted_at_that_moment(key_admin):
    account_id, path = account(key_admin), f"{KEYS}/{key_admin.created()['id']}"
    statement = "UPDATE accounts SET deleted_at = now() WHERE id::text = %s"
    row = str(ulid_to_uuid(account_id))
    answer = waited_for(
        key_admin, statement, row, lambda: patch(key_admin, path, account_id=account_id)
    )
    assert fields(answer) == ["account_id"]


def test_an_account_that_something_is_bound_to_at_that_moment_stays(key_admin):
    account_id, key = account(key_admin), key_admin.created()
    # As binding does: the account's row is held, then the key is written.
    statement = (
        f"WITH held AS (SELECT id FROM accounts WHERE id = '{ulid_to_uuid(account_id)}' FOR SHARE) "
        f'UPDATE api_keys SET routing = \'{{"account_id": "{account_id}"}}\' FROM held '
        "WHERE api_keys.id::text = %s"
    )
    row = str(ulid_to_uuid(key["id"]))
    path = f"{ACCOUNTS}/{account_id}"
    answer = waited_for(key_admin, statement, row, lambda: key_admin.call("DELETE", path))
    assert key["id"] in problem(answer, 409)["detail"]
    assert key_admin.get(path).status_code == 200


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"account_id": UNKNOWN}, "account_id"), ({"group_id": UNKNOWN}, "group_id"),
        ({"regions": ["EU west"]}, "regions[0]"), ({"regions": None}, "regions"),
        ({"fallbacks": {"m": []}}, "fallbacks.m"), ({"fallbacks": None}, "fallbacks"),
    ],
)  # fmt: skip
def test_wrong_rules_of_a_team_are_named(key_admin, members, field):
    made = key_admin.call("POST", TEAMS, json={"name": new_address()}).json()
    before = kept(key_admin, "teams", "audit")
    assert fields(patch(key_admin, f"{TEAMS}/{made['id']}", **members)) == [field]
    assert kept(key_admin, "teams", "audit") == before


def test_fallbacks_and_regions_of_team_and_organisation_are_kept(key_admin):
    fallbacks = {"gpt-*": ["gpt-4o-mini"], "o3": ["o4-mini", "gpt-5"]}
    made = key_admin.call("POST", TEAMS, json={"name": new_address(), "fallbacks": fallbacks})
    assert made.json()["fallbacks"] == fallbacks
    for path in (f"{TEAMS}/{made.json()['id']}", "/internal/organisation"):
        changed = patch(key_admin, path, fallbacks={"m": ["n"]}, regions=["eu", "eu"]).json()
        assert (changed["fallbacks"], changed["regions"]) == ({"m": ["n"]}, ["eu"])
        emptied = patch(key_admin, path, fallbacks={}, regions=[]).json()
        assert (emptied["fallbacks"], emptied["regions"]) == ({}, [])


def test_what_a_commit_would_take_away_needs_redis_first(key_admin, redis_server):
    one = account(key_admin)
    made = group(key_admin, one)
    path = f"{GROUPS}/{made['id']}"
    before = kept(key_admin, "account_groups")
    redis_server.stop()
    assert "nothing was changed" in unavailable(patch(key_admin, path, account_ids=[]))
    assert kept(key_admin, "account_groups") == before
    redis_server.start()
    group(key_admin)  # the next change brings all of it
    assert projected(key_admin)[made["id"]] == (one,)
