"""Access rules through relay: each refusal in dialect, final, and leaves no trace on counters."""

import time

import anthropic
import openai
import pytest
import redis

from common.domain.access import Access
from common.domain.policies import Limits, Policy, team_scope
from tests.support.relay_process import CHAT, MESSAGES, PATHS, PREFIX, ask, eventually

TEAM = "01ARYZ6S41TSV4RRFFQ69G5FAV"
LIMITS = Limits(requests_per_minute=100, tokens_per_day=100_000, concurrency=5)
DAY_MS = 24 * 3600 * 1000


def post(relay, key, dialect="openai", **headers):
    sent = {"authorization": f"Bearer {key}", **headers}
    return relay.client.post(PATHS[dialect], json=ask(dialect), headers=sent)


def counters(relay):
    with redis.Redis.from_url(relay.redis.url) as client:
        kinds = ("window", "count", "money", "inflight", "lease", "queue", "activat")
        return {key: client.type(key) for kind in kinds for key in client.keys(f"{PREFIX}:{kind}*")}


def refused(relay, answer, dialect, code, *words):
    assert answer.status_code == 403
    assert answer.headers["x-should-retry"] == "false"
    error = answer.json()["error"]
    if dialect == "openai":
        assert error["code"] == code
    else:
        assert (answer.json()["type"], error["type"]) == ("error", "permission_error")
    for word in words:
        assert word in error["message"]
    assert counters(relay) == {}
    assert relay.records() == []


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("level", ["key", "team"])
@pytest.mark.parametrize(
    ("rules", "code", "words"),
    [
        ({"addresses": ("10.0.0.0/8", "2001:db8::/32")}, "address_not_allowed", ["127.0.0.1"]),
        (
            {"clients": ("curl", "my-app/*")},
            "client_not_allowed",
            ["python-httpx", "my-app"],
        ),
        ({"scopes": ("embeddings",)}, "scope_not_allowed", ["embeddings"]),
        ({"models_deny": ("*",)}, "model_not_allowed", ["/v1/models"]),
        ({"models_allow": ("o3",)}, "model_not_allowed", ["/v1/models"]),
    ],
)
def test_a_rule_refuses_in_dialect_and_for_good(relay, echo, dialect, level, rules, code, words):
    policy = Policy(LIMITS, access=Access(**rules))
    key = relay.project_key(team_id=TEAM, policy=policy if level == "key" else Policy(LIMITS))
    if level == "team":
        relay.project_policy(team_scope(TEAM), policy)
    named = [f"{level}'s rule access.{next(iter(rules)).partition('_')[0]}"]
    for _ in range(2):  # by a snapshot that is new, and by one that is known
        refused(relay, post(relay, key, dialect), dialect, code, *words, *named)
    assert echo.requests() == []


def test_the_sdks_do_not_repeat_it(relay):
    key = relay.project_key(policy=Policy(access=Access(addresses=("10.0.0.0/8",))))
    before = len(relay.log_lines("request"))
    with pytest.raises(openai.PermissionDeniedError):
        openai.OpenAI(base_url=f"{relay.url}/v1", api_key=key).chat.completions.create(
            **ask("openai")
        )
    with pytest.raises(anthropic.PermissionDeniedError):
        anthropic.Anthropic(base_url=relay.url, api_key=key).messages.create(**ask("anthropic"))

    def refused():
        lines = relay.log_lines("request")[before:]
        return [line["endpoint"] for line in lines if line["reason"] == "address_not_allowed"]

    eventually(lambda: len(refused()) >= 2)
    assert refused() == ["chat.completions", "messages"]


def test_what_the_rules_admit_is_served(relay):
    rules = Access(
        addresses=("127.0.0.0/8",),
        clients=("claude-code",),
        dialects=("anthropic",),
        scopes=("messages",),
        models_allow=("claude-*",),
    )
    key = relay.project_key(policy=Policy(access=rules))
    agent = {"user-agent": "claude-cli/2.0.50 (external, cli)"}
    assert post(relay, key, "anthropic", **agent).status_code == 200
    assert post(relay, key, "openai", **agent).json()["error"]["code"] == "scope_not_allowed"
    denied = post(relay, key, "anthropic")
    assert denied.status_code == 403
    assert "claude-code" in denied.json()["error"]["message"]


