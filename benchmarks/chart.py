"""The chart of docs/performance.md: bars on a logarithmic scale, as SVG. Pure."""

import dataclasses
import math
from collections.abc import Sequence
from html import escape

from benchmarks.figures import Figure

WIDTH, LABEL_WIDTH, VALUE_WIDTH = 760, 110, 150
BAR, GAP, TITLE, MARGIN = 16, 6, 30, 12
OURS, OTHERS, INK, FAINT = "#2563eb", "#94a3b8", "#0f172a", "#e2e8f0"


@dataclasses.dataclass(frozen=True)
class Panel:
    """A titled group of bars: (name, figure or why there is none)."""

    title: str
    bars: Sequence[tuple[str, Figure | str]]


def svg(panels: Sequence[Panel], ours: str) -> str:
    """All panels under each other on one scale; `ours` is the highlighted name."""
    medians = [f.median for p in panels for _, f in p.bars if isinstance(f, Figure) and f.median]
    if not medians:
        raise ValueError("there is nothing to draw")
    low, high = math.floor(math.log10(min(medians))), math.ceil(math.log10(max(medians)))
    high = max(high, low + 1)
    height = MARGIN + sum(TITLE + len(p.bars) * (BAR + GAP) for p in panels) + MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    lines += [_decade(power, low, high, height) for power in range(low, high + 1)]
    y = MARGIN
    for panel in panels:
        lines.append(
            f'<text x="{MARGIN}" y="{y + 18}" font-weight="bold" fill="{INK}">'
            f"{escape(panel.title)}</text>"
        )
        y += TITLE
        for name, value in panel.bars:
            lines += _bar(name, value, y, low, high, OURS if name == ours else OTHERS)
            y += BAR + GAP
    return "\n".join([*lines, "</svg>", ""])


def position(value: float, low: int, high: int) -> float:
    """Where a value stands between 10^low and 10^high, from 0 to 1."""
    return min(max((math.log10(value) - low) / (high - low), 0.0), 1.0)


def _x(value: float, low: int, high: int) -> float:
    return LABEL_WIDTH + position(value, low, high) * (WIDTH - LABEL_WIDTH - VALUE_WIDTH)


def _decade(power: int, low: int, high: int, height: int) -> str:
    x = _x(10.0**power, low, high)
    return (
        f'<line x1="{x:.1f}" y1="{MARGIN}" x2="{x:.1f}" y2="{height - MARGIN}" stroke="{FAINT}"/>'
        f'<text x="{x:.1f}" y="{height - 2}" text-anchor="middle" font-size="10" fill="{INK}">'
        f"{10.0**power:,.0f}</text>"
    )


def _bar(name: str, value: Figure | str, y: int, low: int, high: int, colour: str) -> list[str]:
    middle = y + BAR - 4
    label = (
        f'<text x="{LABEL_WIDTH - 6}" y="{middle}" text-anchor="end" fill="{INK}">'
        f"{escape(name)}</text>"
    )
    if isinstance(value, str) or not value.median:
        reason = value if isinstance(value, str) else "0"
        return [
            label,
            f'<text x="{LABEL_WIDTH + 6}" y="{middle}" fill="{INK}">{escape(reason)}</text>',
        ]
    end = _x(value.median, low, high)
    least, most = (_x(max(v, 10.0**low), low, high) for v in (value.least, value.most))
    return [
        label,
        f'<rect x="{LABEL_WIDTH}" y="{y}" width="{max(end - LABEL_WIDTH, 1):.1f}" '
        f'height="{BAR}" fill="{colour}"/>',
        f'<line x1="{least:.1f}" y1="{y + BAR / 2}" x2="{most:.1f}" y2="{y + BAR / 2}" '
        f'stroke="{INK}"/>',
        f'<text x="{max(end, most) + 6:.1f}" y="{middle}" fill="{INK}">{value.median:,.0f}</text>',
    ]
