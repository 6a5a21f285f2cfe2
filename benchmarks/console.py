"""The console over a large ledger: how long each page and each list of the API takes.

    python -m benchmarks console [--directory /var/tmp/relay-scale] [--rows 10000000] [--rounds 30]

Fills a database once (`console_data.py`; minutes), starts key_admin as its pod does, signs in, and
asks every page of the console, every GET of the admin API, and both with filters, sorts and last
pages. What is first after a start is shown by itself. Time is that of the whole answer at the
caller, so the server's and a little more; beside it CPU time of key_admin and Postgres, which a
busy machine changes less. Pages and operations are found, not listed: a new one is in the table.
"""

import argparse
import asyncio
import contextlib
import gzip
import http.client
import itertools
import re
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import psutil

from benchmarks import place
from benchmarks.console_asks import Ask, asks, samples
from benchmarks.console_data import HOLDERS_KEY, SMALL, Size, filled, project
from benchmarks.tables import table
from cli.dev.ports import free_port
from tests.support.key_admin import EDGE_TOKEN, MASTER_KEY, environment_of
from tests.support.servers import RedisServer

DOCUMENT = Path("docs/performance-console.md")
DIRECTORY = Path("/var/tmp/relay-scale")
ROUNDS = 30
AIM_MS = 200
TRIVIAL = "/health/live"
# Of an answer without an end as much as its first rows.
FIRST_BYTES = 4096
# An access token is good for five minutes.
SESSION_S = 200
COMMAND = [sys.executable, "-m", "common.serve", "functions.key_admin.main:application"]


