"""Markdown tables of results. Pure."""

from collections.abc import Callable, Sequence

from benchmarks.figures import SATURATED, Figure, Results, Turn

Value = Callable[[Turn], float]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are figures."""
    bars = [" --- ", *(" ---: " for _ in head[1:])]
    lines = [head, bars, *rows]
    return "\n".join("|" + "|".join(f" {cell.strip()} " for cell in line) + "|" for line in lines)


def spread(found: Figure, digits: int = 0) -> str:
    """Median with the least and most of the rounds."""
    if found.rounds == 1:
        return f"{found.median:,.{digits}f}"
    return f"{found.median:,.{digits}f} ({found.least:,.{digits}f} to {found.most:,.{digits}f})"


def matrix(
    results: Results,
    scenarios: Sequence[str],
    titles: dict[str, str],
    value: Value,
    *,
    digits: int = 0,
) -> str:
    """Candidates down, scenarios across; a cell without a figure says why."""
    present = [name for name in scenarios if name in results.scenarios()]
    rows = []
    for candidate in [*results.candidates(), *results.missing]:
        cells = [cell(results, candidate, name, value, digits) for name in present]
        if any(text != "-" for text in cells):
            rows.append([f"**{candidate}**" if candidate == "relay" else candidate, *cells])
    return table(["", *(titles[name] for name in present)], rows)


def cell(results: Results, candidate: str, scenario: str, value: Value, digits: int = 0) -> str:
    """The figure, or why there is none."""
    found = results.figure(candidate, scenario, value)
    return results.failure(candidate, scenario) if found is None else spread(found, digits)


def unsaturated(results: Results, candidate: str, scenario: str) -> bool:
    """Whether something else than the candidate's core was the bottleneck."""
    used = results.figure(candidate, scenario, lambda turn: turn.core_used)
    return used is not None and used.median < SATURATED
