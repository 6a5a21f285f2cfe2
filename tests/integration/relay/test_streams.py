"""Streams as time passes: chunk by chunk, callers who leave or read slowly, a relay that stops."""

import asyncio
import contextlib
import itertools
import json
import signal
import socket
import statistics
import time

import httpx
import psutil
import pytest

from tests.support.echo import EchoProcess
from tests.support.relay_process import CHAT, PATHS, RelayProcess, ask, events, eventually

DIALECTS = ("openai", "anthropic")
ENDS = {"openai": b"data: [DONE]", "anthropic": b"message_stop"}
PAUSE_S = 0.2
MB = 1_000_000


@pytest.fixture
def own_relay(tmp_path, running_redis, echo):
    """A relay that the test may stop."""
    with RelayProcess(tmp_path, running_redis, echo.url) as process:
        process.reset()
        yield process


def streamed(dialect, fault, content="hello my world"):
    """What httpx sends for a stream, with a fault in the last message."""
    return {
        "method": "POST",
        "url": PATHS[dialect],
        "json": ask(dialect, f"[[echo {fault}]] {content}", stream=True, max_tokens=100_000_000),
    }


@contextlib.asynccontextmanager
async def calling(relay):
    async with httpx.AsyncClient(
        base_url=relay.url,
        headers={"authorization": f"Bearer {relay.key}"},
        timeout=60,
        limits=httpx.Limits(max_connections=None),
        trust_env=False,
    ) as client:
        yield client


async def arrivals(client, dialect, fault):
    """When each piece of a stream came, and all of it."""
    moments, pieces = [], []
    async with client.stream(**streamed(dialect, fault)) as answer:
        assert answer.status_code == 200
        async for piece in answer.aiter_raw():
            moments.append(time.monotonic())
            pieces.append(piece)
    return moments, b"".join(pieces)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_event_comes_before_the_next_is_sent(relay, echo, dialect):
    sent = []
    content = b""
    with relay.client.stream(**streamed(dialect, "words=6 chunk_delay_ms=200")) as answer:
        for piece in answer.iter_raw():
            content += piece
            sent.append((len(events(content)), echo.requests()[0]["chunks_sent"]))
    assert len(sent) > 6
    # OpenAI's last events come without a pause in what the caller sees of them.
    ahead = [there - here for here, there in sent[:7]]
    assert statistics.median(ahead) == 0
    assert max(ahead) <= 1


async def test_fifty_streams_at_once_keep_the_providers_pace(relay):
    fault = f"words=8 chunk_delay_ms={PAUSE_S * 1000:.0f}"
    async with calling(relay) as client:
        found = await asyncio.gather(
            *(arrivals(client, DIALECTS[number % 2], fault) for number in range(50))
        )
    for number, (moments, content) in enumerate(found):
        whole = events(content)
        assert ENDS[DIALECTS[number % 2]] in whole[-1]
        gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
        assert len(moments) >= 8
        # All at once at the end would have no gaps, bundles of two every other one.
        assert 0.5 * PAUSE_S < statistics.median(gaps) < 2 * PAUSE_S
    await asyncio.to_thread(eventually, lambda: len(relay.records()) == 50)
    assert {record.status for record in relay.records()} == {"ok"}
    assert {record.tokens.output for record in relay.records()} == {8}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_caller_who_leaves_in_mid_stream(relay, echo, dialect):
    content = b""
    with relay.client.stream(**streamed(dialect, "words=2000 chunk_delay_ms=20")) as answer:
        for piece in answer.iter_raw():
            content += piece
            if len(events(content)) >= 20:
                assert relay.open_leases() == (1, 1)
                break  # httpx hangs up
    record = relay.record(answer.headers["x-request-id"])
    assert (record.status, record.finish_cause) == ("cancelled", "client_gone")
    assert (record.error_code, record.usage_source) == (None, "estimated")
    eventually(lambda: echo.requests()[0]["client_gone"])
    (asked,) = echo.requests()
    assert not asked["completed"]
    assert asked["chunks_sent"] < 200
    if dialect == "anthropic":
        assert record.tokens.input == asked["input_tokens"]
    # Words of five to eight letters and a space, four to a token.
    assert 0.5 * asked["output_tokens"] < record.tokens.output < 3 * asked["output_tokens"]
    assert relay.open_leases() == (0, 0)
    line = relay.log_line(record.id)
    assert (line["interruption"], line["status"]) == ("client_gone", 200)


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_who_leaves_before_the_answer(relay, echo, stream):
    """What the provider does not stop is waited for: it bills it, and the record says so."""
    body = ask("openai", "[[echo delay_ms=2000,words=500,chunk_delay_ms=20]] hello", stream=stream)
    with pytest.raises(httpx.ReadTimeout):
        relay.client.post(CHAT, json=body, timeout=0.5)
    record = relay.only_record()
    assert (record.status, record.finish_cause) == ("cancelled", "client_gone")
    assert relay.open_leases() == (0, 0)
    assert relay.log_line(record.id)["status"] == 499
    (asked,) = echo.requests()
    if stream:
        eventually(lambda: echo.requests()[0]["client_gone"])
        assert record.usage_source == "estimated"
    else:
        assert asked["completed"]
        assert record.usage_source == "reported"
        used = (record.tokens.input, record.tokens.output)
        assert used == (asked["input_tokens"], asked["output_tokens"])
        assert record.tokens.output == 500


