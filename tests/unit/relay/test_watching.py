"""Which callers are watched, and from when on."""

import asyncio
from types import SimpleNamespace

import pytest

from functions.relay import watching
from functions.relay.watching import Watches


class Body:
    """A caller who leaves when told."""

    def __init__(self):
        self.asked = False
        self.gone = asyncio.Event()

    async def wait_until_gone(self):
        self.asked = True
        await self.gone.wait()


def request(request_id):
    found = SimpleNamespace(id=request_id, upload=None, exchange=None, why=[])
    found.drain = lambda _: False
    found.interrupt = found.why.append
    return found


async def ticks(count):
    for _ in range(count):
        await asyncio.sleep(watching.AFTER_S * 1.5)


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(watching, "AFTER_S", 0.01)


def test_who_is_served_at_once_is_never_watched():
    async def main():
        watches, body = Watches(), Body()
        served = request("a")
        watches.begin(served, body)
        watches.end(served)
        await ticks(4)
        assert not body.asked

    asyncio.run(main())


def test_who_waits_is_watched_and_a_leaving_ends_the_request():
    async def main():
        watches, body = Watches(), Body()
        waiting = request("a")
        watches.begin(waiting, body)
        await ticks(4)
        assert body.asked
        body.gone.set()
        await ticks(1)
        assert waiting.why == ["client_gone"]

    asyncio.run(main())


def test_a_stream_is_watched_from_its_head_on():
    async def main():
        watches, body = Watches(), Body()
        streamed = request("a")
        watches.begin(streamed, body)
        watches.hasten(streamed)
        watches.hasten(streamed)  # the next account's head
        await asyncio.sleep(0)
        assert body.asked
        watches.end(streamed)
        body.gone.set()
        await ticks(4)
        assert streamed.why == []

    asyncio.run(main())