def test_a_dialect_is_refused_by_name(relay):
    key = relay.project_key(policy=Policy(access=Access(dialects=("openai",))))
    assert post(relay, key).status_code == 200
    denied = post(relay, key, "anthropic")
    assert denied.status_code == 403
    assert "access.dialects" in denied.json()["error"]["message"]


def test_a_level_bounds_what_its_keys_list(relay):
    relay.project_policy(team_scope(TEAM), Policy(access=Access(models_allow=("gpt-4o*",))))
    key = relay.project_key(team_id=TEAM, models_deny=["*-mini"])
    sent = {"authorization": f"Bearer {key}"}
    names = [one["id"] for one in relay.client.get("/v1/models", headers=sent).json()["data"]]
    assert names
    assert all(name.startswith("gpt-4o") and not name.endswith("-mini") for name in names)


def test_an_address_is_not_believed_from_whoever_writes_it(relay):
    key = relay.project_key(policy=Policy(access=Access(addresses=("10.0.0.0/8",))))
    assert post(relay, key, **{"x-forwarded-for": "10.1.1.1"}).status_code == 403


def test_a_change_of_rules_holds_on_the_next_request(relay):
    key = relay.project_key()
    assert post(relay, key).status_code == 200
    relay.project_key(secret=key, policy=Policy(access=Access(clients=("curl",))))
    assert post(relay, key).status_code == 403
    relay.project_key(secret=key)
    assert post(relay, key).status_code == 200


def test_a_key_shows_the_rules_of_all_levels(relay):
    relay.project_policy(team_scope(TEAM), Policy(access=Access(models_deny=("o3",))))
    rules = Access(addresses=("127.0.0.1",))
    key = relay.project_key(team_id=TEAM, policy=Policy(access=rules), activation_days=30)
    shown = relay.client.get("/v1/key", headers={"authorization": f"Bearer {key}"}).json()
    assert [(one["level"], one["models"]["deny"], one["addresses"]) for one in shown["access"]] == [
        ("team", ["o3"], []),
        ("key", [], ["127.0.0.1"]),
    ]
    assert shown["activation"] == {"days": 30, "activated_at": None, "expires_at": None}


def activation(relay, key):
    sent = {"authorization": f"Bearer {key}"}
    return relay.client.get("/v1/key", headers=sent).json()["activation"]


def test_a_key_ends_some_days_after_its_first_admitted_request(relay):
    key = relay.project_key(activation_days=1, models_deny=["o3"])
    denied = {**ask("openai"), "model": "o3"}
    sent = {"authorization": f"Bearer {key}"}
    assert relay.client.post(CHAT, json=denied, headers=sent).status_code == 403
    assert activation(relay, key)["activated_at"] is None
    assert post(relay, key).status_code == 200
    first = activation(relay, key)["activated_at"]
    assert first is not None
    assert post(relay, key).status_code == 200
    assert activation(relay, key)["activated_at"] == first
    with redis.Redis.from_url(relay.redis.url) as client:
        ((key_id, first_ms),) = client.hgetall(f"{PREFIX}:activations").items()
        assert client.smembers(f"{PREFIX}:activated") == {key_id}
        client.hset(f"{PREFIX}:activations", key_id, int(first_ms) - DAY_MS)
    for path in (CHAT, MESSAGES):
        dialect = "openai" if path == CHAT else "anthropic"
        answer = post(relay, key, dialect)
        assert answer.status_code == 401
        assert answer.headers["x-should-retry"] == "false"
        assert "expired" in answer.json()["error"]["message"]


def test_a_fixed_end_that_comes_first_counts(relay):
    key = relay.project_key(activation_days=1, ends_ms=int(time.time() * 1000) + 100)
    eventually(lambda: post(relay, key).status_code == 401)
