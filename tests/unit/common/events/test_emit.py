"""The emitter against a sink in this process: batching, dropping, timeouts, bytes on the wire."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from cloudevents.http import from_http

from common.domain.ids import encode_ulid
from common.events.emit import Emitter, EmitterLimits
from common.events.headers import InvalidOverrides, decode_value, encode_value
from common.events.receive import data_as, parse
from common.events.types import KEY_CHANGED, USAGE_RECORDED, KeyChanged, UsageRecorded

TIME_MS = 1_795_485_600_123


class Sink:
    """Keeps what was posted; `answer` decides what comes back."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, list[tuple[str, str]], bytes]] = []
        self.status = 202
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.open = 0
        self.open_max = 0

    async def post(self, url: str, headers: list[tuple[str, str]], body: bytes) -> int:
        self.open += 1
        self.open_max = max(self.open_max, self.open)
        try:
            await self.gate.wait()
        finally:
            self.open -= 1
        if self.error is not None:
            raise self.error
        self.requests.append((url, headers, body))
        return self.status

    def records(self) -> list[list[int]]:
        return [
            [record["n"] for record in msgspec.json.decode(body)["records"]]
            for _, _, body in self.requests
        ]


def counter() -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: encode_ulid(TIME_MS, next(numbers).to_bytes(10, "big"))


def emitter(sink: Sink, limits: EmitterLimits, **more: Any) -> Emitter:
    return Emitter(
        "http://sink/default/relay",
        source="/relay/relay",
        post=sink.post,
        new_id=counter(),
        limits=limits,
        **more,
    )


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the condition is about other code
            await asyncio.sleep(0.001)


async def test_records_gather_into_one_event_sent_without_being_asked():
    sink = Sink()
    made = emitter(sink, EmitterLimits(delay_s_max=0.05))
    made.start()
    for n in range(10):
        made.add(msgspec.json.encode({"n": n}))
    await until(lambda: bool(sink.requests))
    assert sink.records() == [list(range(10))]
    await until(lambda: made.counts.records_sent == 10)
    made.add(msgspec.json.encode({"n": 10}))
    await until(lambda: len(sink.requests) == 2)
    await made.stop(1)


async def test_enough_records_are_sent_before_the_delay():
    sink = Sink()
    made = emitter(sink, EmitterLimits(delay_s_max=3600, records_send_at=5))
    made.start()
    await asyncio.sleep(0)
    for n in range(5):
        made.add(msgspec.json.encode({"n": n}))
    await until(lambda: bool(sink.requests))
    made.add(msgspec.json.encode({"n": 5}))
    await asyncio.sleep(0.05)
    assert sink.records() == [[0, 1, 2, 3, 4]]
    await made.stop(1)
    assert sink.records() == [[0, 1, 2, 3, 4], [5]]


async def test_an_event_is_bounded_in_records_and_bytes():
    sink = Sink()
    made = emitter(sink, EmitterLimits(records_per_event_max=3, event_data_bytes_max=60))
    for n in range(7):
        made.add(msgspec.json.encode({"n": n}))
    made.add(msgspec.json.encode({"n": 7, "long": "x" * 25}))
    made.add(msgspec.json.encode({"n": 8, "long": "x" * 25}))
    assert await made.flush(5)
    assert sorted(sink.records()) == [[0, 1, 2], [3, 4, 5], [6], [7], [8]]
    assert all(len(body) <= 60 for _, _, body in sink.requests)
    made.add(msgspec.json.encode({"n": 9, "long": "x" * 100}))
    assert made.counts.records_dropped == 1
    assert made.waiting == 0
    await made.stop(1)


async def test_an_event_filled_to_the_byte_is_sent():
    sink = Sink()
    exact = len(b'{"records":[{"n":1},{"n":2}]}')
    made = emitter(sink, EmitterLimits(event_data_bytes_max=exact))
    for n in (1, 2, 3):
        made.add(msgspec.json.encode({"n": n}))
    await made.flush(5)
    assert sorted(sink.records()) == [[1, 2], [3]]
    await made.stop(1)


@pytest.mark.parametrize(
    "limits", [EmitterLimits(buffer_records_max=3), EmitterLimits(buffer_bytes_max=21)]
)
async def test_a_full_buffer_drops_its_oldest(limits: EmitterLimits):
    sink = Sink()
    made = emitter(sink, limits)
    for n in range(8):
        made.add(msgspec.json.encode({"n": n}))
    assert made.counts.records_dropped == 5
    await made.flush(5)
    assert sink.records() == [[5, 6, 7]]
    await made.stop(1)