def test_a_caller_who_leaves_within_its_own_request(relay, echo):
    before = len(relay.log_lines("request"))
    with socket.create_connection(("127.0.0.1", relay.port)) as caller:
        caller.sendall(_head(relay, CHAT, 1000) + b'{"model":')
    eventually(lambda: len(relay.log_lines("request")) > before)
    line = relay.log_lines("request")[-1]
    assert (line["status"], line["admitted"]) == (499, False)
    assert line["interruption"] == "client_gone"
    assert echo.requests() == relay.records() == []


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_who_hangs_up_on_its_whole_answer_has_not_left(relay, stream):
    """Streams are left at their last event, before provider and relay have ended them."""
    content = "[[echo stall_after=7]] hello my world" if stream else "hello my world"
    body = json.dumps(ask("openai", content, stream=stream)).encode()
    for _ in range(30):
        with socket.create_connection(("127.0.0.1", relay.port)) as caller:
            caller.sendall(_head(relay, CHAT, len(body)) + body)
            received = b""
            while (b"[DONE]" if stream else b'"usage"') not in received:
                received += caller.recv(65536)
    eventually(lambda: len(relay.records()) == 30)
    found = [(record.status, record.finish_cause) for record in relay.records()]
    assert found == [("ok", "complete")] * 30
    assert all(record.tokens.output == 3 for record in relay.records())
    assert all(record.usage_source == "reported" for record in relay.records())


