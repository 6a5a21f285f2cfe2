"""What was measured, and its statistics. Pure.

A `Turn` is one candidate under one scenario in one round. The rounds go over all candidates in
turns, so that what the machine does meanwhile falls on all of them; a figure is the median of the
rounds, its spread the least and the most.
"""

import dataclasses
import statistics
from collections.abc import Callable, Iterable, Sequence

# Of wrong answers, as a share: above, the candidate has failed the scenario.
WRONG_MAX = 0.01
# The candidate used at least this much of its core, else something else was the bottleneck.
SATURATED = 0.9


@dataclasses.dataclass(frozen=True)
class Turn:
    """Microseconds, seconds and MiB as named; `cpu_s` is the candidate's whole process tree."""

    candidate: str
    scenario: str
    round: int
    seconds: float
    requests: int
    # What figures are per: requests; of streams, whose ends may lie outside of the turn,
    # chunks by the number of a stream's.
    units: float
    wrong: int
    statuses: dict[str, int]
    cpu_s: float
    helpers_cpu_s: dict[str, float]
    latency_us: dict[str, float]
    first_byte_us: dict[str, float]
    chunk_delay_us: dict[str, float]
    chunks: int
    chunks_wanted: int
    open: int
    memory_mib: float

    @property
    def failure(self) -> str:
        """Why it does not count, or nothing."""
        if self.wrong > WRONG_MAX * max(self.requests, self.units):
            found = ", ".join(f"{count}x {status}" for status, count in self.statuses.items())
            return f"failed ({found or 'connections lost, or none was free in time'})"
        if not self.units:
            return "no answer in time"
        if self.chunks < self.chunks_wanted * (1 - WRONG_MAX):
            return f"{self.chunks} of {self.chunks_wanted} chunks came through"
        return ""

    @property
    def rate(self) -> float:
        """Requests (or streams) a second of wall clock."""
        return self.units / self.seconds

    @property
    def per_core(self) -> float:
        """Requests a second of the candidate's CPU time: what one core of its own would carry."""
        return self.units / self.cpu_s if self.cpu_s else 0.0

    @property
    def cpu_us(self) -> float:
        """CPU of the candidate a request, in microseconds."""
        return self.cpu_s / self.units * 1e6 if self.units else 0.0

    @property
    def core_used(self) -> float:
        """The share of its core that it used."""
        return self.cpu_s / self.seconds

    def helper_us(self, name: str) -> float:
        """CPU of a helper, such as Redis, a request."""
        return self.helpers_cpu_s.get(name, 0.0) / max(self.units, 1) * 1e6


@dataclasses.dataclass(frozen=True)
class Figure:
    """A median with its spread over the rounds."""

    median: float
    least: float
    most: float
    rounds: int

    def __truediv__(self, other: "Figure") -> float:
        return self.median / other.median if other.median else float("inf")


def figure(values: Iterable[float]) -> Figure:
    """Raises `ValueError` without any value."""
    found = sorted(values)
    if not found:
        raise ValueError("no round was measured")
    return Figure(statistics.median(found), found[0], found[-1], len(found))


@dataclasses.dataclass
class Results:
    """All turns of a run. `missing` says for a candidate why it did not take part."""

    turns: list[Turn] = dataclasses.field(default_factory=list)
    missing: dict[str, str] = dataclasses.field(default_factory=dict)

    def of(self, candidate: str, scenario: str) -> Sequence[Turn]:
        """The rounds of one cell."""
        return [t for t in self.turns if (t.candidate, t.scenario) == (candidate, scenario)]

    def failure(self, candidate: str, scenario: str) -> str:
        """Why the cell has no figure, or nothing."""
        if candidate in self.missing:
            return "not run"
        turns = self.of(candidate, scenario)
        if not turns:
            return "-"
        return next((turn.failure for turn in turns if turn.failure), "")

    def figure(
        self, candidate: str, scenario: str, value: Callable[[Turn], float]
    ) -> Figure | None:
        """One cell, or None when it has no figure."""
        if self.failure(candidate, scenario):
            return None
        return figure(map(value, self.of(candidate, scenario)))

    def candidates(self) -> list[str]:
        """In the order in which they ran first."""
        return list(dict.fromkeys(turn.candidate for turn in self.turns))

    def scenarios(self) -> list[str]:
        """In the order in which they ran first."""
        return list(dict.fromkeys(turn.scenario for turn in self.turns))
