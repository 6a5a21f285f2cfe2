"""Access rules, activation, accounts' limits by the admin API: kept, shown, audited, projected."""

import json

import pytest

from common.domain.ids import ulid_to_uuid
from tests.support.admin_checks import fields, trail
from tests.support.key_admin import KEYS, OPEN, OPEN_KEY

KEY_RULES = {
    "dialects": ["openai"],
    "clients": ["claude-code", "my-app/*"],
    "addresses": ["10.0.0.0/8", "2001:db8::/32", "203.0.113.9"],
}
RULES = {
    **KEY_RULES,
    "models": {"allow": ["gpt-*"], "deny": ["*-mini"]},
    "scopes": ["messages", "embeddings"],
}
ACCOUNTS = "/internal/accounts"
ACCOUNT = {"provider": "openai", "credential": {"api_key": "sk-1"}}
LIMITS = {"requests_per_minute": 5, "tokens_per_day": 900, "concurrency": 3}


def projected(key_admin, name):
    with key_admin.redis() as connection:
        return json.loads(connection.hget(name, "r") or "{}")


def test_a_keys_rules_are_kept_changed_and_taken_away(key_admin):
    made = key_admin.created(access=KEY_RULES, activation={"days": 30})
    path = f"{KEYS}/{made['id']}"
    assert made["access"] == KEY_RULES
    assert made["activation"] == {"days": 30, "activated_at": None, "expires_at": None}
    one = {**OPEN_KEY["access"], "clients": ["curl"]}
    changed = key_admin.call("PATCH", path, json={"access": {"clients": ["curl"]}}).json()
    assert changed["access"] == one
    action, before, after = trail(key_admin, made["id"])[-1]
    assert (action, before["access"], after["access"]) == ("key.update", KEY_RULES, one)
    freed = key_admin.call("PATCH", path, json={"access": None, "activation": None}).json()
    assert freed["access"] == OPEN_KEY["access"]
    assert freed["activation"] is None
    assert key_admin.get(path).json() == freed


@pytest.mark.parametrize("path", ["/internal/teams", "/internal/users", "/internal/organisation"])
def test_a_levels_rules_are_in_redis_before_it_answers(key_admin, path):
    if path == "/internal/organisation":
        one, scope = path, "organisation"
    else:
        given = {"name": "blue"} if path == "/internal/teams" else {"id": "zoe"}
        made = key_admin.call("POST", path, json=given).json()
        assert made["access"] == OPEN["access"]
        one = f"{path}/{made['id']}"
        scope = f"team:{ulid_to_uuid(made['id'])}" if "name" in given else "user:zoe"
    answer = key_admin.call("PATCH", one, json={"access": RULES})
    assert answer.json()["access"] == RULES
    access = projected(key_admin, f"{{relay}}:policy:{scope}")["access"]
    assert access["addresses"] == RULES["addresses"]
    assert (access["models_deny"], access["scopes"]) == (["*-mini"], RULES["scopes"])
    assert key_admin.call("PATCH", one, json={"access": None}).json()["access"] == OPEN["access"]
    assert projected(key_admin, f"{{relay}}:policy:{scope}") == {}


def test_redis_away_nothing_is_taken_away(key_admin, redis_server):
    made = key_admin.created()
    path = f"{KEYS}/{made['id']}"
    redis_server.stop()
    assert key_admin.call("PATCH", path, json={"access": KEY_RULES}).status_code == 503
    assert key_admin.call("PATCH", path, json={"activation": {"days": 1}}).status_code == 503
    assert key_admin.get(path).json()["access"] == OPEN_KEY["access"]
    redis_server.start()


@pytest.mark.parametrize(
    ("given", "field", "word"),
    [
        ({"access": {"addresses": ["10.0.0.1/8"]}}, "access.addresses", "host bits"),
        ({"access": {"addresses": ["home"]}}, "access.addresses", "203.0.113.0/24"),
        ({"access": {"clients": ["my-app"]}}, "access.clients", "claude-code"),
        ({"access": {"dialects": ["grpc"]}}, "access.dialects", "anthropic"),
        ({"access": {"models": {}}}, "access.models", ""),
        ({"activation": {"days": 0}}, "activation.days", ""),
        ({"scopes": ["message"]}, "scopes", "messages"),
        ({"limits": {"queue": {"max_waiting": 1, "timeout_ms": 5}}}, "limits", "concurrency"),
        ({"limits": {"concurrency": 1, "queue": {"max_waiting": 1}}}, "limits.queue", ""),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_name(key_admin, given, field, word):
    answer = key_admin.create(**given)
    assert answer.status_code == 422
    (name,) = fields(answer)
    assert name.startswith(field)
    assert word in answer.json()["errors"][0]["message"]


def test_an_account_shows_its_limits_and_what_is_used_of_them(key_admin):
    budgets = [{"period": "month", "usd": "20"}]
    body = {"name": "limited", **ACCOUNT, "limits": LIMITS, "budgets": budgets}
    made = key_admin.call("POST", ACCOUNTS, json={**body, "max_concurrency": 2}).json()
    assert made["limits"] == {
        **dict.fromkeys(("tokens_per_minute", "requests_per_day", "window")), **LIMITS,
    }  # fmt: skip
    assert made["budgets"] == [{"period": "month", "usd": "20", "policy": "deny"}]
    used = {one["limit"]: one for one in made["use"]}
    assert used["concurrency"]["most"] == 2
    assert used["budget.month"]["remaining"] == "20.000000000000"
    with key_admin.redis() as connection:
        connection.hset("{relay}:inflight", f"account:{made['id']}", 1)
    found = key_admin.get(f"{ACCOUNTS}/{made['id']}").json()
    used = {one["limit"]: one for one in found["use"]}
    assert (used["concurrency"]["used"], used["concurrency"]["remaining"]) == (1, 1)
    (record,) = projected(key_admin, "{relay}:accounts")
    assert record["policy"]["limits"]["tokens_per_day"] == 900
    path = f"{ACCOUNTS}/{made['id']}"
    freed = key_admin.call("PATCH", path, json={"limits": None, "budgets": None}).json()
    assert (freed["budgets"], [one["limit"] for one in freed["use"]]) == ([], ["concurrency"])
    listed = key_admin.get(ACCOUNTS).json()["items"]
    assert [one["use"] for one in listed if one["id"] == made["id"]] == [freed["use"]]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"budgets": [{"period": "day", "usd": "1", "policy": "clamp"}]}, "budgets"),
        ({"limits": {"concurrency": 1, "queue": {"max_waiting": 1, "timeout_ms": 1}}}, "limits"),
    ],
)
def test_an_account_neither_clamps_nor_queues(key_admin, given, field):
    answer = key_admin.call("POST", ACCOUNTS, json={"name": "x", **ACCOUNT, **given})
    assert answer.status_code == 422
    assert fields(answer)[0].startswith(field)