async def test_open_posts_are_bounded_and_the_rest_waits():
    sink = Sink()
    sink.gate.clear()
    made = emitter(
        sink, EmitterLimits(records_per_event_max=1, records_send_at=1, posts_open_max=2)
    )
    made.start()
    for n in range(6):
        made.add(msgspec.json.encode({"n": n}))
    await until(lambda: sink.open == 2)
    await asyncio.sleep(0.02)
    assert made.waiting == 4
    sink.gate.set()
    assert await made.flush(5)
    assert sink.open_max == 2
    assert sorted(sink.records()) == [[n] for n in range(6)]
    await made.stop(1)


async def test_a_silent_sink_is_given_up_and_counted():
    sink = Sink()
    sink.gate.clear()
    told: list[tuple[str, dict[str, Any]]] = []
    made = emitter(
        sink,
        EmitterLimits(post_timeout_s=0.02),
        report=lambda event, **fields: told.append((event, fields)),
    )
    made.add(msgspec.json.encode({"n": 1}))
    assert await made.flush(5)
    assert (made.counts.events_failed, made.counts.records_failed) == (1, 1)
    assert made.counts.records_sent == 0
    assert told[0][0] == "events_failing"
    assert "no answer within 0.02 s" in told[0][1]["reason"]
    await made.stop(1)


async def test_failures_are_counted_and_told_once_and_the_next_record_is_tried():
    sink = Sink()
    sink.status = 503
    told: list[str] = []
    made = emitter(sink, EmitterLimits(), report=lambda event, **fields: told.append(event))
    made.add(msgspec.json.encode({"n": 1}))
    await made.flush(5)
    sink.error = ConnectionRefusedError("nobody there")
    made.add(msgspec.json.encode({"n": 2}))
    await made.flush(5)
    sink.error, sink.status = None, 204
    made.add(msgspec.json.encode({"n": 3}))
    await made.flush(5)
    assert made.counts.records_failed == 2
    assert made.counts.records_sent == 1
    assert told == ["events_failing", "events_flowing_again"]
    await made.stop(1)


async def test_flush_and_stop_are_bounded():
    sink = Sink()
    sink.gate.clear()
    made = emitter(sink, EmitterLimits(records_per_event_max=1, posts_open_max=1))
    for n in range(3):
        made.add(msgspec.json.encode({"n": n}))
    assert not await made.flush(0.02)
    await made.stop(0.02)
    assert sink.open == 0
    assert sink.requests == []
    assert made.counts.events_failed == 1
    assert made.waiting == 2


async def test_stop_without_start_and_without_records():
    made = emitter(Sink(), EmitterLimits())
    assert await made.flush(1)
    await made.stop(1)


async def test_the_cloudevents_sdk_reads_what_is_sent():
    sink = Sink()
    overrides = '{"extensions": {"environment": "Köln \\"west\\" 100%"}}'
    made = emitter(sink, EmitterLimits(), ce_overrides=overrides)
    made.add(msgspec.json.encode({"n": 1, "outbox_id": "1-0", "sig": "00"}))
    made.send(KEY_CHANGED, KeyChanged(key_id="K", change="revoked", version=3), subject="K")
    assert await made.flush(5)
    await made.stop(1)
    by_type = {
        dict(headers)["ce-type"]: (dict(headers), body) for _, headers, body in sink.requests
    }
    headers, body = by_type[USAGE_RECORDED]
    event = from_http(headers, body)
    assert event["specversion"] == "1.0"
    assert event["source"] == "/relay/relay"
    assert event["time"] == "2026-11-24T02:00:00.123Z"
    assert event.data == {"records": [{"n": 1, "outbox_id": "1-0", "sig": "00"}]}
    assert parse(headers, body).extensions == {"environment": 'Köln "west" 100%'}
    assert data_as(parse(headers, body), UsageRecorded).records[0]["n"] == 1
    changed = parse(*by_type[KEY_CHANGED])
    assert changed.subject == "K"
    assert changed.id != event["id"]
    assert data_as(changed, KeyChanged).change == "revoked"


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"extensions": {"a": 1}}', '{"extensions": {"A-b": "x"}}',
     '{"extensions": {"type": "x"}}'],
)  # fmt: skip
def test_overrides_that_are_not_understood_are_refused_by_name(text: str):
    with pytest.raises(InvalidOverrides, match="K_CE_OVERRIDES"):
        emitter(Sink(), EmitterLimits(), ce_overrides=text)


@pytest.mark.parametrize(
    "value", ["plain", "a b", "€ 5", '"quoted"', "100%", "\U0001f600", "\x7f\n"]
)
def test_header_values_survive(value: str):
    encoded = encode_value(value)
    assert encoded.isascii()
    assert encoded.isprintable()
    assert decode_value(encoded) == value


def test_header_values_as_in_the_specification():
    # CloudEvents 1.0, HTTP binding, section 3.1.3.2: its own examples.
    assert encode_value("Euro € \U0001f600") == "Euro%20%E2%82%AC%20%F0%9F%98%80"
