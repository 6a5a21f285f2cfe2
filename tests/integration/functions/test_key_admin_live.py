"""What key_admin answers holds on relay's next request: keys and accounts, with both running."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.key_admin import KEYS, new_address
from tests.support.relay_process import CHAT, RelayProcess, ask, eventually

ACCOUNTS = "/internal/accounts"
SECRET, OTHER_SECRET = "sk-the-credential", "sk-the-credential-that-replaces-it"
REFUSED = (401, "invalid_api_key")
KEY_TEXT = base64.b64encode(b"an encryption key of thirty-two.").decode()
SEALING = {"RELAY_ENCRYPTION_KEYS": f"2026-11:{KEY_TEXT}"}


@pytest.fixture(scope="module")
def admin_environment():
    return SEALING


@pytest.fixture(scope="module")
def running_relay(served, _worker_redis, running_echo, tmp_path_factory):
    """A relay without accounts of its own, on key_admin's stores."""
    environment = {
        **SEALING,
        "RELAY_DATABASE_URL": served.database_url,
        "OPENAI_API_KEY": "",
        "ANTHROPIC_API_KEY": "",
    }
    directory = tmp_path_factory.mktemp("relay")
    with RelayProcess(directory, _worker_redis, running_echo.url, **environment) as process:
        yield process


@pytest.fixture
def relay(key_admin, running_relay):
    """It, when no account is left of the test before."""
    for account in key_admin.get(ACCOUNTS, limit=500).json()["items"]:
        assert key_admin.call("DELETE", f"{ACCOUNTS}/{account['id']}").status_code == 204
    return running_relay


@pytest.fixture
def account(key_admin, relay, echo):
    return made_account(key_admin, echo)


def made_account(key_admin, echo, **members):
    body = {
        "name": new_address(),
        "provider": "openai",
        "base_url": f"{echo.url}/v1",
        "credential": {"api_key": SECRET},
    }
    answer = key_admin.call("POST", ACCOUNTS, json=body | members)
    assert answer.status_code == 201, answer.text
    return answer.json()


def change(key_admin, path, **members):
    answer = key_admin.call("PATCH", path, json=members)
    assert answer.status_code == 200, answer.text
    return answer.json()


def said(relay, key, **fields):
    """Status and code of relay's answer to a small request with that key."""
    headers = {"authorization": f"Bearer {key}"}
    answer = relay.client.post(CHAT, headers=headers, json=ask("openai", **fields))
    return answer.status_code, answer.json().get("error", {}).get("code")


def presented(echo):
    """The credential that the provider was shown last."""
    return echo.last()["headers"]["authorization"].removeprefix("Bearer ")


def test_an_account_serves_until_it_is_disabled_or_deleted(key_admin, relay, echo):
    key = key_admin.created()["key"]
    none = said(relay, key)
    assert none == (404, "model_not_found")
    account = made_account(key_admin, echo)
    assert said(relay, key) == (200, None)
    assert presented(echo) == SECRET
    path = f"{ACCOUNTS}/{account['id']}"
    change(key_admin, path, enabled=False)
    assert said(relay, key) == none
    change(key_admin, path, enabled=True)
    assert said(relay, key) == (200, None)
    assert key_admin.call("DELETE", path).status_code == 204
    assert said(relay, key) == none


def test_what_of_an_account_is_changed_is_used_next(key_admin, relay, echo, account):
    key = key_admin.created()["key"]
    assert said(relay, key) == (200, None)
    path = f"{ACCOUNTS}/{account['id']}"
    change(key_admin, path, credential={"api_key": OTHER_SECRET})
    assert said(relay, key) == (200, None)
    assert presented(echo) == OTHER_SECRET
    change(key_admin, path, models={"gpt-4o": "gpt-4o-mini"})
    assert said(relay, key)[0] == 404
    assert said(relay, key, model="gpt-4o") == (200, None)
    other = made_account(key_admin, echo, priority=1, credential={"api_key": "sk-of-the-first"})
    assert said(relay, key) == (200, None)
    assert presented(echo) == "sk-of-the-first"
    change(key_admin, path, models=[], priority=0)
    assert said(relay, key) == (200, None)
    assert presented(echo) == OTHER_SECRET
    assert other["id"] != account["id"]