@dataclass
class Found:
    """What an ask took, in ms: the first time, then each time; and its answer's size gzipped."""

    ask: Ask
    status: int = 0
    first_ms: float = 0.0
    times_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    packed_bytes: int = 0

    def part(self, share: float) -> float:
        """A percentile, by the nearest rank."""
        ordered = sorted(self.times_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Caller:
    """One connection to key_admin: of a signed-in person, or with the master key."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._edge = {"x-relay-edge-token": EDGE_TOKEN, "x-forwarded-for": "2001:db8::1"}
        self._sessions: dict[str, tuple[str, float]] = {}

    def _cookies_of(self, site: str) -> str:
        """Of a session that is younger than what it is good for. Raises `RuntimeError`."""
        cookies, since = self._sessions.get(site, ("", 0.0))
        if cookies and time.monotonic() - since < SESSION_S:
            return cookies
        given = {"api_key": HOLDERS_KEY} if site == "/portal" else {"master_key": MASTER_KEY}
        headers = {"content-type": "application/x-www-form-urlencoded"} | self._edge
        body = urlencode(given | {"next": site})
        self._connection.request("POST", f"{site}/login", body, headers)
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != 303:
            raise RuntimeError(f"signing in at {site} gave {answer.status}")
        made = answer.headers.get_all("set-cookie") or []
        cookies = "; ".join(one.partition(";")[0] for one in made)
        self._sessions[site] = (cookies, time.monotonic())
        return cookies

    def ask(self, ask: Ask) -> tuple[int, bytes, float]:
        """Status, body and milliseconds. An answer without an end is left after its first rows."""
        headers = self._edge | dict(ask.headers)
        if ask.kind == "operation":
            headers["authorization"] = f"Bearer {MASTER_KEY}"
        else:
            site = "/portal" if ask.path.startswith("/portal") else "/admin"
            cookies = (self._cookies_of(site), headers.get("cookie", ""))
            headers["cookie"] = "; ".join(one for one in cookies if one)
        began = time.perf_counter()
        self._connection.request("GET", ask.path, headers=headers)
        answer = self._connection.getresponse()
        if "attachment" in answer.headers.get("content-disposition", ""):
            body = answer.read(FIRST_BYTES)
            took = time.perf_counter() - began
            self._connection.close()
        else:
            body = answer.read()
            took = time.perf_counter() - began
        return answer.status, body, took * 1000


def measure(directory: Path, size: Size, rounds: int, only: str) -> tuple[list[Found], int]:
    """Every ask, once after a start of Postgres and key_admin, then in rounds.

    Also what a browser that was never here is sent for the overview, in bytes.
    """
    with filled(directory, size) as (server, url):
        given = samples(url)
        asked = [one for one in asks(given) if only in one.label or one.label == TRIVIAL]
        # What filling has left in Postgres' own buffers is no part of a first answer.
        server.stop()
        server.start()
        with (
            RedisServer(directory / "redis") as redis,
            _key_admin(url, redis.url, directory / "key_admin.log") as (port, pid),
        ):
            asyncio.run(project(url, redis.url))
            meter = [pid, server.pid]
            caller = Caller(port)
            found = [Found(one) for one in asked]
            for one in found:
                one.status, body, one.first_ms = caller.ask(one.ask)
                one.packed_bytes = len(gzip.compress(body, 6))
            for _, one in itertools.product(range(rounds), found):
                if one.status != 200:
                    continue
                before = _cpu_s(meter)
                status, _, took_ms = caller.ask(one.ask)
                if status != 200:
                    raise RuntimeError(f"{one.ask.path} gave {status}")
                one.times_ms.append(took_ms)
                one.cpu_ms.append((_cpu_s(meter) - before) * 1000)
            page = caller.ask(Ask("page", "", "/admin"))[1]
            first = first_page_bytes(port, page)
    return found, first


@contextlib.contextmanager
def _key_admin(url: str, redis_url: str, log: Path) -> Iterator[tuple[int, int]]:
    port = free_port()
    variables = environment_of(url, redis_url) | {"PORT": str(port), "RELAY_METRICS_PORT": "0"}
    with place.running(COMMAND, port, cores=set(place.CORES), log=log, variables=variables) as pid:
        yield port, pid


def _cpu_s(pids: Sequence[int]) -> float:
    seconds = 0.0
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            seconds += place.cpu_s(place.tree(pid))
    return seconds


def document(
    found: list[Found], size: Size, rounds: int, first: int, described: Mapping[str, str]
) -> str:
    """The table, with what cannot be measured and why."""
    trivial = next(one for one in found if one.ask.label == TRIVIAL)
    floor = statistics.median(trivial.times_ms)
    rows = [_row(one, floor) for one in found if one.times_ms]
    head = ["", "first ms", "p50 ms", "p95 ms", "max ms", "p50 to trivial", "CPU ms", "KiB gzipped"]
    slow = [one.ask.label for one in found if one.times_ms and one.part(0.95) >= AIM_MS]
    left = [f"- `{one.ask.label}`: {one.status}" for one in found if not one.times_ms]
    parts = [
        "# The console over a large ledger",
        "",
        f"`python -m benchmarks console`, {datetime.now(UTC).date()}: {described['machine']}, "
        f"{described['python']}, load {described['load before']} before. "
        f"{size.rows:,} rows of the ledger in 400 days, {size.keys:,} keys, {size.users:,} users, "
        f"{size.teams} teams, {size.accounts} accounts, {size.audit:,} rows of the audit trail. "
        f"Each was asked {rounds} times; *first* is the first answer after a start of Postgres and "
        "key_admin. Time is at the caller, over loopback; CPU is that of key_admin and Postgres "
        "for one answer. Trivial is `/health/live` of the same run.",
        "",
        f"The overview with all its assets, as a new browser gets it: {first / 1024:.0f} KiB.",
        "",
        f"Over {AIM_MS} ms at the 95th percentile: " + (", ".join(slow) or "none") + ".",
    ]
    for kind, title in (("page", "Pages"), ("fragment", "Parts of pages"),
                        ("operation", "The API")):  # fmt: skip
        parts += ["", f"## {title}", "", table(head, [r for k, r in rows if k == kind])]
    if left:
        parts += ["", "## Not measured", "", *left]
    return "\n".join(parts) + "\n"


def _row(one: Found, floor: float) -> tuple[str, list[str]]:
    p50 = statistics.median(one.times_ms)
    times = (one.first_ms, p50, one.part(0.95), max(one.times_ms))
    cells = [f"`{one.ask.label}`", *(f"{value:.0f}" for value in times), f"{p50 / floor:.0f}x"]
    # A process that ended meanwhile, as after an answer that was left, has taken its time with it.
    cpu_ms = statistics.median(one.cpu_ms)
    cpu = f"{cpu_ms:.0f}" if cpu_ms >= 0 else "-"
    return one.ask.kind, [*cells, cpu, f"{one.packed_bytes / 1024:.1f}"]


def first_page_bytes(port: int, page: bytes) -> int:
    """What a browser without a cache is sent for a page: it and its assets, gzipped."""
    caller = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    total = len(gzip.compress(page, 6))
    for path in sorted(set(re.findall(rb'(?:href|src)="(/admin/assets/[^"]+)"', page))):
        caller.request("GET", path.decode(), headers={"accept-encoding": "gzip"})
        total += len(caller.getresponse().read())
    return total


def main(arguments: list[str] | None = None) -> list[Found]:
    """The table to the terminal, and into the document when all was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="kept between runs")
    parser.add_argument("--rows", type=int, default=Size.rows, help="of the ledger")
    parser.add_argument("--small", action="store_true", help="a smoke: 50,000 rows")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", default="", help="a part of what is asked, such as /admin/keys")
    parser.add_argument("--output", type=Path, help=f"such as {DOCUMENT}")
    options = parser.parse_args(arguments)
    size = SMALL if options.small else Size(rows=options.rows)
    described = place.description()
    found, first = measure(options.directory, size, options.rounds, options.only)
    text = document(found, size, options.rounds, first, described)
    if options.output is not None:
        options.output.write_text(text)
    print(text)
    return found


if __name__ == "__main__":
    main()
