"""docs/performance.md and its chart, written whole from one run. Pure but for writing them."""

import dataclasses
import json
from pathlib import Path

from benchmarks import targets
from benchmarks.chart import Panel, svg
from benchmarks.cold_start import FUNCTIONS, ColdStart
from benchmarks.figures import Figure, Results, Turn
from benchmarks.memory import Growth
from benchmarks.place import is_busy
from benchmarks.scenarios import BY_NAME, REDACTED, TRANSLATED
from benchmarks.tables import cell, matrix, spread, table, unsaturated
from benchmarks.targets import Target

WHOLE = ("small", "20k", "1m", "burst")
PACED = ("paced-100", "paced-1000", "paced-5000")
OWN = ("small", "cached", "limited", "storm-key", "storm-provider", "failover-500", "failover-429")
TITLES = {name: scenario.title for name, scenario in BY_NAME.items()}
PHASES = {
    "interpreter": "interpreter",
    "imports": "imports",
    "relay, listening": "event loop, sockets",
    "relay, first 200": "first 200",
    "relay, first answer from Redis": "first use of Redis",
    "relay, first chat": "first use of the provider",
    "relay, first chat over TLS": "TLS to the provider (and nginx before it)",
}


@dataclasses.dataclass
class Report:
    """All of a run. What was not run is None or empty, and the document says so."""

    command: str
    date: str
    rounds: int
    place: dict[str, str]
    versions: dict[str, str]
    does: dict[str, str]
    results: Results
    cold: dict[str, ColdStart]
    memory: dict[str, float]
    growth: Growth | None = None
    image: str = "not run"

    def targets(self) -> list[Target]:
        """Every target, with what this run says about it."""
        floor = self.cold.get("bare asyncio, first 200")
        ratios = {
            what: self.cold[f"relay, {what}"].wall / floor.wall
            for what in ("first 200", "first chat")
            if floor is not None
        }
        return [
            *targets.of_cold_start(ratios),
            *targets.of_throughput(self.results),
            *targets.of_latency(self.results),
            *targets.of_paced(self.results),
            *targets.of_memory(self.memory),
        ]


