"""Limits and budgets through relay: refusals as each SDK takes them, caps, headers, at once."""

import re
from concurrent.futures import ThreadPoolExecutor

import anthropic
import openai
import pytest
import redis

from common.domain.money import pico_from_usd
from common.domain.policies import Budget, Calendar, Limits, Policy, Window, team_scope
from tests.support.relay_process import (
    CHAT,
    MESSAGES,
    PATHS,
    PREFIX,
    RelayProcess,
    ask,
    eventually,
)

TEAM = "01ARYZ6S41TSV4RRFFQ69G5FAV"
TEAM_SCOPE = team_scope(TEAM)


def limited(relay, *, budgets=(), **limits) -> str:
    policy = Policy(Limits(**limits), tuple(Budget(*one) for one in budgets))
    return relay.project_key(policy=policy)


def post(relay, key, body, path=CHAT):
    headers = {"authorization": f"Bearer {key}"}
    return relay.client.post(path, json=body, headers=headers)


def sdk_of(relay, dialect, key, retries=2):
    if dialect == "openai":
        return openai.OpenAI(base_url=f"{relay.url}/v1", api_key=key, max_retries=retries)
    return anthropic.Anthropic(base_url=relay.url, api_key=key, max_retries=retries)


def call(client, **fields):
    body = ask("openai" if isinstance(client, openai.OpenAI) else "anthropic", **fields)
    if isinstance(client, openai.OpenAI):
        return client.chat.completions.create(**body)
    return client.messages.create(**body)


def asked(relay) -> int:
    """How many requests relay has answered."""
    return len(relay.log_lines("request"))


def settled(relay, count):
    eventually(lambda: len(relay.records()) == count and relay.open_leases() == (0, 0))


def spent_nano(relay, scope="key"):
    with redis.Redis.from_url(relay.redis.url) as client:
        (name,) = client.keys(f"{PREFIX}:money:{scope}*")
        sums = client.hgetall(name)
        return int(sums.get(b"s", 0)), int(sums.get(b"r", 0))


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize(
    ("limits", "rule", "shown"),
    [
        ({"requests_per_minute": 1}, "requests_per_minute", "1 requests per minute"),
        ({"tokens_per_minute": 700}, "tokens_per_minute", "700 tokens per minute"),
        ({"requests_per_day": 1}, "requests_per_day", "1 requests per day"),
        ({"window": Window(3, requests=1)}, "window.requests", "1 requests per 3 minutes"),
    ],
)
def test_a_limit_of_rate_denies_in_dialect_and_says_when(relay, echo, dialect, limits, rule, shown):
    key = limited(relay, **limits)
    # Tokens are what the provider reports: 600 leave too little for another estimate.
    body = ask(dialect, "hello [[echo words=590]]", max_tokens=600)
    assert post(relay, key, body, PATHS[dialect]).status_code == 200
    settled(relay, 1)
    answer = post(relay, key, body, PATHS[dialect])
    error = answer.json()["error"]
    assert answer.status_code == 429
    assert error["type"] == "rate_limit_error"
    assert (error["limit"]["level"], error["limit"]["rule"]) == ("key", rule)
    assert error["limit"]["limit"] == shown in error["message"]
    assert int(answer.headers["retry-after"]) >= 1
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", error["limit"]["resets_at"])
    assert len(echo.requests()) == len(relay.records()) == 1


@pytest.mark.parametrize("dialect", PATHS)
def test_concurrency_is_freed_by_the_end_of_a_request(relay, dialect):
    key = limited(relay, concurrency=1)
    slow = ask(dialect, "a [[echo delay_ms=1500]]")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(post, relay, key, slow, PATHS[dialect])
        eventually(lambda: relay.open_leases()[0] == 1)
        denied = post(relay, key, ask(dialect), PATHS[dialect])
        assert denied.status_code == 429
        assert denied.json()["error"]["limit"]["rule"] == "concurrency"
        assert first.result().status_code == 200
    eventually(lambda: relay.open_leases() == (0, 0))
    assert post(relay, key, ask(dialect), PATHS[dialect]).status_code == 200


def test_a_rate_limit_is_a_rate_limit_error_that_the_sdks_repeat(relay):
    for dialect, error in (
        ("openai", openai.RateLimitError), ("anthropic", anthropic.RateLimitError),
    ):  # fmt: skip
        with sdk_of(relay, dialect, limited(relay, requests_per_minute=1), retries=0) as client:
            call(client)
            with pytest.raises(error):
                call(client)


