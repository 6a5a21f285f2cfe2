"""Running it: every candidate stands, and in each round each has its turn in every scenario."""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import candidates as known
from benchmarks import place
from benchmarks.candidates import Candidate, Running
from benchmarks.figures import Results, Turn
from benchmarks.native import CannotBenchmark, program
from benchmarks.scenarios import Scenario, request_bytes

PROVIDER = "provider"
# Between two turns what the last one left is finished, such as relay's settles and events: until
# the candidate uses less than a twentieth of a core.
PAUSE_S, PAUSE_S_MAX, IDLE_SHARE = 0.2, 10.0, 0.05
# Before the first round: compilers and allocators of the candidates settle.
WARMUP = Scenario("warm-up", "small chat", seconds=2.5)


def measure(
    wanted: Sequence[Candidate],
    scenarios: Sequence[Scenario],
    *,
    rounds: int,
    scale: float = 1.0,
) -> Results:
    """All turns. `scale` multiplies all durations but those of a stream."""
    results = Results()
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="relay-bench-")))
        port, pid = stack.enter_context(known.provider())
        standing = {PROVIDER: Running(port, pid)}
        for candidate in wanted:
            own = directory / candidate.name
            own.mkdir()
            try:
                standing[candidate.name] = stack.enter_context(candidate.run(own, port))
            except (CannotBenchmark, RuntimeError) as error:
                results.missing[candidate.name] = str(error)
                say(f"{candidate.name} does not take part: {error}")
        for name, running in standing.items():
            say(f"warming up {name}")
            take_turn(name, running, WARMUP, 0, scale)
        floors = {candidate.name for candidate in wanted if candidate.is_floor}
        for number in range(rounds):
            for scenario in scenarios:
                if number >= scenario.rounds_max:
                    continue
                for name, running in standing.items():
                    if takes_part(name, scenario, floors):
                        turn = take_turn(name, running, scenario, number, scale)
                        results.turns.append(turn)
                        say(line(turn))
    return results


def takes_part(name: str, scenario: Scenario, floors: set[str]) -> bool:
    """Whether that candidate is asked this."""
    if scenario.only:
        return name in scenario.only
    return name not in floors or not scenario.stream


def take_turn(
    name: str, running: Running, scenario: Scenario, number: int, scale: float = 1.0
) -> Turn:
    """One candidate, one scenario, once."""
    pids = place.tree(running.pid)
    running.prepare()
    await_idle(pids)
    headers = running.keys.get(scenario.name, running.headers)
    path = "/v1/messages" if scenario.translated else running.path
    request = request_bytes(scenario, f"127.0.0.1:{running.port}", path, headers)
    paced = bool(scenario.stream and scenario.ramp_s)
    stretch, connections = 1.0, scenario.connections
    if not paced:
        stretch = scale * running.stretch
        connections = min(connections, running.connections_max or connections)
    numbers = (
        *(running.port, connections, scenario.ramp_s),
        *(scenario.warmup_s * stretch, scenario.seconds * stretch, scenario.rate),
    )
    with place.on(place.OTHER_CORES):
        load = subprocess.Popen(
            [str(program("load")), *map(str, numbers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
    assert load.stdin is not None
    assert load.stdout is not None
    load.stdin.write(request)
    load.stdin.close()
    if load.stdout.readline() != b"begin\n":
        raise CannotBenchmark("the load generator did not begin")
    before = _clocks(pids, running)
    measured = json.loads(load.stdout.readline())
    after = _clocks(pids, running)
    memory = place.memory_mib(pids)
    load.wait()
    right = sum(measured["statuses"].get(status, 0) for status in scenario.statuses)
    wrong = sum(measured["statuses"].values()) - right + measured["failed"] + measured["unsent"]
    chunks = measured["chunk_delay_us"]["count"]
    return Turn(
        candidate=name,
        scenario=scenario.name,
        round=number,
        seconds=measured["seconds"],
        requests=right,
        units=chunks / scenario.chunks if scenario.stream else right,
        wrong=wrong,
        statuses=measured["statuses"],
        cpu_s=after[0] - before[0],
        helpers_cpu_s={helper: after[1][helper] - before[1][helper] for helper in running.helpers},
        latency_us=measured["latency_us"],
        first_byte_us=measured["first_byte_us"],
        chunk_delay_us=measured["chunk_delay_us"],
        chunks=chunks,
        # Streams that were open when the window began had sent chunks before it.
        chunks_wanted=0 if paced else max(right - connections, 0) * scenario.chunks,
        open=measured["open"],
        memory_mib=memory,
    )


def await_idle(pids: Sequence[int]) -> None:
    """Wait until these processes are done with what they were asked, for a bounded time."""
    until = time.monotonic() + PAUSE_S_MAX
    while True:
        before = place.cpu_s(pids)
        time.sleep(PAUSE_S)
        used = (place.cpu_s(pids) - before) / PAUSE_S
        if used < IDLE_SHARE or time.monotonic() > until:
            return


def _clocks(pids: Sequence[int], running: Running) -> tuple[float, dict[str, float]]:
    helpers = {name: place.cpu_s(place.tree(pid)) for name, pid in running.helpers.items()}
    return place.cpu_s(pids), helpers


def line(turn: Turn) -> str:
    """One turn for whoever watches."""
    return (
        f"{turn.round + 1} {turn.scenario:14} {turn.candidate:9} {turn.rate:8.0f}/s "
        f"{turn.per_core:8.0f}/s/core {turn.cpu_us:9.1f} us  core {turn.core_used:4.0%}  "
        f"p50 {turn.latency_us.get('p50', 0) / 1000:.2f} ms  "
        f"p99 {turn.latency_us.get('p99', 0) / 1000:.2f} ms  {turn.failure}"
    )


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)