def _head(relay, path, length):
    return (
        f"POST {path} HTTP/1.1\r\nhost: relay\r\nauthorization: Bearer {relay.key}\r\n"
        f"content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    ).encode()


async def test_a_relay_that_is_stopped_lets_streams_end(own_relay):
    async with calling(own_relay) as client:
        fault = "words=40 chunk_delay_ms=200"
        running = [
            asyncio.create_task(arrivals(client, DIALECTS[number % 2], fault))
            for number in range(20)
        ]
        await asyncio.to_thread(eventually, lambda: own_relay.open_leases() == (20, 20))
        await asyncio.sleep(1)
        stopped = time.monotonic()
        own_relay.served.process.send_signal(signal.SIGTERM)
        found = await asyncio.gather(*running)
    for number, (moments, content) in enumerate(found):
        assert ENDS[DIALECTS[number % 2]] in events(content)[-1]
        assert b"error" not in content
        assert moments[-1] - stopped > 4
    assert await asyncio.to_thread(own_relay.served.process.wait, 10) == 0
    assert len(own_relay.records()) == 20
    assert {record.status for record in own_relay.records()} == {"ok"}
    assert {record.tokens.output for record in own_relay.records()} == {40}
    assert own_relay.open_leases() == (0, 0)


def test_a_relay_that_is_stopped_takes_nothing_new_and_waits_for_nobody(own_relay):
    own_relay.client.post(CHAT, json=ask("openai")).raise_for_status()  # and stays connected
    # Which waits 20 s: less than relay has to drain, and than its caller stays connected.
    assert own_relay.served.stop() == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{own_relay.url}/health/ready", trust_env=False)


class SlowCaller:
    """Reads a stream from a socket with a small window, as slowly as it is told to."""

    def __init__(self, relay, content, patience_s=30):
        body = json.dumps(ask("openai", content, stream=True)).encode()
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        self._socket.settimeout(patience_s)
        self._socket.connect(("127.0.0.1", relay.port))
        self._socket.sendall(_head(relay, CHAT, len(body)) + body)
        self.received = 0
        self.last = b""

    def read(self, count, pause_s=0.0):
        """Read until that many bytes have come in all, or the end."""
        while self.received < count and b"[DONE]" not in self.last:
            piece = self._socket.recv(256 * 1024)
            assert piece, "the stream was cut"
            self.received += len(piece)
            self.last = (self.last + piece)[-200:]
            if pause_s:
                time.sleep(pause_s)

    def close(self):
        self._socket.close()


@pytest.mark.parametrize(
    "megabytes",
    [60, pytest.param(400, marks=[pytest.mark.soak, pytest.mark.timeout(600)])],
)
def test_a_slow_reader_costs_no_memory(relay, echo, megabytes):
    relay.client.request(**streamed("openai", f"bytes={MB}")).raise_for_status()
    process = psutil.Process(relay.pid)
    usual = process.memory_info().rss
    grown = []

    def look():
        grown.append(process.memory_info().rss - usual)

    with contextlib.closing(SlowCaller(relay, f"[[echo bytes={megabytes * MB}]] x")) as caller:
        caller.read(MB)
        time.sleep(1)
        held = echo.requests()[-1]["chunks_sent"]
        time.sleep(1)
        look()
        # The provider is not read from while the caller does not read.
        assert echo.requests()[-1]["chunks_sent"] == held
        assert held * 16 * 1024 < 30 * MB
        for part in range(1, 21):
            caller.read(part * megabytes * MB // 20, pause_s=0.001)
            look()
        caller.read(megabytes * MB * 2)
    assert caller.received > megabytes * MB
    assert max(grown) < 40 * MB
    eventually(lambda: len(relay.records()) == 2)
    record = relay.records()[-1]
    assert record.status == "ok"
    assert record.tokens.output == echo.requests()[-1]["output_tokens"] == megabytes * MB // 8


def test_a_caller_who_stops_reading_holds_nothing_past_the_deadline(tmp_path, running_redis, echo):
    timeout = {"RELAY_TIMEOUT_S": "11"}  # of which relay keeps ten for itself
    with RelayProcess(tmp_path, running_redis, echo.url, **timeout) as own:
        own.reset()
        content = f"[[echo bytes={60 * MB}]] x"
        with contextlib.closing(SlowCaller(own, content, patience_s=1)) as caller:
            caller.read(MB)
            record = own.only_record()
            assert (record.status, record.finish_cause) == ("error", "deadline")
            assert own.open_leases() == (0, 0)
            assert echo.requests()[0]["client_gone"]
            with pytest.raises((AssertionError, OSError)):
                caller.read(100 * MB)  # what was under way, and no end
            assert b"[DONE]" not in caller.last
            assert caller.received < 30 * MB


async def test_a_slow_reader_among_a_hundred_holds_nobody_up(relay):
    slow = await asyncio.to_thread(SlowCaller, relay, f"[[echo bytes={20 * MB}]] x")
    await asyncio.to_thread(slow.read, MB)
    async with calling(relay) as client:
        found = await asyncio.gather(
            *(arrivals(client, DIALECTS[n % 2], "words=30 chunk_delay_ms=20") for n in range(99))
        )
    assert all(ENDS[DIALECTS[n % 2]] in events(found[n][1])[-1] for n in range(99))
    assert relay.open_leases() == (1, 1)
    await asyncio.to_thread(slow.read, 40 * MB)
    slow.close()
    await asyncio.to_thread(eventually, lambda: len(relay.records()) == 100)
    assert {record.status for record in relay.records()} == {"ok"}
    outputs = sorted(record.tokens.output for record in relay.records())
    assert outputs == [30] * 99 + [20 * MB // 8]


def test_a_provider_that_is_started_late(tmp_path, running_redis):
    """relay asks no provider before a caller does, and makes up with one that comes back."""
    with EchoProcess(tmp_path) as late:
        url = late.url
    with RelayProcess(tmp_path, running_redis, url) as own:
        own.reset()
        answer = own.client.request(**streamed("openai", "words=2"))
        assert answer.status_code == 502
        assert answer.headers["retry-after"] == "2"
        assert answer.json()["error"]["code"] == "upstream_unreachable"
        late.start()
        try:
            assert own.client.request(**streamed("openai", "words=2")).status_code == 200
            late.kill()
            assert own.client.request(**streamed("openai", "words=2")).status_code == 502
            late.start()
            assert own.client.request(**streamed("openai", "words=2")).status_code == 200
        finally:
            late.kill()
        eventually(lambda: len(own.records()) == 4)
        assert [record.status for record in own.records()] == ["error", "ok", "error", "ok"]
