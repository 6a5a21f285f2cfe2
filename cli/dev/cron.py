"""The local cron: `python -m cli.dev.cron --manifests knative --broker URL`.

Does what PingSources do (knative/eventing pkg/adapter/mtping/runner.go): a tick is a new event with
a new id, up to half a second late, tried a few times within two seconds and then lost. A tick that
was due while nothing ran is not caught up.
"""

import argparse
import asyncio
import random
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx

from cli.dev.broker_event import BrokerEvent
from cli.dev.manifests import (
    MANIFESTS_DIRECTORY,
    ManifestError,
    Manifests,
    PingSource,
    load_manifests,
)
from common.events.headers import SPEC_VERSION
from common.events.types import CRON_TASK
from common.settings import SettingsError, serve_settings
from common.telemetry import logs

RETRIES = 5
RETRY_FIRST_S = 0.05
JITTER_S_MAX = 0.5
_TIMEOUT_S = 10.0
# A laptop that slept wakes with timers that are late; then the next tick is computed anew.
_SLEEP_S_MAX = 30.0
_random = random.SystemRandom()


def tick(source: PingSource, *, timed: bool = True) -> BrokerEvent:
    """The event of one tick, as of now; without its time when it is not `timed`."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return BrokerEvent(
        attributes={
            "specversion": SPEC_VERSION,
            "id": str(uuid4()),
            "source": source.source,
            "type": CRON_TASK,
            **({"time": now} if timed else {}),
            **source.extensions,
        },
        content_type=source.content_type,
        body=source.data,
    )


def next_tick(source: PingSource, after: datetime) -> datetime:
    """When the schedule is due next, in the source's time zone; `after` must have a zone."""
    from croniter import croniter

    due: datetime = croniter(source.schedule, after.astimezone(ZoneInfo(source.timezone))).get_next(
        datetime
    )
    return due


def ingress(broker_url: str, manifests: Manifests) -> str:
    """Where events go: the address itself, or the broker's path on a bare server address."""
    if urlsplit(broker_url).path in ("", "/"):
        return broker_url.rstrip("/") + manifests.broker.path
    return broker_url


async def send(client: httpx.AsyncClient, address: str, event: BrokerEvent) -> str:
    """Post an event, with the few quick repetitions of a PingSource; "" or why it is lost."""
    said = ""
    for attempt in range(1 + RETRIES):
        if attempt:
            await asyncio.sleep(RETRY_FIRST_S * 2 ** (attempt - 1))
        try:
            response = await client.post(address, headers=event.headers(), content=event.body)
        except httpx.HTTPError as error:
            said = str(error) or type(error).__name__
            continue
        if response.is_success:
            return ""
        said = f"{address} answered {response.status_code}"
    return said


async def run(
    source: PingSource,
    fire: Callable[[PingSource], Awaitable[None]],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Fire at every tick, for ever."""
    due = next_tick(source, now())
    while True:
        wait_s = (due - now()).total_seconds()
        if wait_s > 0:
            await asyncio.sleep(min(wait_s, _SLEEP_S_MAX))
            continue
        await fire(source)
        due = next_tick(source, now())


async def serve(manifests: Manifests, broker_url: str) -> None:
    """Run all schedules until SIGTERM or SIGINT."""
    address = ingress(broker_url, manifests)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT_S) as client:

        async def fire(source: PingSource) -> None:
            await asyncio.sleep(_random.uniform(0, JITTER_S_MAX))
            event = tick(source)
            lost = await send(client, address, event)
            if lost:
                logs.log("tick_lost", level="warning", ping_source=source.name, reason=lost)
            else:
                logs.log("tick", ping_source=source.name, id=event.id)

        running = [loop.create_task(run(source, fire)) for source in manifests.ping_sources]
        stopped = loop.create_task(stopping.wait())
        await asyncio.wait({stopped, *running}, return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            if task.done():
                task.result()  # a schedule never ends by itself
            task.cancel()


def main(arguments: list[str]) -> int:
    """Run until SIGTERM; 2 when the command line or a manifest is wrong."""
    parser = argparse.ArgumentParser(prog="python -m cli.dev.cron")
    parser.add_argument("--manifests", type=Path, default=MANIFESTS_DIRECTORY)
    parser.add_argument("--broker", required=True, metavar="URL", help="its server or ingress")
    options = parser.parse_args(arguments)
    try:
        log_level = serve_settings().log_level
        manifests = load_manifests(options.manifests)
    except (SettingsError, ManifestError) as error:
        print(f"cron cannot start: {error}", file=sys.stderr)
        return 2
    logs.configure(log_level, "cron")
    asyncio.run(serve(manifests, options.broker))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