def write(report: Report, path: Path) -> None:
    """The document, and the chart beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    chart = path.with_suffix(".svg")
    chart.write_text(svg(panels(report.results), "relay"))
    path.write_text(markdown(report, chart.name))


def as_json(report: Report) -> str:
    """The run with every turn, for later comparison."""
    return json.dumps(dataclasses.asdict(report), indent=1, default=str)


def from_json(text: str) -> Report:
    """What `as_json` gave. Raises `TypeError` when it is of another version of the suite."""
    found = json.loads(text)
    results = found["results"]
    found["results"] = Results([Turn(**turn) for turn in results["turns"]], results["missing"])
    found["cold"] = {
        name: ColdStart(**{clock: Figure(**value) for clock, value in start.items()})
        for name, start in found["cold"].items()
    }
    found["growth"] = Growth(**found["growth"]) if found["growth"] else None
    return Report(**found)


def panels(results: Results) -> list[Panel]:
    """Requests a second of CPU time, a panel for each scenario, the fastest first."""
    found = []
    for name in WHOLE:
        bars: list[tuple[str, Figure | str]] = []
        for candidate in [*results.candidates(), *results.missing]:
            if candidate == "provider" or results.failure(candidate, name) == "-":
                continue
            value = results.figure(candidate, name, lambda turn: turn.per_core)
            bars.append((candidate, value or results.failure(candidate, name)))
        bars.sort(key=lambda bar: -bar[1].median if isinstance(bar[1], Figure) else 1)
        if bars:
            found.append(Panel(f"{TITLES[name]}: {BY_NAME[name].unit}/s/core", bars))
    return found


def markdown(report: Report, chart: str) -> str:
    """The whole document."""
    parts = [
        _head(report),
        "## Targets\n\n" + target_table(report.targets()),
        _throughput(report, chart),
        _streams(report.results),
        _latency(report.results),
        _own(report.results),
        _translated(report.results),
        _redacted(report.results),
        _cold(report),
        _memory(report),
        _method(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def target_table(found: list[Target]) -> str:
    """What was wanted, what was measured, and the verdict."""
    verdicts = {True: "met", False: "**missed**", None: "-"}
    rows = [[t.what, t.wanted, t.measured, verdicts[t.met]] for t in found]
    return table(["what", "target", "measured", ""], rows)


def _head(report: Report) -> str:
    machine = "; ".join(f"{name}: {value}" for name, value in report.place.items())
    busy = (
        "\n\n**Provisional: other programs kept the machine busy.** Wall-clock figures (rates, "
        "latencies,\ndelays, cold starts in ms) are theirs as much as the candidates'; CPU time is "
        "worth a look."
    )
    return (
        "# Performance\n\n"
        f"Written by `{report.command}` on {report.date}; {report.rounds} rounds.\n"
        f"{machine}.\n\n"
        "Figures are medians of the rounds, with the least and the most in brackets. Read the\n"
        "ratios between lines of one table: the machine is shared, and all candidates are\n"
        "measured in turns in one run so that it disturbs them alike."
        + (busy if is_busy(report.place) else "")
    )


def _throughput(report: Report, chart: str) -> str:
    results = report.results
    missing = "".join(
        f"\n- {name} does not take part: {why}" for name, why in results.missing.items()
    )
    versions = table(
        ["candidate", "version", "what it does with a request"],
        [[name, report.versions.get(name, ""), does] for name, does in report.does.items()],
    )
    return (
        "## Throughput\n\n"
        "Requests a second of the candidate's own CPU time (all its processes, user and system):\n"
        "what one core would carry that does nothing else.\n\n"
        f"![requests a second and core]({chart})\n\n"
        + matrix(results, WHOLE, TITLES, lambda turn: turn.per_core)
        + "\n\nRequests a second of wall clock, 64 connections (8 for 1 MB), the candidate on one\n"
        "core, load, provider and Redis on the rest; ° where something else than the candidate's\n"
        "core was the bottleneck. `provider` is the load generator straight at the mock provider:\n"
        "the ceiling.\n\n" + _wall(results) + f"\n\n{versions}{missing}"
    )


def _wall(results: Results) -> str:
    present = [name for name in WHOLE if name in results.scenarios()]
    rows = []
    for candidate in results.candidates():
        cells = []
        for name in present:
            text = cell(results, candidate, name, lambda turn: turn.rate)
            cells.append(text + ("°" if unsaturated(results, candidate, name) else ""))
        rows.append([f"**{candidate}**" if candidate == "relay" else candidate, *cells])
    return table(["", *(TITLES[name] for name in present)], rows)


def _streams(results: Results) -> str:
    present = [name for name in PACED if name in results.scenarios()]
    if not present:
        return ""
    rows = []
    for name in present:
        for candidate in results.candidates():
            if results.failure(candidate, name) == "-":
                continue
            rows.append(
                [
                    f"{TITLES[name]}: {candidate}",
                    cell(results, candidate, name, lambda turn: turn.cpu_us / 1000, 2),
                    cell(results, candidate, name, lambda turn: turn.core_used * 100),
                    *(
                        cell(results, candidate, name, lambda turn, at=at: _delay_ms(turn, at), 2)
                        for at in ("p50", "p99")
                    ),
                ]
            )
    head = ["", "CPU ms a stream", "% of its core", "chunk delay ms, p50", "p99"]
    return (
        "## Streams that are open long\n\n"
        "The provider writes the time into every chunk; the delay is how much later the load\n"
        "generator reads it. `provider` is without anything between: what the machine adds.\n"
        "A candidate that uses its whole core is overloaded, and its delays say only that.\n\n"
        + table(head, rows)
    )


def _delay_ms(turn: Turn, at: str) -> float:
    return turn.chunk_delay_us.get(at, 0.0) / 1000


def _latency(results: Results) -> str:
    name = "rate-100"
    if name not in results.scenarios():
        return ""
    rows = [
        [
            candidate,
            *(
                cell(results, candidate, name, lambda turn, at=at: turn.latency_us[at] / 1000, 2)
                for at in ("p50", "p90", "p99")
            ),
        ]
        for candidate in results.candidates()
        if results.failure(candidate, name) != "-"
    ]
    return (
        "## Latency at 100 requests/s\n\n"
        "Small chats, timed from when each was due, so that a stall does not hide what waited.\n\n"
        + table(["", "p50 ms", "p90 ms", "p99 ms"], rows)
    )


def _own(results: Results) -> str:
    present = [name for name in OWN if results.of("relay", name)]
    if not present:
        return ""
    plain = results.figure("relay", "small", lambda turn: turn.cpu_us)
    rows = []
    for name in present:
        cost = results.figure("relay", name, lambda turn: turn.cpu_us)
        times = f"{cost / plain:.2f}x" if cost and plain else "-"
        rows.append(
            [
                TITLES[name],
                cell(results, "relay", name, lambda turn: turn.cpu_us),
                times,
                cell(results, "relay", name, lambda turn: turn.per_core),
                cell(results, "relay", name, lambda turn: turn.helper_us("redis")),
            ]
        )
    head = ["", "CPU µs a request", "to a small chat", "requests/s/core", "Redis µs a request"]
    return (
        "## relay: limits, refusals, failover\n\n"
        "A refused request is one that was answered 429 (or 503 while the only account rests).\n"
        "In failover the failed account rests in between, as it does in operation, so most\n"
        "requests go straight to the next one.\n\n" + table(head, rows)
    )


def _translated(results: Results) -> str:
    rows = []
    for name, own in TRANSLATED.items():
        if not results.of("relay", name):
            continue
        plain = results.figure("relay", own, lambda turn: turn.cpu_us)
        cost = results.figure("relay", name, lambda turn: turn.cpu_us)
        rows.append(
            [
                TITLES[name],
                cell(results, "relay", name, lambda turn: turn.cpu_us),
                cell(results, "relay", own, lambda turn: turn.cpu_us),
                f"{cost / plain:.2f}x" if cost and plain else "-",
            ]
        )
    if not rows:
        return ""
    head = ["", "CPU µs, translated", "CPU µs, in the caller's own dialect", "ratio"]
    return (
        "## relay: another dialect than the provider's\n\n"
        "Callers speak Anthropic's messages, the provider OpenAI's chat: request, answer and each\n"
        "event of a stream are read and written anew. A request or a stream.\n\n"
        + table(head, rows)
    )


def _redacted(results: Results) -> str:
    rows = []
    for name, own in REDACTED.items():
        if not results.of("relay", name):
            continue
        plain = results.figure("relay", own, lambda turn: turn.cpu_us)
        cost = results.figure("relay", name, lambda turn: turn.cpu_us)
        rows.append(
            [
                TITLES[own],
                cell(results, "relay", own, lambda turn: turn.cpu_us),
                cell(results, "relay", name, lambda turn: turn.cpu_us),
                f"{(cost.median - plain.median) / 1000:.2f}" if cost and plain else "-",
            ]
        )
    if not rows:
        return ""
    head = ["", "CPU µs without a policy", "CPU µs, redacted", "added ms"]
    return (
        "## relay: redaction\n\n"
        "Prose with an e-mail address and a phone number, by a key whose policy masks all that\n"
        "patterns find ([privacy.md](privacy.md)), and which is verified by a round trip of its\n"
        "own. A key without a policy pays nothing.\n\n" + table(head, rows)
    )


def _cold(report: Report) -> str:
    if not report.cold:
        return ""
    floor = report.cold["bare asyncio, first 200"]
    waited = [
        *("bare asyncio, first 200", "relay, first 200", "relay, first chat"),
        "relay, first streamed byte",
        *(f"{name}, first 200" for name in FUNCTIONS[1:]),
    ]
    rows = [
        [
            name,
            spread(report.cold[name].wall),
            f"{report.cold[name].wall / floor.wall:.2f}x",
            spread(report.cold[name].cpu),
            f"{report.cold[name].cpu / floor.cpu:.2f}x",
        ]
        for name in waited
    ]
    head = ["process start to", "ms", "to bare asyncio", "CPU ms", "to bare asyncio"]
    phases, before = [], 0.0
    for name, title in PHASES.items():
        if name not in report.cold:
            continue
        reached = report.cold[name].wall.median
        phases.append([title, f"{reached:.0f}", f"{reached - before:+.0f}"])
        before = reached
    return (
        "## Cold start\n\n"
        + table(head, rows)
        + "\n\nrelay's way to its first chat; each line is a process of its own, so a difference\n"
        "smaller than the spread says nothing:\n\n"
        + table(["phase", "reached after ms", "difference"], phases)
        + f"\n\nIn the production image: {report.image}."
    )


def _memory(report: Report) -> str:
    if not report.memory:
        return ""
    units = {"idle": "MiB", "after load": "MiB", "stream": "KiB", "event": "KiB"}
    titles = {
        "idle": "idle relay, resident",
        "after load": "after ordinary load, resident",
        "stream": "an open stream (1,000 open)",
        "event": "a queued event (no sink takes it)",
    }
    rows = [[titles[name], f"{value:.1f} {units[name]}"] for name, value in report.memory.items()]
    growth = "Growth under load: not run; `make bench-soak` runs 30 minutes of it."
    if report.growth is not None and report.growth.minutes:
        g = report.growth
        growth = (
            f"Under {g.minutes[-1]:.0f} minutes of mixed load ({g.requests:,} requests): "
            f"{g.mib[0]:.1f} MiB at first, {g.mib[-1]:.1f} MiB at the end, "
            f"{g.mib_an_hour:+.1f} MiB an hour over the last two thirds."
        )
    return "## Memory\n\n" + table(["", "memory"], rows) + f"\n\n{growth}"


def _method(report: Report) -> str:
    scenarios = "\n".join(
        f"- **{name}**: {TITLES[name]}; {BY_NAME[name].connections} connections, "
        f"{BY_NAME[name].seconds:g} s a turn"
        for name in report.results.scenarios()
    )
    return (
        "## How it is measured\n\n"
        "`make bench` measures relay beside a bare asyncio server and nginx, `make bench-peers`\n"
        "beside all; both rewrite this file. `python -m benchmarks -h` lists what else there is.\n"
        "[benchmarks/README.md](../benchmarks/README.md) says how each figure comes about and\n"
        "what it cannot say.\n\n" + scenarios
    )
