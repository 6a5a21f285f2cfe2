"""Memory of relay: idle, an open stream, a queued event; and whether it grows under load.

A stream: 1,000 of them are open, over the same process after ordinary load. A queued event: relay's
emitter, in a process of its own, holds as many records as it may. All is resident memory.
"""

import contextlib
import dataclasses
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import place
from benchmarks.candidates import Running
from benchmarks.candidates import provider as mock_provider
from benchmarks.figures import Turn
from benchmarks.relay_candidate import relay
from benchmarks.rounds import say, take_turn
from benchmarks.scenarios import BY_NAME, Scenario
from tests.support.processes import ROOT

IDLE_S = 3.0
QUEUED = 20_000
# The load under which memory must not grow: one second of each, in turns.
MIXED = ("small", "limited", "burst", "20k", "failover-500", "storm-key")


def measure(open_streams: str = "paced-1000") -> dict[str, float]:
    """ "idle" in MiB, "stream" and "event" in KiB, and "after load" in MiB."""
    with tempfile.TemporaryDirectory() as directory, mock_provider() as (port, _):
        home = Path(directory)
        found = {}
        with _fresh(home / "streams", port) as running:
            time.sleep(IDLE_S)
            found["idle"] = place.memory_mib([running.pid])
            _turn(running, BY_NAME["small"])
            streamed = _turn(running, BY_NAME["burst"])
            found["after load"] = streamed.memory_mib
            held = _turn(running, BY_NAME[open_streams])
            grown = held.memory_mib - streamed.memory_mib
            found["stream"] = max(grown, 0.0) / max(held.open, 1) * 1024
        found["event"] = _event_kib()
    return found


# What relay's emitter holds: records of their usual length that no sink takes.
QUEUE = """
import sys
from benchmarks.place import memory_mib
from common.events.emit import Emitter, EmitterLimits
count = int(sys.argv[1])
async def post(*_):
    raise AssertionError("nothing is sent: the emitter was not started")
limits = EmitterLimits(buffer_records_max=count)
emitter = Emitter("http://localhost/", source="/", post=post, new_id=str, limits=limits)
tokens = dict.fromkeys(("input", "output", "cache_read", "cache_write_5m", "reasoning"), 0)
names = ("key_id", "user_id", "team_id", "account_id", "model_requested", "model_served", "client")
before = memory_mib(["self"])
for number in range(count):
    record = {name: f"{number:026}" for name in names} | {"tokens": tokens, "sig": "0" * 64}
    emitter.add(record | {"outbox_id": f"1790000000000-{number}", "dialect": "openai"})
assert emitter.waiting == count
print((memory_mib(["self"]) - before) / count * 1024)
"""


def _event_kib() -> float:
    command = [sys.executable, "-c", QUEUE, str(QUEUED)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


@contextlib.contextmanager
def _fresh(directory: Path, port: int) -> Iterator[Running]:
    directory.mkdir(parents=True)
    with relay(directory, port) as running:
        yield running


def _turn(running: Running, scenario: Scenario) -> Turn:
    return take_turn("relay", running, scenario, 0)


@dataclasses.dataclass(frozen=True)
class Growth:
    """Resident MiB after so many minutes of load, in order, and the requests until then."""

    minutes: list[float]
    mib: list[float]
    requests: int

    @property
    def mib_an_hour(self) -> float:
        """The slope of the last two thirds, by least squares: the beginning is filling caches."""
        from_ = len(self.minutes) // 3
        return slope(self.minutes[from_:], self.mib[from_:]) * 60


def slope(x: list[float], y: list[float]) -> float:
    """Of the line through the points by least squares; 0 for fewer than two."""
    if len(x) < 2:
        return 0.0
    middle_x, middle_y = sum(x) / len(x), sum(y) / len(y)
    above = sum((a - middle_x) * (b - middle_y) for a, b in zip(x, y, strict=True))
    below = sum((a - middle_x) ** 2 for a in x)
    return above / below if below else 0.0


def soak(minutes: float) -> Growth:
    """Mixed load for so many minutes on one process."""
    growth = Growth([], [], 0)
    with (
        tempfile.TemporaryDirectory() as directory,
        mock_provider() as (port, _),
        _fresh(Path(directory) / "soak", port) as running,
    ):
        began, requests = time.monotonic(), 0
        while (gone := (time.monotonic() - began) / 60) < minutes:
            for name in MIXED:
                turn = take_turn("relay", running, BY_NAME[name], 0, scale=0.5)
                requests += turn.requests
                if turn.failure:
                    say(f"{name}: {turn.failure}")
            gone = (time.monotonic() - began) / 60
            growth.minutes.append(gone)
            growth.mib.append(turn.memory_mib)
            say(f"{gone:5.1f} min {turn.memory_mib:7.1f} MiB {requests} requests")
    return dataclasses.replace(growth, requests=requests)
