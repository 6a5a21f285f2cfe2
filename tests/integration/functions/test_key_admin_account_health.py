"""What the system observes of accounts is shown, and taken back, beside what operators decide."""

import json

import pytest

from common.domain.accounts import built_in_account_id
from common.identifiers import now_ms
from tests.support.admin_checks import UNKNOWN, problem, trail, unavailable
from tests.support.key_admin import new_address
from tests.support.relay_process import PREFIX

ACCOUNTS = "/internal/accounts"
OK = {"status": "ok", "circuit": "closed", "cause": None, "since": None, "until": None}
OK |= {"last_error": None}
OPENAI = built_in_account_id("openai")


@pytest.fixture(scope="module")
def admin_environment():
    return {"OPENAI_API_KEY": "sk-from-the-environment"}


def created(key_admin, **members):
    body = {"name": new_address(), "provider": "openai", "credential": {"api_key": "sk-x"}}
    answer = key_admin.call("POST", ACCOUNTS, json=body | members)
    assert answer.status_code == 201, answer.text
    assert answer.json()["health"] == OK
    return answer.json()["id"]


def fall_ill(key_admin, account_id):
    since = now_ms()
    failure = {"at_ms": since, "reason": "upstream_credential", "status": 401, "count": 2}
    with key_admin.redis() as redis:
        state = f"{since + 900_000} 900000 0 {since} unauthorized -"
        redis.hset(f"{PREFIX}:cooldowns", account_id, state)
        kept = json.dumps(failure | {"message": "Incorrect API key provided: ***"})
        redis.hset(f"{PREFIX}:account-failures", account_id, kept)


def health(key_admin, account_id):
    return key_admin.get(f"{ACCOUNTS}/{account_id}").json()["health"]


@pytest.mark.parametrize("which", ["stored", "built-in"])
def test_health_is_shown_and_reset_with_a_row_in_the_trail(key_admin, which):
    account_id = created(key_admin) if which == "stored" else OPENAI
    fall_ill(key_admin, account_id)
    ill = health(key_admin, account_id)
    assert (ill["status"], ill["circuit"], ill["cause"]) == ("unauthorized", "open", "unauthorized")
    assert ill["since"] < ill["until"]
    assert ill["last_error"]["message"] == "Incorrect API key provided: ***"
    assert (ill["last_error"]["status"], ill["last_error"]["count"]) == (401, 2)
    listed = key_admin.get(ACCOUNTS).json()["items"]
    assert [one["health"] for one in listed if one["id"] == account_id] == [ill]
    before = len(trail(key_admin, account_id))
    answer = key_admin.call("POST", f"{ACCOUNTS}/{account_id}/reset")
    assert answer.status_code == 200, answer.text
    assert answer.json()["health"] == health(key_admin, account_id) == OK
    (row,) = trail(key_admin, account_id)[before:]
    assert row == ("account.reset", ill, None)


def test_a_reset_of_nothing_is_refused(key_admin):
    problem(key_admin.call("POST", f"{ACCOUNTS}/{UNKNOWN}/reset"), 404)


def test_another_credential_is_another_chance_and_another_name_is_none(key_admin):
    account_id = created(key_admin)
    fall_ill(key_admin, account_id)
    named = {"name": new_address(), "enabled": False}
    assert key_admin.call("PATCH", f"{ACCOUNTS}/{account_id}", json=named).status_code == 200
    assert health(key_admin, account_id)["status"] == "unauthorized"
    credential = {"credential": {"api_key": "sk-y"}}
    answer = key_admin.call("PATCH", f"{ACCOUNTS}/{account_id}", json=credential)
    assert answer.json()["health"] == health(key_admin, account_id) == OK


def test_a_good_test_call_makes_it_serve_again(key_admin, echo):
    account_id = created(key_admin, base_url=f"{echo.url}/v1", models={"gpt-4o": "gpt-4o"})
    fall_ill(key_admin, account_id)
    lines = key_admin.call("POST", f"{ACCOUNTS}/{account_id}/test").text.splitlines()
    assert json.loads(lines[-1])["ok"] is True
    assert health(key_admin, account_id) == OK


def test_without_redis_health_is_unknown_and_nothing_is_reset(key_admin, redis_server):
    account_id = created(key_admin)
    redis_server.stop()
    assert health(key_admin, account_id) is None
    unavailable(key_admin.call("POST", f"{ACCOUNTS}/{account_id}/reset"))
    assert [action for action, *_ in trail(key_admin, account_id)] == ["account.create"]
