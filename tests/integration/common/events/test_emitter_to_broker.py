"""The emitter over relay's own HTTP client, into the local broker, out to a subscriber."""

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from cli.dev.ports import free_port
from common.domain.signature import sign, verify
from common.events.emit import Emitter, EmitterLimits
from common.events.receive import data_as, parse
from common.events.types import USAGE_RECORDED, UsageRecorded
from common.identifiers import new_ulid
from common.providers.http import UpstreamClient
from tests.support.event_receiver import Answer, BrokerProcess, Receiver, running_broker, trigger

KEY = b"k" * 32


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def broker(tmp_path: Path, receiver: Receiver) -> Iterator[BrokerProcess]:
    triggers = [trigger(USAGE_RECORDED)]
    with running_broker(tmp_path, triggers, {"receiver": receiver.url}) as made:
        yield made


def emitter(client: UpstreamClient, url: str, limits: EmitterLimits) -> Emitter:
    return Emitter(
        url, source="/relay/relay", post=client.post, new_id=new_ulid, limits=limits,
        ce_overrides='{"extensions": {"cluster": "east"}}',
    )  # fmt: skip


def signed(number: int) -> bytes:
    record: dict[str, object] = {"id": new_ulid(), "number": number, "outbox_id": f"{number}-0"}
    record["client"] = "Zoë \U0001f600"
    return msgspec.json.encode({**record, "sig": sign(record, KEY)})


async def test_signed_records_arrive_once_and_whole(broker: BrokerProcess, receiver: Receiver):
    client = UpstreamClient()
    made = emitter(client, f"{broker.url}/default/relay", EmitterLimits(records_per_event_max=50))
    made.start()
    for number in range(500):
        made.add(signed(number))
        if number % 100 == 0:
            await asyncio.sleep(0)
    await made.stop(20)
    await client.close()
    await asyncio.to_thread(broker.wait_until_idle)
    assert made.counts.records_sent == 500
    assert made.counts.events_failed == 0
    got = []
    for delivered in receiver.delivered:
        event = parse(delivered.headers, delivered.body)
        assert (event.type, event.source) == (USAGE_RECORDED, "/relay/relay")
        assert event.extensions["cluster"] == "east"
        got += data_as(event, UsageRecorded).records
    assert sorted(record["number"] for record in got) == list(range(500))
    assert all(verify(record, KEY) for record in got)
    assert len({delivered.id for delivered in receiver.delivered}) == len(receiver.delivered)


async def test_the_largest_event_passes_the_broker(broker: BrokerProcess, receiver: Receiver):
    client = UpstreamClient()
    made = emitter(client, f"{broker.url}/default/relay", EmitterLimits())
    padding = "x" * (1024 * 5)
    for number in range(200):
        made.add(msgspec.json.encode({"number": number, "padding": padding}))
    await made.stop(20)
    await client.close()
    await asyncio.to_thread(broker.wait_until_idle)
    assert made.counts.records_sent == 200
    assert max(len(delivered.body) for delivered in receiver.delivered) > 500 * 1024
    numbers = [
        record["number"]
        for delivered in receiver.delivered
        for record in json.loads(delivered.body)["records"]
    ]
    assert sorted(numbers) == list(range(200))


async def test_no_sink_and_a_frozen_sink_hold_nobody_up(broker: BrokerProcess):
    client = UpstreamClient()
    limits = EmitterLimits(post_timeout_s=0.2)
    nobody = emitter(client, f"http://127.0.0.1:{free_port()}/default/relay", limits)
    nobody.add(signed(1))
    assert await nobody.flush(10)
    assert nobody.counts.records_failed == 1
    await nobody.stop(1)
    broker.send_signal(signal.SIGSTOP)
    frozen = emitter(client, f"{broker.url}/default/relay", limits)
    frozen.add(signed(1))
    assert await frozen.flush(10)
    assert frozen.counts.records_failed == 1
    broker.send_signal(signal.SIGCONT)
    frozen.add(signed(2))
    assert await frozen.flush(10)
    assert frozen.counts.records_sent == 1
    await frozen.stop(1)
    await client.close()


@pytest.mark.parametrize("status", [302, 400, 503])
async def test_a_sink_that_refuses_is_counted(receiver: Receiver, status: int):
    receiver.default = Answer(status)
    client = UpstreamClient()
    made = emitter(client, receiver.url, EmitterLimits())
    made.add(signed(1))
    await made.flush(10)
    assert (made.counts.records_failed, made.counts.records_sent) == (1, 0)
    assert len(receiver.delivered) == 1
    await made.stop(1)
    await client.close()
