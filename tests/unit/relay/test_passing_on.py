"""Chunks that are handed over where they arrive; the connection is the test's own."""

import asyncio
from types import SimpleNamespace

import pytest

from common.http1.asking import address_of
from common.providers.direct import DirectExchange
from common.providers.exchange import UpstreamFailed

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(text):
    return b"%x\r\n%b\r\n" % (len(text), text)


class Taker:
    """Takes so many chunks, then stops, or breaks."""

    def __init__(self, most=99, error=None):
        self.taken = []
        self._most = most
        self._error = error

    def __call__(self, body):
        self.taken.append(body)
        if self._error is not None:
            raise self._error
        return len(self.taken) < self._most


@pytest.fixture
async def exchange():
    pool = SimpleNamespace(loop=asyncio.get_running_loop())
    request = "POST", address_of("http://x/"), []
    made = DirectExchange(pool, request, b"", "openai", 10)
    made.arrived(HEAD)
    return made


async def passing(exchange, taker):
    """`pass_on` under way: it has taken what was here and waits."""
    task = asyncio.create_task(exchange.pass_on(taker))
    await asyncio.sleep(0)
    return task


async def test_a_chunk_is_taken_before_any_task_runs(exchange):
    taker = Taker()
    exchange.arrived(chunk(b"a"))
    task = await passing(exchange, taker)
    exchange.arrived(chunk(b"b") + chunk(b"c"))
    assert taker.taken == [b"a", b"bc"]
    exchange.arrived(chunk(b"d") + END)
    assert taker.taken == [b"a", b"bc", b"d"]
    assert await task is True


async def test_who_takes_no_more_is_handed_no_more(exchange):
    taker = Taker(most=1)
    task = await passing(exchange, taker)
    exchange.arrived(chunk(b"a"))
    exchange.arrived(chunk(b"b"))
    assert await task is False
    assert taker.taken == [b"a"]
    assert await exchange.read_chunk() == b"b"


async def test_the_end_is_told_of_even_when_no_more_was_taken(exchange):
    task = await passing(exchange, Taker(most=1))
    exchange.arrived(chunk(b"a") + END)
    assert await task is False
    assert await exchange.pass_on(Taker()) is True


async def test_what_the_taker_raises_is_raised_to_who_waits(exchange):
    task = await passing(exchange, Taker(error=KeyError("odd")))
    exchange.arrived(chunk(b"a"))
    with pytest.raises(KeyError):
        await task


async def test_after_a_cancellation_nothing_is_handed_over(exchange):
    taker = Taker()
    task = await passing(exchange, taker)
    task.cancel()
    exchange.arrived(chunk(b"a"))
    await asyncio.gather(task, return_exceptions=True)
    exchange.arrived(chunk(b"b"))
    assert taker.taken == []
    assert await exchange.read_chunk() == b"ab"


async def test_a_connection_that_ends_early_is_a_failure_after_what_came(exchange):
    taker = Taker()
    task = await passing(exchange, taker)
    exchange.arrived(chunk(b"a"))
    exchange.cut(None)
    with pytest.raises(UpstreamFailed):
        await task
    assert taker.taken == [b"a"]
