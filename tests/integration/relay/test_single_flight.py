"""Identical requests at once: one asks the provider, whichever process it came to."""

import asyncio
import signal

import httpx
import pytest

from tests.support.caching import SECRET_WORD, caching, said, upstream
from tests.support.relay_process import CHAT, RelayProcess, ask, eventually, run


@pytest.fixture
def key(relay):
    return relay.project_key(policy=caching())


async def together(urls, key, body, count=100):
    limits = httpx.Limits(max_connections=None)
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        headers=headers, timeout=60, trust_env=False, limits=limits
    ) as client:
        asking = [client.post(urls[at % len(urls)] + CHAT, json=body) for at in range(count)]
        return await asyncio.gather(*asking)


@pytest.fixture
def two(relay, tmp_path, echo):
    """Two relays before one Redis; the second may be killed."""
    with RelayProcess(tmp_path, relay.redis, echo.url) as other:
        yield relay, other


def test_of_a_hundred_at_once_one_asks(two, echo):
    one, other = two
    key = one.project_key(policy=caching())
    for asked_before, stream in enumerate((False, True)):
        body = ask("openai", f"{SECRET_WORD} [[echo delay_ms=400]]", stream=stream)
        answers = run(together([one.url, other.url], key, body))
        assert upstream(echo) == 1 + asked_before
        assert {answer.content for answer in answers} == {answers[0].content}
        results = [said(answer) for answer in answers]
        assert (results.count("miss"), results.count("hit")) == (1, 99)
    eventually(lambda: len(one.records()) == 200)
    assert sum(float(record.cost_usd) > 0 for record in one.records()) == 2
    assert one.open_leases() == (0, 0)


def test_the_next_one_asks_when_the_first_fails(relay, echo, key):
    body = ask("openai", f"{SECRET_WORD} [[echo status=400 times=1]]")
    answers = run(together([relay.url], key, body, 10))
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [400]
    assert upstream(echo) == 2


def test_a_maker_that_is_killed_is_succeeded(two, echo):
    other, one = two
    key = other.project_key(policy=caching())
    body = ask("openai", f"{SECRET_WORD} [[echo delay_ms=60000 times=1]]")

    async def kill_the_maker():
        async with httpx.AsyncClient(
            headers={"authorization": f"Bearer {key}"}, timeout=60, trust_env=False
        ) as client:
            first = asyncio.ensure_future(client.post(one.url + CHAT, json=body))
            await until(lambda: upstream(echo) == 1)
            rest = [asyncio.ensure_future(client.post(other.url + CHAT, json=body))
                    for _ in range(5)]  # fmt: skip
            await until(lambda: other.open_leases()[0] == 6)
            one.served.process.send_signal(signal.SIGKILL)
            await asyncio.gather(first, return_exceptions=True)
            return await asyncio.gather(*rest)

    answers = run(kill_the_maker())
    assert [answer.status_code for answer in answers] == [200] * 5
    assert sorted(said(answer) for answer in answers) == ["hit"] * 4 + ["miss"]
    assert upstream(echo) == 2


async def until(holds):
    while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - another process does it
        await asyncio.sleep(0.02)


def test_a_caller_who_leaves_while_waiting_costs_nothing(relay, echo, key):
    body = ask("openai", f"{SECRET_WORD} [[echo delay_ms=1500]]")

    async def leave():
        async with httpx.AsyncClient(
            headers={"authorization": f"Bearer {key}"}, timeout=60, trust_env=False
        ) as client:
            first = asyncio.ensure_future(client.post(relay.url + CHAT, json=body))
            await until(lambda: upstream(echo) == 1)
            second = asyncio.ensure_future(client.post(relay.url + CHAT, json=body))
            await until(lambda: relay.open_leases()[0] == 2)
            second.cancel()
            return await first

    answer = run(leave())
    assert said(answer) == "miss"
    eventually(lambda: len(relay.records()) == 2)
    (left,) = [one for one in relay.records() if one.id != answer.headers["x-request-id"]]
    assert (left.status, left.tokens.total, float(left.cost_usd)) == ("cancelled", 0, 0)
    assert upstream(echo) == 1
