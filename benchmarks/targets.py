"""The targets, each with what was measured and whether it is met. Pure."""

import dataclasses
from collections.abc import Callable

from benchmarks.figures import Figure, Results, Turn

# cold start: ratios to bare asyncio; memory: MiB idle, KiB a stream. None: not measured.
COLD_FIRST_200, COLD_FIRST_CHAT = 1.7, 2.2
IDLE_MIB_MAX, STREAM_KIB_MAX = 60.0, 40.0
GATEWAYS = ("ferrogw", "portkey", "litellm")


@dataclasses.dataclass(frozen=True)
class Target:
    """`met` is None where there was nothing to judge; `measured` then says why."""

    what: str
    wanted: str
    measured: str
    met: bool | None


def of_throughput(results: Results) -> list[Target]:
    """relay beside the others, in requests a second of CPU time."""
    rows = [
        _ratio(results, "small", other, least)
        for other, least in (("litellm", 60), ("portkey", 6), ("ferrogw", 1.3), ("envoy", 0.45))
    ]
    rows.append(_ratio(results, "burst", "ferrogw", 1.5))
    rows += [_ratio(results, "burst", other, 1.0) for other in GATEWAYS if other != "ferrogw"]
    return rows


def of_latency(results: Results) -> list[Target]:
    """What relay adds over nginx at 100 requests a second."""
    rows = []
    for point, most_ms in (("p50", 1.0), ("p99", 5.0)):
        what = f"added latency at 100 requests/s, {point}, over nginx"
        pair = _pair(results, "rate-100", "nginx", lambda turn, at=point: turn.latency_us[at])
        rows.append(_difference(what, pair, most_ms))
    return rows


def of_paced(results: Results) -> list[Target]:
    """1,000 open streams: CPU a stream, and how long a chunk is held back."""
    wanted = "≤ 2x nginx's"
    pair = _pair(results, "paced-1000", "nginx", lambda turn: turn.cpu_us)
    what = "SSE paced, 1,000 open streams, CPU a stream"
    if isinstance(pair, str):
        rows = [Target(what, wanted, pair, None)]
    else:
        ratio = pair[0] / pair[1]
        rows = [Target(what, wanted, f"{ratio:.2f}x", ratio <= 2)]
    what = "SSE paced, 1,000 open streams, chunk held back, p99, over the provider alone"
    held = _pair(results, "paced-1000", "provider", lambda turn: turn.chunk_delay_us["p99"])
    return [*rows, _difference(what, held, 5.0)]


def of_cold_start(ratios: dict[str, float]) -> list[Target]:
    """`ratios` to bare asyncio of the same run, by what was waited for."""
    return [
        _at_most(f"cold start of relay, start → {what}", ratios.get(what), most, "x bare asyncio")
        for what, most in (("first 200", COLD_FIRST_200), ("first chat", COLD_FIRST_CHAT))
    ]


def of_memory(memory: dict[str, float]) -> list[Target]:
    """`memory`: "idle" in MiB, "stream" in KiB."""
    return [
        _at_most("memory, idle relay", memory.get("idle"), IDLE_MIB_MAX, " MiB"),
        _at_most("memory, an open stream", memory.get("stream"), STREAM_KIB_MAX, " KiB"),
    ]


def _at_most(what: str, found: float | None, most: float, unit: str) -> Target:
    wanted = f"≤ {most:g}{unit}"
    if found is None:
        return Target(what, wanted, "not run", None)
    return Target(what, wanted, f"{found:.2f}{unit}", found <= most)


def _difference(what: str, pair: tuple[Figure, Figure] | str, most_ms: float) -> Target:
    wanted = f"≤ {most_ms:g} ms"
    if isinstance(pair, str):
        return Target(what, wanted, pair, None)
    added_ms = (pair[0].median - pair[1].median) / 1000
    return Target(what, wanted, f"{added_ms:.2f} ms", added_ms <= most_ms)


def _ratio(results: Results, scenario: str, other: str, least: float) -> Target:
    name = {"small": "small chat", "burst": "SSE bursts of 50 chunks"}[scenario]
    what, wanted = f"{name}, per core, to {other}", f"≥ {least:g}x"
    pair = _pair(results, scenario, other, lambda turn: turn.per_core)
    if isinstance(pair, str):
        return Target(what, wanted, pair, None)
    ratio = pair[0] / pair[1]
    return Target(what, wanted, f"{ratio:.2f}x", ratio >= least)


def _pair(
    results: Results, scenario: str, other: str, value: Callable[[Turn], float]
) -> tuple[Figure, Figure] | str:
    ours = results.figure("relay", scenario, value)
    theirs = results.figure(other, scenario, value)
    if ours is None:
        return f"relay: {results.failure('relay', scenario)}"
    if theirs is None:
        return f"{other}: {results.failure(other, scenario)}"
    return ours, theirs
