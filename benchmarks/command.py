"""The benchmarks' command line.

python -m benchmarks                    relay beside a bare asyncio server and nginx; the document
python -m benchmarks --peers            beside the other gateways too
python -m benchmarks --quick            a smoke of a minute; the document goes to dist/
python -m benchmarks turns ...          some candidates under some scenarios, to the terminal
python -m benchmarks cold-start         process start to first answers, per function
python -m benchmarks memory             idle, an open stream, a queued event
python -m benchmarks soak --minutes 30  whether memory grows under load
python -m benchmarks profile ...        a flame graph of relay under a scenario
python -m benchmarks parts              the small ones: body_reading, redis_connection, admission
python -m benchmarks scale              admission with a million keys, a large ledger
python -m benchmarks console            the console and the admin API over a large ledger
"""

import argparse
import dataclasses
import datetime
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from benchmarks import document, place
from benchmarks.candidate_list import ALONE, CANDIDATES, EVERY, named
from benchmarks.document import Report
from benchmarks.figures import Results
from benchmarks.native import CannotBenchmark
from benchmarks.rounds import measure, say
from benchmarks.scenarios import BY_NAME, SCENARIOS, Scenario
from benchmarks.tables import matrix, table

DOCUMENT = Path("docs/performance.md")
SCRATCH = Path("dist/bench")
QUICK = ("small", "burst", "translated-burst", "paced-100", "limited", "storm-key")
QUICK_SCALE = 0.4
COLD_ROUNDS = 7


def main(arguments: list[str] | None = None) -> None:
    """Raises `SystemExit` with what is missing on this machine."""
    given = sys.argv[1:] if arguments is None else arguments
    commands: dict[str, Callable[[list[str]], None]] = {
        "run": run,
        "turns": turns,
        "cold-start": cold_start,
        "memory": memory,
        "soak": soak,
        "profile": profile,
        "document": write_document,
        "parts": parts,
        "scale": scale,
        "console": console,
    }
    name = given[0] if given and given[0] in commands else "run"
    try:
        commands[name](given[1:] if given[:1] == [name] else given)
    except CannotBenchmark as error:
        raise SystemExit(str(error)) from error


