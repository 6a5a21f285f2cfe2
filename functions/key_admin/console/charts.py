"""Charts as SVG, made here: no script, and nothing that a content policy forbids. Pure."""

from collections.abc import Sequence
from decimal import Decimal
from html import escape

import msgspec

WIDTH, HEIGHT = 1000, 200
_GAP = 0.22
_ROUND = [Decimal(one) for one in ("1", "1.2", "1.6", "2", "2.4", "3", "4", "5", "6", "8")]


class Bar(msgspec.Struct, frozen=True):
    """A bar: what it is of, its height, and its words for who points at it."""

    label: str
    value: Decimal
    words: str


def bars(values: Sequence[Bar], name: str) -> str:
    """Bars over the whole width. The scale and the labels stand beside it, as text."""
    top = ceiling(max((bar.value for bar in values), default=Decimal()))
    step = WIDTH / max(len(values), 1)
    parts = [_grid()]
    for place, bar in enumerate(values):
        height = float(bar.value / top) * HEIGHT if top else 0.0
        if bar.value > 0:
            height = max(height, 2.0)
        left = place * step + step * _GAP / 2
        parts.append(
            f'<g><title>{escape(bar.words)}</title><rect class="hit" x="{place * step:.1f}" y="0" '
            f'width="{step:.1f}" height="{HEIGHT}"/><rect class="bar" x="{left:.1f}" '
            f'y="{HEIGHT - height:.1f}" width="{step * (1 - _GAP):.1f}" height="{height:.1f}"/></g>'
        )
    return (
        f'<svg class="bars" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(name)}">{"".join(parts)}</svg>'
    )


def sparkline(values: Sequence[Decimal], name: str) -> str:
    """A line without a scale: how it went."""
    width, height, edge = 200, 40, 3
    if len(values) < 2 or max(values) <= 0:
        points = f"0,{height - edge} {width},{height - edge}"
    else:
        top, step = float(max(values)), width / (len(values) - 1)
        high = [float(max(value, Decimal())) / top * (height - 2 * edge) for value in values]
        points = " ".join(
            f"{place * step:.1f},{height - edge - one:.1f}" for place, one in enumerate(high)
        )
    return (
        f'<svg class="spark" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(name)}"><polygon points="0,{height} {points} {width},{height}"/>'
        f'<polyline points="{points}"/></svg>'
    )


def meter(used: Decimal, reserved: Decimal, most: Decimal, name: str) -> str:
    """How full a limit is: what is used, and what open requests hold besides."""
    share = min(float(used / most), 1.0) * 100 if most else 0.0
    held = min(float(reserved / most) * 100 if most else 0.0, 100.0 - share)
    level = "over" if share >= 100 else "near" if share >= 80 else "fine"
    return (
        f'<svg class="meter {level}" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(name)}"><rect class="track" width="100" height="4"/>'
        f'<rect class="held" x="{share:.2f}" width="{held:.2f}" height="4"/>'
        f'<rect class="used" width="{share:.2f}" height="4"/></svg>'
    )


def share(part: Decimal, whole: Decimal, name: str) -> str:
    """How much of the largest it is, as a thin bar."""
    width = max(min(float(part / whole), 1.0), 0.0) * 100 if whole > 0 else 0.0
    return (
        f'<svg class="meter" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(name)}"><rect class="track" width="100" height="4"/>'
        f'<rect class="used" width="{width:.2f}" height="4"/></svg>'
    )


def ceiling(value: Decimal) -> Decimal:
    """A round figure that is not below it, and not far above."""
    if value <= 0:
        return Decimal()
    power = Decimal(1).scaleb(value.adjusted())
    return next((one * power for one in _ROUND if value <= one * power), 10 * power)


def _grid() -> str:
    lines = "".join(
        f'<line x1="0" x2="{WIDTH}" y1="{HEIGHT * part / 4:.0f}" y2="{HEIGHT * part / 4:.0f}"/>'
        for part in range(4)
    )
    return f'<g class="grid">{lines}</g>'
