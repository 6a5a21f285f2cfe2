"""Chunks of an answer that are here already are handed over with the first one, by a proxy too."""

import asyncio

import pytest

from common.providers.exchange import TOGETHER_BYTES_MAX, UpstreamFailed
from common.providers.proxied import ProxiedExchange

LATER = object()


class Reader:
    """Gives chunks as pyreqwest does; `LATER` stands for bytes that are still on their way."""

    def __init__(self, *script):
        self.script = list(script)

    async def read_chunk(self):
        step = self.script.pop(0) if self.script else None
        if step is LATER:
            await asyncio.sleep(0)
            step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


class Request:
    async def __aexit__(self, *_):
        return None


def reads(*script):
    async def main():
        exchange = ProxiedExchange(Request(), "openai")
        exchange._reader = Reader(*script)
        found = []
        try:
            while (chunk := await exchange.read_chunk()) is not None:
                found.append(chunk)
            assert await exchange.read_chunk() is None
        except UpstreamFailed:
            found.append("failed")
        await exchange.close()
        return found

    return asyncio.run(main())


def test_what_is_here_comes_at_once_and_what_is_not_comes_by_itself():
    assert reads(b"a", b"b", LATER, b"c", b"d", LATER, b"e") == [b"ab", b"cd", b"e"]


def test_the_end_comes_after_what_came_before_it():
    assert reads(b"a", b"b") == [b"ab"]
    assert reads(b"a", LATER, None) == [b"a"]


@pytest.mark.parametrize("before", [[], [LATER]])
def test_a_failure_comes_after_what_came_before_it(before):
    assert reads(b"a", b"b", *before, ConnectionError("cut")) == [b"ab", "failed"]


def test_no_more_is_gathered_than_a_write_may_hold():
    half = bytes(TOGETHER_BYTES_MAX // 2)
    assert [len(chunk) for chunk in reads(half, half, half)] == [2 * len(half), len(half)]


def test_closing_ends_a_read_that_was_begun():
    async def main():
        exchange = ProxiedExchange(Request(), "openai")
        exchange._reader = Reader(b"a", LATER, b"b")
        assert await exchange.read_chunk() == b"a"
        await exchange.close()
        assert exchange._reader is None

    asyncio.run(main())
