"""The heartbeat over a stream whose provider, caller and clock are the test's own."""

import asyncio
import time
from types import SimpleNamespace

import pytest

from common.dialects import DIALECTS, OPERATIONS
from common.dialects.base import ParsedRequest
from common.providers.exchange import Exchange
from functions.relay import heartbeat, streaming
from functions.relay.heartbeat import KEEP_ALIVE_MS, Heartbeat
from functions.relay.open_request import OpenRequest
from tests.support.relay_process import events

EVENTS = {
    "openai": [
        b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"b"}}]}\n\n',
        b"data: [DONE]\n\n",
    ],
    "anthropic": [
        b'event: message_start\ndata: {"type":"message_start","message":{}}\n\n',
        b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{}}\n\n',
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    ],
}
MS = 1_000_000


class Provider(Exchange):
    """An exchange that gives the pieces which the test puts in."""

    provider = "the provider"
    status = 200
    headers = (("content-type", "text/event-stream"),)

    def __init__(self):  # nothing is to be asked
        self.pieces = asyncio.Queue()

    async def read_chunk(self):
        return await self.pieces.get()


class Caller:
    """Where an answer is sent to; reads only while `reading` is set."""

    def __init__(self):
        self.received = []
        self.reading = asyncio.Event()
        self.reading.set()

    async def send(self, message):
        await self.reading.wait()
        if message["type"] == "http.response.body":
            self.received.append(message["body"])

    @property
    def content(self):
        return b"".join(self.received)


ENDPOINTS = {"openai": "chat.completions", "anthropic": "messages"}


async def begin():
    """Nothing is to be done before the first event."""


@pytest.fixture(params=["openai", "anthropic"])
async def stream(request):
    """A stream under way, of which one event was copied."""
    provider, caller = Provider(), Caller()
    opened = OpenRequest("01ARYZ6S41TSV4RRFFQ69G5FAV", {"headers": []}, "here")
    opened.dialect = DIALECTS[request.param]
    opened.operation = OPERATIONS[
        {"openai": "chat.completions", "anthropic": "messages"}[request.param]
    ]
    opened.parsed = ParsedRequest(model="m", stream=True)
    opened.exchange = provider
    settings = SimpleNamespace(
        timeout_s=600, first_byte_timeout_s=300, first_token_timeout_s=300, idle_timeout_s=120
    )
    beat = Heartbeat(SimpleNamespace(settings=settings))
    opened.task = asyncio.create_task(streaming.copy_stream(opened, provider, caller.send, begin))
    sent = EVENTS[request.param]
    await provider.pieces.put(sent[0])
    await settled()
    under_way = SimpleNamespace(
        provider=provider, caller=caller, request=opened, beat=beat, sent=sent, task=opened.task
    )
    yield under_way
    opened.task.cancel()
    await asyncio.gather(opened.task, return_exceptions=True)


async def settled():
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


def tick(stream, quiet_ms):
    """One look of the heartbeat, that long after the last bytes in both directions."""
    now_ns = time.perf_counter_ns()
    stream.request.last_chunk_ns = stream.request.last_sent_ns = now_ns - quiet_ms * MS
    stream.beat._look_at(stream.request, now_ns)


async def finish(stream, pieces):
    for piece in (*pieces, None):
        await stream.provider.pieces.put(piece)
    await asyncio.wait_for(stream.task, 5)


async def test_a_quiet_stream_is_kept_alive_between_two_events(stream):
    tick(stream, KEEP_ALIVE_MS + 1)
    await settled()
    alive = stream.request.dialect.keep_alive
    assert stream.caller.content == stream.sent[0] + alive
    await finish(stream, stream.sent[1:])
    assert stream.caller.content == stream.sent[0] + alive + b"".join(stream.sent[1:])
    assert stream.request.complete


async def test_a_stream_that_is_not_quiet_for_long_enough_carries_nothing_else(stream):
    tick(stream, KEEP_ALIVE_MS - 1000)
    await settled()
    await finish(stream, stream.sent[1:])
    assert stream.caller.content == b"".join(stream.sent)


