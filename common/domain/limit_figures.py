"""Limits with what is used and left of them, as answers show them. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from common.domain.limits import POLICY_OF_HARD, Limit
from common.domain.money import PICO_PER_NANO, usd_text


def figures(limits: Sequence[Limit], counted: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    """Each limit with what is counted and, of money, reserved of it (`read_rules` tells both)."""
    return [
        _figures(limit, used, reserved)
        for limit, (used, reserved) in zip(limits, counted, strict=True)
    ]


def written(moment_ms: int | None) -> str | None:
    """A moment in ms since 1970 as RFC 3339 in UTC."""
    if moment_ms is None:
        return None
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _figures(limit: Limit, used: int, reserved: int) -> dict[str, Any]:
    rule = limit.rule
    shown = {
        "level": limit.level,
        "limit": limit.name,
        "most": _figure(limit, rule.most),
        "used": _figure(limit, used),
        "remaining": _figure(limit, max(rule.most - used - reserved, 0)),
        "resets_at": written(rule.time_ms or None) if rule.kind in ("d", "m") else None,
    }
    if rule.kind == "m":
        shown |= {"reserved": _figure(limit, reserved), "policy": POLICY_OF_HARD[rule.hard]}
    return shown


def _figure(limit: Limit, amount: int) -> int | str:
    return usd_text(amount * PICO_PER_NANO) if limit.is_money else amount
