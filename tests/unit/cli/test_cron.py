"""When PingSources tick, and what a tick is."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from cli.dev import cron
from cli.dev.cron import ingress, next_tick, run, tick
from cli.dev.manifests import MANIFESTS_DIRECTORY, PingSource, load_manifests
from common.events.receive import data_as, parse
from common.events.types import CRON_TASK, CronTask


def ping(schedule: str, timezone: str = "Etc/UTC") -> PingSource:
    return PingSource("p", "default", schedule, timezone, "application/json", b"{}", "relay", {})


@pytest.mark.parametrize(
    ("schedule", "timezone", "after", "due"),
    [
        ("*/10 * * * *", "Etc/UTC", "2026-11-24T02:10:00", "2026-11-24T02:20:00"),
        ("17 0 * * *", "Etc/UTC", "2026-11-24T00:16:59", "2026-11-24T00:17:00"),
        ("0 9 * * *", "Europe/Berlin", "2026-11-24T07:00:00", "2026-11-24T08:00:00"),
        ("0 9 * * *", "Europe/Berlin", "2026-07-01T06:30:00", "2026-07-01T07:00:00"),
    ],
)
def test_next_tick(schedule: str, timezone: str, after: str, due: str):
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert next_tick(ping(schedule, timezone), moment) == datetime.fromisoformat(due).replace(
        tzinfo=UTC
    )


def test_every_tick_is_another_event():
    manifests = load_manifests(MANIFESTS_DIRECTORY)
    source = manifests.ping_source("outbox")
    first, second = tick(source), tick(source)
    assert first.id != second.id
    event = parse(first.headers(), first.body)
    assert event.type == CRON_TASK
    assert event.source == "/apis/v1/namespaces/default/pingsources/relay-outbox"
    assert data_as(event, CronTask).task == "outbox"


async def test_a_late_timer_fires_once_and_missed_ticks_are_not_caught_up(monkeypatch):
    clock = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
    fired: list[datetime] = []

    async def sleep(seconds: float) -> None:
        nonlocal clock
        # The machine slept for two hours in the middle of the first wait.
        clock += timedelta(seconds=seconds if fired or seconds < 30 else 7_200)

    async def fire(_: PingSource) -> None:
        fired.append(clock)
        if len(fired) == 3:
            raise asyncio.CancelledError

    monkeypatch.setattr(cron.asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await run(ping("*/10 * * * *"), fire, lambda: clock)
    assert [moment.strftime("%H:%M") for moment in fired] == ["04:00", "04:10", "04:20"]


def test_the_brokers_address_with_and_without_its_path():
    manifests = load_manifests(MANIFESTS_DIRECTORY)
    assert ingress("http://127.0.0.1:9", manifests) == "http://127.0.0.1:9/default/relay"
    assert ingress("http://127.0.0.1:9/", manifests) == "http://127.0.0.1:9/default/relay"
    assert ingress("http://h/ns/other", manifests) == "http://h/ns/other"