def run(arguments: list[str]) -> None:
    """The suite, into the document."""
    parser = _parser()
    parser.add_argument("--peers", action="store_true", help="the other gateways too")
    parser.add_argument("--quick", action="store_true", help="a smoke: short turns, one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=0, help="of load for memory's growth")
    parser.add_argument("--output", type=Path, help=f"instead of {DOCUMENT}")
    options = parser.parse_args(arguments)
    rounds = 1 if options.quick else options.rounds
    output = options.output or (SCRATCH / DOCUMENT.name if options.quick else DOCUMENT)
    scenarios = [BY_NAME[name] for name in QUICK] if options.quick else list(SCENARIOS)
    described = place.description()
    wanted = named(EVERY if options.peers else ALONE)
    results = measure(wanted, scenarios, rounds=rounds, scale=QUICK_SCALE if options.quick else 1)
    from benchmarks import cold_start, memory

    report = Report(
        command=" ".join(["python -m benchmarks", *arguments]),
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        rounds=rounds,
        place=described,
        versions={c.name: _version(c.version) for c in wanted},
        does={c.name: c.does for c in wanted},
        results=results,
        cold=cold_start.measure(1 if options.quick else COLD_ROUNDS),
        memory={} if options.quick else memory.measure(),
        image=cold_start.measure_image(1 if options.quick else COLD_ROUNDS),
        growth=memory.soak(options.minutes) if options.minutes else None,
    )
    SCRATCH.mkdir(parents=True, exist_ok=True)
    (SCRATCH / "latest.json").write_text(document.as_json(report))
    document.write(report, output)
    print(document.target_table(report.targets()))
    say(f"\n{output}, its chart beside it; every turn in {SCRATCH / 'latest.json'}")


def turns(arguments: list[str]) -> None:
    """Some candidates under some scenarios: the loop of somebody who makes relay faster."""
    parser = _parser()
    parser.add_argument("--candidates", default="nginx,relay", help=f"of {','.join(EVERY)}")
    parser.add_argument("--scenarios", default="small,burst", help=f"of {','.join(BY_NAME)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="of all durations")
    options = parser.parse_args(arguments)
    scenarios = [_scenario(name, parser) for name in options.scenarios.split(",")]
    names = tuple(options.candidates.split(","))
    if unknown := set(names) - {candidate.name for candidate in CANDIDATES}:
        parser.error(f"no such candidate: {', '.join(sorted(unknown))}")
    # Asked for by name, so asked: whatever the suite's own selection is.
    asked = [dataclasses.replace(s, only=(), rounds_max=options.rounds) for s in scenarios]
    print(summary(measure(named(names), asked, rounds=options.rounds, scale=options.scale)))


def summary(results: Results) -> str:
    """CPU and rate of each candidate in each scenario."""
    titles = {name: name for name in results.scenarios()}
    names = results.scenarios()
    return "\n\n".join(
        [
            "CPU µs a request:\n\n" + matrix(results, names, titles, lambda t: t.cpu_us),
            "requests/s/core:\n\n" + matrix(results, names, titles, lambda t: t.per_core),
            "requests/s:\n\n" + matrix(results, names, titles, lambda t: t.rate),
        ]
    )


def cold_start(arguments: list[str]) -> None:
    """Process start to first answers."""
    from benchmarks import cold_start as cold

    parser = _parser()
    parser.add_argument("--rounds", type=int, default=cold.ROUNDS)
    found = cold.measure(parser.parse_args(arguments).rounds)
    floor = found["bare asyncio, first 200"]
    rows = [
        [
            name,
            f"{start.wall.median:.0f}",
            f"{start.wall / floor.wall:.2f}x",
            f"{start.cpu.median:.0f}",
            f"{start.cpu / floor.cpu:.2f}x",
        ]
        for name, start in found.items()
    ]
    print(table(["process start to", "ms", "to bare", "CPU ms", "to bare"], rows))


def memory(arguments: list[str]) -> None:
    """Idle, an open stream, a queued event."""
    from benchmarks import memory as resident

    _parser().parse_args(arguments)
    rows = [[name, f"{value:.1f}"] for name, value in resident.measure().items()]
    print(table(["idle, after load: MiB; stream, event: KiB", ""], rows))


def soak(arguments: list[str]) -> None:
    """Whether memory grows."""
    from benchmarks import memory as resident

    parser = _parser()
    parser.add_argument("--minutes", type=float, default=30)
    growth = resident.soak(parser.parse_args(arguments).minutes)
    print(f"{growth.requests} requests, {growth.mib_an_hour:+.2f} MiB an hour")


def profile(arguments: list[str]) -> None:
    """A flame graph."""
    from benchmarks import profiling

    parser = _parser()
    parser.add_argument("--scenario", default="small", help=f"of {','.join(BY_NAME)}")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--native", action="store_true", help="frames of C and Rust too")
    parser.add_argument("--tool", choices=("py-spy", "perf"), default="py-spy")
    parser.add_argument("--output", type=Path, help=".svg, or .txt for collapsed stacks")
    options = parser.parse_args(arguments)
    ending = "svg" if options.tool == "py-spy" else "perf"
    output = options.output or SCRATCH / f"profile-{options.scenario}.{ending}"
    profiling.profile(
        _scenario(options.scenario, parser),
        options.seconds,
        output,
        native=options.native,
        tool=options.tool,
    )


def write_document(arguments: list[str]) -> None:
    """The document of an earlier run."""
    parser = _parser()
    parser.add_argument("run", type=Path, help=f"such as {SCRATCH / 'latest.json'}")
    parser.add_argument("--output", type=Path, default=DOCUMENT)
    options = parser.parse_args(arguments)
    document.write(document.from_json(options.run.read_text()), options.output)


def parts(arguments: list[str]) -> None:
    """The benchmarks of single parts, each of which also runs by itself."""
    from benchmarks import admission, body_reading, redis_connection

    _parser().parse_args(arguments)
    for part in (body_reading, redis_connection, admission):
        say_what(part)
        part.main([])


def scale(arguments: list[str]) -> None:
    """What must not depend on how much there is; each also runs by itself, with its options."""
    from benchmarks import admission_scale, aggregation

    _parser().parse_args(arguments)
    say_what(admission_scale)
    admission_scale.main([])
    say_what(aggregation)
    aggregation.main([])


def console(arguments: list[str]) -> None:
    """Every page and every list over ten million rows."""
    from benchmarks import console as pages

    pages.main(arguments)


def say_what(part: ModuleType) -> None:
    print(f"\n## {(part.__doc__ or '').splitlines()[0]}\n", flush=True)


def _parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _scenario(name: str, parser: argparse.ArgumentParser) -> Scenario:
    if name not in BY_NAME:
        parser.error(f"no such scenario: {name}; there are {', '.join(BY_NAME)}")
    return BY_NAME[name]


def _version(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except (CannotBenchmark, OSError) as error:
        return str(error)