def test_both_keys_work_until_the_grace_ends(key_admin, relay, account):
    made = key_admin.created()
    before = datetime.now(UTC)
    answer = key_admin.call("POST", f"{KEYS}/{made['id']}/rotate", json={"grace_s": 2})
    assert answer.status_code == 201, answer.text
    new = answer.json()["key"]
    assert [said(relay, key) for key in (made["key"], new)] == [(200, None)] * 2
    eventually(lambda: said(relay, made["key"]) == REFUSED)
    assert datetime.now(UTC) - before >= timedelta(seconds=2)
    assert said(relay, new) == (200, None)


def test_without_grace_the_old_key_is_refused_at_once(key_admin, relay, account):
    made = key_admin.created()
    assert said(relay, made["key"]) == (200, None)
    path = f"{KEYS}/{made['id']}/rotate"
    new = key_admin.call("POST", path, json={"grace_s": 0}).json()["key"]
    assert said(relay, made["key"]) == REFUSED
    assert said(relay, new) == (200, None)


@pytest.mark.parametrize("end", ["revoke", "disable"])
def test_a_key_is_refused_until_it_is_restored(key_admin, relay, account, end):
    made = key_admin.created()
    path = f"{KEYS}/{made['id']}"
    assert said(relay, made["key"]) == (200, None)
    if end == "revoke":
        assert key_admin.call("POST", f"{path}/revoke").status_code == 200
    else:
        change(key_admin, path, status="disabled")
    assert said(relay, made["key"]) == REFUSED
    assert key_admin.call("POST", f"{path}/restore").status_code == 200
    assert said(relay, made["key"]) == (200, None)


def test_a_disabled_key_is_active_again_by_a_patch(key_admin, relay, account):
    made = key_admin.created()
    path = f"{KEYS}/{made['id']}"
    change(key_admin, path, status="disabled")
    assert said(relay, made["key"]) == REFUSED
    change(key_admin, path, status="active")
    assert said(relay, made["key"]) == (200, None)


@pytest.mark.parametrize(
    ("members", "refusal", "undone"),
    [
        ({"models": {"deny": ["gpt-*"]}}, (403, "model_not_allowed"), {"models": {}}),
        ({"models": {"allow": ["o3"]}}, (403, "model_not_allowed"), {"models": {"allow": ["*"]}}),
        ({"scopes": ["models"]}, (403, "scope_not_allowed"), {"scopes": []}),
    ],
)
def test_a_patch_is_effective_on_the_next_request(
    key_admin, relay, account, members, refusal, undone
):
    made = key_admin.created()
    path = f"{KEYS}/{made['id']}"
    assert said(relay, made["key"]) == (200, None)
    change(key_admin, path, **members)
    assert said(relay, made["key"]) == refusal
    change(key_admin, path, **undone)
    assert said(relay, made["key"]) == (200, None)


def test_an_end_that_is_brought_forward_holds_and_can_be_taken_away(key_admin, relay, account):
    made = key_admin.created()
    path = f"{KEYS}/{made['id']}"
    soon = datetime.now(UTC) + timedelta(seconds=2)
    change(key_admin, path, expires_at=soon.isoformat())
    assert said(relay, made["key"]) == (200, None)
    eventually(lambda: said(relay, made["key"]) == REFUSED)
    assert datetime.now(UTC) >= soon
    assert key_admin.get(path).json()["status"] == "expired"
    change(key_admin, path, expires_at=None)
    assert said(relay, made["key"]) == (200, None)


def test_neither_log_has_a_secret(key_admin, relay, echo, account):
    made = key_admin.created()
    assert said(relay, made["key"]) == (200, None)
    for log in (key_admin.log, relay.log):
        text = log.read_text()
        assert "request" in text
        for secret in (made["key"], SECRET, OTHER_SECRET):
            assert secret not in text
