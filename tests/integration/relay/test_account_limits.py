"""Limits of accounts through relay: the next account serves, then nobody, in dialect; defaults."""

import msgspec
import pytest
import redis

from common.domain.access import Access
from common.domain.policies import ORGANISATION, Budget, Limits, Policy, account_scope
from tests.support.relay_process import (
    CHAT,
    PATHS,
    PREFIX,
    RelayProcess,
    ask,
    eventually,
    stored_account,
)

MODELS_SERVED = {"gpt-4o-mini": "gpt-4o-mini", "claude-sonnet-4-5": "claude-sonnet-4-5"}


def account(echo, dialect="openai", priority=1, *budgets, **limits):
    made = stored_account(
        echo.url,
        name=f"of {priority}",
        provider=dialect,
        priority=priority,
        models=MODELS_SERVED,
        policy=Policy(Limits(**limits), tuple(Budget("day", usd, "deny") for usd in budgets)),
    )
    if dialect == "anthropic":
        return msgspec.structs.replace(made, base_url=echo.url)
    return made


def settled(relay, count):
    eventually(lambda: len(relay.records()) == count and relay.open_leases() == (0, 0))


@pytest.mark.parametrize("dialect", PATHS)
def test_an_account_at_its_limit_is_passed_by_until_none_is_left(relay, echo, dialect):
    first = account(echo, dialect, 1, requests_per_minute=1)
    second = account(echo, dialect, 2, requests_per_day=1)
    relay.project_accounts(first, second)
    pinned = {} if dialect == "openai" else {"max_tokens": 20}
    answers = [relay.client.post(PATHS[dialect], json=ask(dialect, **pinned)) for _ in range(3)]
    # The built-in account names no model, and so comes after those that do.
    assert [answer.status_code for answer in answers] == [200] * 3
    settled(relay, 3)
    by_request = sorted(relay.records(), key=lambda record: record.id)
    served = [record.account_id for record in by_request]
    assert served[:2] == [first.id, second.id]
    assert served[2] not in served[:2]


@pytest.mark.parametrize("dialect", PATHS)
def test_when_all_are_at_their_limits_the_soonest_is_told_and_nothing_counted(
    bare_relay, echo, dialect
):
    relay = bare_relay
    relay.project_accounts(account(echo, dialect, 1, requests_per_minute=1))
    path = PATHS[dialect]
    assert relay.client.post(path, json=ask(dialect)).status_code == 200
    settled(relay, 1)
    with redis.Redis.from_url(relay.redis.url) as client:
        before = {key: client.dump(key) for key in client.keys(f"{PREFIX}:window:*")}
        denied = relay.client.post(path, json=ask(dialect))
        assert {key: client.dump(key) for key in client.keys(f"{PREFIX}:window:*")} == before
    assert denied.status_code == 429
    assert denied.json()["error"]["type"] == "rate_limit_error"
    assert 0 < int(denied.headers["retry-after"]) <= 65
    assert "x-should-retry" not in denied.headers
    assert relay.open_leases() == (0, 0)


def test_a_hard_budget_of_an_account_caps_refuses_and_is_counted(bare_relay, echo):
    relay = bare_relay
    one = account(echo, "openai", 1, "0.01")
    relay.project_accounts(one)
    assert relay.client.post(CHAT, json=ask("openai")).status_code == 200
    assert echo.last()["body"]["max_completion_tokens"] == 4096
    settled(relay, 1)
    with redis.Redis.from_url(relay.redis.url) as client:
        (name,) = client.keys(f"{PREFIX}:money:{account_scope(one.id)}:*")
        assert int(client.hget(name, "s")) > 0
        assert int(client.hget(name, "r")) == 0
    unbounded = relay.client.post(CHAT, json=ask("openai", web_search_options={}))
    assert unbounded.status_code == 400
    assert "every account" in unbounded.json()["error"]["message"]
    dear = relay.client.post(CHAT, json=ask("openai", max_completion_tokens=16_384, n=100))
    assert dear.status_code == 429
    assert dear.headers["x-should-retry"] == "false"


def test_a_cap_for_an_accounts_budget_is_in_the_record_where_nothing_else_limits(relay, echo):
    relay.project_accounts(account(echo, "openai", 1, "0.01"))
    assert relay.client.post(CHAT, json=ask("openai")).status_code == 200
    settled(relay, 1)
    (record,) = relay.records()
    assert (record.policy.limits, record.policy.output_cap) == ((), 4096)
    assert record.policy.reserved_usd is None  # the figures of accounts are not the caller's


@pytest.fixture(scope="module")
def running_bare_relay(tmp_path_factory, running_redis, running_echo):
    """Without built-in accounts, and with a default limit of tokens."""
    directory = tmp_path_factory.mktemp("bare")
    environment = {
        "OPENAI_API_KEY": "",
        "ANTHROPIC_API_KEY": "",
        "RELAY_DEFAULT_TOKEN_LIMIT": "5000",
        "RELAY_TRUSTED_PROXIES": "1",
    }
    with RelayProcess(directory, running_redis, running_echo.url, **environment) as process:
        yield process


@pytest.fixture
def bare_relay(running_bare_relay):
    running_bare_relay.reset()
    return running_bare_relay


def limits(relay, key):
    shown = relay.client.get("/v1/key", headers={"authorization": f"Bearer {key}"}).json()
    return [(one["level"], one["limit"], one["most"]) for one in shown["applied"]]


def test_the_default_limit_of_tokens_is_each_keys_that_no_level_limits(bare_relay, echo):
    relay = bare_relay
    relay.project_accounts(account(echo))
    default = [("default", "tokens_per_day", 5000)]
    assert limits(relay, relay.key) == default
    other = relay.project_key(policy=Policy(Limits(requests_per_minute=9)))
    assert limits(relay, other) == [("key", "requests_per_minute", 9), *default]
    own = relay.project_key(policy=Policy(Limits(tokens_per_day=7)))
    assert limits(relay, own) == [("key", "tokens_per_day", 7)]
    answer = relay.client.post(CHAT, json=ask("openai", "a " * 300_000))
    assert answer.status_code == 429
    assert answer.json()["error"]["limit"]["level"] == "default"
    relay.project_policy(ORGANISATION, Policy(Limits(tokens_per_day=70)))
    assert limits(relay, relay.key) == [("organisation", "tokens_per_day", 70)]


def test_a_declared_proxy_says_whose_request_it_is(bare_relay, echo):
    relay = bare_relay
    relay.project_accounts(account(echo))
    key = relay.project_key(policy=Policy(access=Access(addresses=("203.0.113.0/24",))))
    for forwarded, status in (
        ("203.0.113.9", 200), ("10.0.0.1, 203.0.113.9", 200), ("203.0.113.9, 10.0.0.1", 403),
    ):  # fmt: skip
        headers = {"authorization": f"Bearer {key}", "x-forwarded-for": forwarded}
        assert relay.client.post(CHAT, json=ask("openai"), headers=headers).status_code == status