async def test_half_an_event_is_held_back_and_not_torn(stream):
    event = stream.sent[1]
    for cut in (1, len(event) // 2, len(event) - 1):
        await stream.provider.pieces.put(event[:cut])
        await settled()
        tick(stream, KEEP_ALIVE_MS + 1)
        await settled()
        await stream.provider.pieces.put(event[cut:])
        await settled()
    await finish(stream, stream.sent[2:])
    alive = stream.request.dialect.keep_alive
    assert stream.caller.content.count(alive) == 3
    assert stream.caller.content.replace(alive, b"") == (
        stream.sent[0] + event * 3 + stream.sent[2]
    )
    assert events(stream.caller.content)


async def test_each_quiet_time_has_one(stream):
    tick(stream, KEEP_ALIVE_MS + 1)
    # The next look comes a second later: what was just sent counts.
    stream.beat._look_at(stream.request, time.perf_counter_ns() + heartbeat.TICK_S * 1000 * MS)
    await settled()
    assert stream.caller.content.count(stream.request.dialect.keep_alive) == 1
    await finish(stream, stream.sent[1:])


async def test_a_caller_who_does_not_read_is_sent_nothing_on_top(stream):
    stream.caller.reading.clear()
    await stream.provider.pieces.put(stream.sent[1])
    await settled()
    tick(stream, KEEP_ALIVE_MS + 1)
    tick(stream, KEEP_ALIVE_MS + 1)
    await settled()
    stream.caller.reading.set()
    await finish(stream, stream.sent[2:])
    assert stream.caller.content == b"".join(stream.sent)


async def test_nothing_is_sent_after_the_end(stream):
    await finish(stream, stream.sent[1:])
    tick(stream, KEEP_ALIVE_MS + 1)
    await settled()
    assert stream.caller.content == b"".join(stream.sent)


async def test_a_provider_silent_for_too_long_is_given_up(stream):
    tick(stream, 119_000)
    await settled()
    assert stream.request.interruption is None
    tick(stream, 121_000)
    with pytest.raises(asyncio.CancelledError):
        await stream.task
    assert stream.request.interruption == "idle"


async def test_a_caller_who_reads_slowly_is_not_a_silent_provider(stream):
    stream.caller.reading.clear()
    await stream.provider.pieces.put(stream.sent[1])
    await settled()
    tick(stream, 500_000)
    await settled()
    assert stream.request.interruption is None
    stream.caller.reading.set()
    await finish(stream, stream.sent[2:])


async def test_the_heart_goes_on_beating(monkeypatch):
    """What one request spoils costs the others nothing: not their deadlines, not their leases."""
    monkeypatch.setattr(heartbeat, "TICK_S", 0)
    monkeypatch.setattr(heartbeat, "RENEW_EVERY_MS", 0)
    monkeypatch.setattr(heartbeat, "draft_now", lambda _, request: request.draft())
    renewed = asyncio.Queue()
    settings = SimpleNamespace(
        timeout_s=600, first_byte_timeout_s=300, first_token_timeout_s=300, idle_timeout_s=120
    )
    services = SimpleNamespace(
        settings=settings,
        prices=None,
        admission=SimpleNamespace(renew=renewed.put),
        count_events=lambda: None,
    )
    beat = Heartbeat(services)

    def broken():
        raise OverflowError

    good = {"admitted": True, "account": "a", "started_ns": time.perf_counter_ns()}
    good |= {"last_chunk_ns": good["started_ns"], "exchange": None}
    for name, draft in (("spoilt", broken), ("well", lambda: b"draft")):
        beat.enter(SimpleNamespace(id=name, draft=draft, prices=None, entrusted=False, **good))
    beat.start()
    for _ in range(3):
        assert await asyncio.wait_for(renewed.get(), 5) == {"well": b"draft"}
    services.count_events = broken
    await asyncio.sleep(0.01)
    services.count_events = lambda: None
    while not renewed.empty():
        renewed.get_nowait()
    assert await asyncio.wait_for(renewed.get(), 5) == {"well": b"draft"}
    await beat.stop()
