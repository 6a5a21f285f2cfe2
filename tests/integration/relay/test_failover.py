"""Three accounts, of which one is refused for its rate, one stalls and one serves."""

import asyncio
from collections import Counter

import httpx
import pytest
import redis

from common.identifiers import now_ms
from tests.support.relay_process import (
    CHAT,
    PREFIX,
    RelayProcess,
    ask,
    capturing,
    eventually,
    stored_account,
)

AT_ONCE = 12
MODEL = {"pooled": "gpt-4o-mini"}
FAULTS = {"limited": "status=429", "stalling": "delay_ms=60000", "healthy": ""}
ANSWER = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o-mini","choices":'
    b'[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
)


@pytest.fixture(scope="module")
def running_impatient(tmp_path_factory, running_redis, running_echo):
    directory = tmp_path_factory.mktemp("impatient")
    with RelayProcess(
        directory, running_redis, running_echo.url, RELAY_FIRST_BYTE_TIMEOUT_S="1"
    ) as process:
        yield process


@pytest.fixture
def relay(running_impatient):
    running_impatient.reset()
    return running_impatient


def pool_of(relay, echo, accounts, *, healed=False):
    """Accounts of one priority; what is wrong with each is in a header that it adds."""
    known = {}
    for name, fault in FAULTS.items():
        headers = {"x-echo-fault": fault} if fault and not healed else {}
        fields = {"name": name, "models": MODEL, "extra_headers": headers}
        account = stored_account(echo.url, **fields)
        if name in accounts:
            before = accounts[name]
            fields |= {"base_url": before.base_url, "sealed_credential": before.sealed_credential}
            account = type(before)(id=before.id, provider="openai", priority=1, **fields)
        known[name] = account
    relay.project_accounts(*known.values())
    return known


def ask_many(relay, count):
    """So many requests, some at once; how many were answered by each status."""

    async def run():
        slots = asyncio.Semaphore(AT_ONCE)
        headers = {"authorization": f"Bearer {relay.key}"}
        async with httpx.AsyncClient(
            base_url=relay.url, timeout=60, headers=headers, trust_env=False
        ) as client:

            async def one():
                async with slots:
                    answer = await client.post(CHAT, json=ask("openai", model="pooled"))
                    return answer.status_code

            return Counter(await asyncio.gather(*(one() for _ in range(count))))

    return asyncio.run(run())


def resting(relay):
    with redis.Redis.from_url(relay.redis.url) as client:
        found = client.hgetall(f"{PREFIX}:cooldowns")
    return {account.decode(): state.decode().split() for account, state in found.items()}


def let_rests_be_over(relay):
    with redis.Redis.from_url(relay.redis.url) as client:
        for account, (_, *rest) in resting(relay).items():
            client.hset(f"{PREFIX}:cooldowns", account, " ".join([str(now_ms() - 1), *rest]))


def served_by(records, accounts):
    names = {account.id: name for name, account in accounts.items()}
    return Counter(names[record.account_id] for record in records)


@pytest.mark.parametrize("count", [60, pytest.param(1_000, marks=pytest.mark.soak)])
def test_callers_see_no_error_and_bad_accounts_rest_and_come_back(relay, echo, capsys, count):
    accounts = pool_of(relay, echo, {})
    failed_before = len(relay.log_lines("attempt_failed"))
    assert ask_many(relay, count) == {200: count}
    eventually(lambda: len(relay.records()) == count)
    records = relay.records()
    failed = Counter(
        (line["account"], line["reason"])
        for line in relay.log_lines("attempt_failed")[failed_before:]
    )
    assert set(failed) == {
        ("limited", "upstream_rate_limited"),
        ("stalling", "upstream_timeout"),
    }
    # Every attempt is in its request's record, and the caller pays for what served.
    assert sum(record.attempts for record in records) == count + failed.total()
    assert {record.status for record in records} == {"ok"}
    served = served_by(records, accounts)
    assert served == {"healthy": count}
    causes = {account: state[4] for account, state in resting(relay).items()}
    assert causes == {
        accounts["limited"].id: "rate_limited",
        accounts["stalling"].id: "timed_out",
    }
    # An account that rests is asked by its probe alone: no more than were under way at once.
    assert max(failed.values()) <= 2 * AT_ONCE

    accounts = pool_of(relay, echo, accounts, healed=True)
    let_rests_be_over(relay)
    assert ask_many(relay, count) == {200: count}
    eventually(lambda: len(relay.records()) == 2 * count)
    again = served_by(relay.records()[count:], accounts)
    assert min(again[name] for name in accounts) > 0
    assert resting(relay) == {}
    assert relay.open_leases() == (0, 0)
    with capsys.disabled():
        print(f"\n{count} requests: 0 errors, failed attempts {dict(failed)}, served {served}")  # noqa: T201
        print(f"healed, {count} more: 0 errors, served {dict(again)}")  # noqa: T201


def test_a_used_up_limit_rests_its_account_before_it_is_refused(relay, echo):
    headers = ("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "90s")
    with capturing(ANSWER, *headers) as (url, seen):
        account = stored_account(url, models=MODEL)
        relay.project_accounts(account)
        assert ask_many(relay, 1) == {200: 1}
        eventually(lambda: account.id in resting(relay))
        answer = relay.client.post(CHAT, json=ask("openai", model="pooled"))
        # The next one is the built-in account, whose provider knows no such model.
        assert answer.status_code == 404
        assert len(seen) == 1
    until, _, named, _, cause, _ = resting(relay)[account.id]
    assert (named, cause) == ("1", "rate_limited")
    assert 0 < int(until) - now_ms() <= 90_000