@pytest.mark.parametrize(
    ("dialect", "error", "status", "kind"),
    [
        ("openai", openai.RateLimitError, 429, "insufficient_quota"),
        ("anthropic", anthropic.APIStatusError, 402, "billing_error"),
    ],
)
def test_an_exhausted_budget_is_final(relay, echo, dialect, error, status, kind):
    key = limited(relay, budgets=[("month", "0.000001", "deny")])
    before = asked(relay)
    with sdk_of(relay, dialect, key) as client, pytest.raises(error) as raised:
        call(client)
    assert raised.value.status_code == status
    assert raised.value.response.headers["x-should-retry"] == "false"
    body = raised.value.response.json()["error"]
    assert (body["type"], body["limit"]["rule"]) == (kind, "budget.month")
    assert body["limit"]["remaining"] == "$0.000001000"
    assert body["limit"]["resets_at"].endswith("-01T00:00:00Z")
    assert raised.value.response.request.headers["x-stainless-retry-count"] == "0"
    eventually(lambda: asked(relay) > before)  # a line is written after the answer
    assert asked(relay) == before + 1
    assert echo.requests() == relay.records() == []


def test_reserved_money_is_worth_another_try(relay):
    # gpt-4o-mini: 4,096 tokens of output are $0.0024576.
    key = limited(relay, budgets=[("total", "0.0026", "deny")])
    slow = ask("openai", "a [[echo delay_ms=1500]]")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(post, relay, key, slow)
        eventually(lambda: relay.open_leases()[0] == 1)
        denied = post(relay, key, ask("openai"))
        error = denied.json()["error"]
        assert (denied.status_code, error["code"]) == (429, "budget_reserved")
        assert "x-should-retry" not in denied.headers
        assert denied.headers["retry-after"] == "1"
        assert error["limit"]["resets_at"] is None
        with sdk_of(relay, "openai", key) as client:
            call(client)
        assert first.result().status_code == 200


def test_without_a_cap_the_catalogues_default_is_sent(relay, echo):
    key = limited(relay, budgets=[("total", "1", "clamp")])
    body = ask("openai")
    assert post(relay, key, body).status_code == 200
    sent = echo.last()["body"]
    assert sent == {"max_completion_tokens": 4096, **body}
    soft = limited(relay, budgets=[("total", "1", "soft")], requests_per_minute=9)
    assert post(relay, soft, body).status_code == 200
    assert echo.last()["body"] == body


@pytest.mark.parametrize(
    ("dialect", "usd", "field"),
    [("openai", "0.0001", "max_completion_tokens"), ("anthropic", "0.002", "max_tokens")],
)
def test_a_clamp_lowers_the_cap_at_the_provider(relay, echo, dialect, usd, field):
    key = limited(relay, budgets=[("day", usd, "clamp")])
    body = ask(dialect, "hello [[echo words=400]]", **{field: 400})
    answer = post(relay, key, body, PATHS[dialect])
    assert answer.status_code == 200
    cap = echo.last()["body"][field]
    assert 16 <= cap < 400
    settled(relay, 1)
    (record,) = relay.records()
    assert record.tokens.output == cap
    spent, reserved = spent_nano(relay)
    assert reserved == 0
    assert spent * 1000 >= pico_from_usd(record.cost_usd)
    assert spent <= pico_from_usd(usd) // 1000


def test_a_clamp_never_goes_below_what_thinking_needs(relay, echo):
    key = limited(relay, budgets=[("total", "0.02", "clamp")])
    thinking = {"type": "enabled", "budget_tokens": 1024}
    answer = post(relay, key, ask("anthropic", max_tokens=20_000, thinking=thinking), MESSAGES)
    assert answer.status_code == 200
    assert echo.last()["body"]["max_tokens"] > 1024
    poor = limited(relay, budgets=[("total", "0.01", "clamp")])
    answer = post(relay, poor, ask("anthropic", max_tokens=20_000, thinking=thinking), MESSAGES)
    assert answer.status_code == 402


