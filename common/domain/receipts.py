"""Receipts: why a request ended, and the arithmetic of what it cost, from its ledger row. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

import msgspec

from common.domain.money import PICO_PER_USD, usd_text
from common.domain.price_lines import price_lines
from common.domain.usage import Status, Tokens, UsageSource

FinishCause = Literal["complete", "estimated", "client_gone", "upstream_error", "interrupted"]


class Line(msgspec.Struct, frozen=True):
    """So many tokens (or searches) of a class, at a price each: USD as decimal text, 12 places."""

    token_class: str
    count: int
    unit_usd: str
    cost_usd: str


def finish_cause_of(status: Status, finish_cause: str, usage_source: UsageSource) -> FinishCause:
    """What a row's own word means to its reader.

    `estimated`: whole, but the provider reported no figures. `interrupted`: Relay ended it (a
    deadline, a stop, a form that turned out to be none) or died.
    """
    if finish_cause in ("client_gone", "upstream_error"):
        return "client_gone" if finish_cause == "client_gone" else "upstream_error"
    if status == "ok":
        return "complete" if usage_source == "reported" else "estimated"
    return "interrupted"


def lines_of(
    tokens: Tokens, unit_prices: Mapping[str, int], searches: int, cost_usd: Decimal
) -> list[Line] | None:
    """The lines whose costs add up to the row's, exactly.

    None for rows that carry no unit prices, as those of earlier versions: no sum is shown that
    is not the cost.
    """
    lines = price_lines(tokens, unit_prices, searches)
    if sum(line.cost_pico for line in lines) != cost_usd * PICO_PER_USD:
        return None
    return [
        Line(
            line.token_class,
            line.count,
            usd_text(line.unit_pico),
            usd_text(line.cost_pico),
        )
        for line in lines
    ]