@pytest.mark.parametrize(
    ("dialect", "fields", "named"),
    [
        ("openai", {"web_search_options": {"search_context_size": "low"}}, "web_search_options"),
        ("openai", {"model": "whatever-7b"}, "model"),
        ("anthropic", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
         "tools[0]"),
    ],
)  # fmt: skip
def test_what_has_no_bound_is_refused_by_name_under_a_hard_budget(
    relay, echo, dialect, fields, named
):
    body = ask(dialect, **fields)
    key = limited(relay, budgets=[("total", "1", "deny")])
    answer = post(relay, key, body, PATHS[dialect])
    assert answer.status_code == 400
    assert named in answer.json()["error"]["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert echo.requests() == []
    soft = limited(relay, budgets=[("total", "1", "soft")])
    assert "hard budget" not in post(relay, soft, body, PATHS[dialect]).text


def test_every_answer_tells_of_the_tightest_limits_per_minute(relay):
    key = limited(relay, requests_per_minute=10, tokens_per_minute=5000)
    relay.project_policy("user:alice", Policy(Limits(requests_per_minute=4)))
    answer = post(relay, key, ask("openai"))
    assert answer.headers["x-ratelimit-limit-requests"] == "4"
    assert answer.headers["x-ratelimit-remaining-requests"] == "3"
    assert re.fullmatch(r"1m[\d.]+s", answer.headers["x-ratelimit-reset-requests"])
    assert answer.headers["x-ratelimit-limit-tokens"] == "5000"
    assert 4000 < int(answer.headers["x-ratelimit-remaining-tokens"]) < 5000
    answer = post(relay, key, ask("anthropic"), MESSAGES)
    assert answer.headers["anthropic-ratelimit-requests-remaining"] == "2"
    reset = answer.headers["anthropic-ratelimit-tokens-reset"]
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", reset)
    # Errors of the provider, streams and refusals too.
    failed = post(relay, key, ask("openai", "a [[echo status=400]]"))
    assert (failed.status_code, failed.headers["x-ratelimit-remaining-requests"]) == (400, "1")
    streamed = post(relay, key, ask("openai", stream=True))
    assert streamed.headers["x-ratelimit-remaining-requests"] == "0"
    denied = post(relay, key, ask("openai"))
    assert (denied.status_code, denied.headers["x-ratelimit-remaining-requests"]) == (429, "0")
    unlimited = relay.project_key(user_id="bob")
    assert "x-ratelimit-limit-requests" not in post(relay, unlimited, ask("openai")).headers


def test_the_key_shows_what_limits_it_at_all_levels(relay):
    key = relay.project_key(team_id=TEAM, policy=Policy(Limits(requests_per_minute=10)))
    budgets = (Budget("month", "1.5", "deny"),)
    relay.project_policy(TEAM_SCOPE, Policy(budgets=budgets, calendar=Calendar("Asia/Kolkata")))
    assert post(relay, key, ask("openai")).status_code == 200
    settled(relay, 1)
    (record,) = relay.records()
    headers = {"authorization": f"Bearer {key}"}
    shown = relay.client.get("/v1/key", headers=headers).json()
    assert shown["limits"] == {"requests_per_minute": 10}
    rate, budget = shown["applied"]
    assert rate == {
        "level": "key", "limit": "requests_per_minute", "most": 10, "used": 1, "remaining": 9,
        "resets_at": None,
    }  # fmt: skip
    assert (budget["level"], budget["limit"], budget["policy"]) == ("team", "budget.month", "deny")
    assert budget["used"] == record.cost_usd
    assert budget["remaining"] == f"{1.5 - float(record.cost_usd):.12f}"
    assert budget["resets_at"].endswith("T18:30:00.000Z")


@pytest.fixture
def second(tmp_path, running_redis, running_echo, relay):
    """Another relay with the same Redis."""
    with RelayProcess(tmp_path, running_redis, running_echo.url) as process:
        process.client.headers["authorization"] = f"Bearer {relay.key}"
        yield process


def test_a_lowered_limit_holds_on_the_next_request_everywhere(relay, second):
    scopes = ("organisation", TEAM_SCOPE, "user:alice", "")
    secret = relay.project_key(team_id=TEAM)
    for number, scope in enumerate(scopes * 3):
        for one in (relay, second):
            assert post(one, secret, ask("openai")).status_code == 200
        strict = Policy(Limits(requests_per_day=1))
        if scope:
            relay.project_policy(scope, strict)
        else:
            relay.project_key(team_id=TEAM, secret=secret, policy=strict)
        first, other = (relay, second) if number % 2 else (second, relay)
        statuses = [post(one, secret, ask("openai")).status_code for one in (first, other)]
        assert statuses in ([200, 429], [429, 429]), scope
        if scope:
            relay.project_policy(scope, Policy())
        else:
            relay.project_key(team_id=TEAM, secret=secret)


def test_a_dead_relay_leaves_no_reservation(relay, second):
    key = limited(relay, budgets=[("total", "1", "deny")], concurrency=2)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(post, second, key, ask("openai", "a [[echo delay_ms=5000]]"))
        eventually(lambda: relay.open_leases()[0] == 1)
        second.served.kill()
    assert spent_nano(relay)[1] > 0
    with redis.Redis.from_url(relay.redis.url) as client:
        (lease,) = client.zrange(f"{PREFIX}:leases", 0, -1)
        client.zadd(f"{PREFIX}:leases", {lease: 1})
    assert post(relay, key, ask("openai")).status_code == 200
    settled(relay, 2)
    spent, reserved = spent_nano(relay)
    costs = [pico_from_usd(record.cost_usd) for record in relay.records()]
    assert (reserved, spent) == (0, sum(-(-cost // 1000) for cost in costs))
