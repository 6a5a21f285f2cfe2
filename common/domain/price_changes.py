"""What differs between two price books: models that came, went, or cost something else. Pure."""

from typing import Literal

import msgspec

from common.domain.model_prices import RATE_NAMES, TIERS, ModelPrice, Rates
from common.domain.money import PICO_PER_USD
from common.domain.prices import PriceBook

Change = Literal["added", "removed", "changed"]
_PER_PRICE = {"search": 1_000}
_TOKENS_PER_PRICE = 1_000_000


class FieldChange(msgspec.Struct, frozen=True):
    """A price before and after, USD per million tokens (thousand searches), and by how much."""

    field: str
    before: str | None
    after: str | None
    percent: str | None


class ModelChange(msgspec.Struct, frozen=True):
    """A model and what of it differs; of a model that came or went, all its prices."""

    model: str
    change: Change
    fields: tuple[FieldChange, ...]


def changes(before: PriceBook, after: PriceBook) -> list[ModelChange]:
    """By model, in alphabetical order; aliases count as models."""
    found: list[ModelChange] = []
    names = before.prices | before.aliases | after.prices | after.aliases
    for model in sorted(names):
        old, new = before.exactly(model), after.exactly(model)
        if old == new:
            continue
        change: Change = "added" if old is None else "removed" if new is None else "changed"
        was, now = figures(old), figures(new)
        fields = tuple(
            FieldChange(field, was.get(field), now.get(field), _percent(was, now, field))
            for field in dict.fromkeys([*was, *now])
            if was.get(field) != now.get(field)
        )
        found.append(ModelChange(model, change, fields))
    return found


def figures(price: ModelPrice | None) -> dict[str, str]:
    """All prices and limits of a model by their place, `tiers.batch.long_context.input`."""
    if price is None:
        return {}
    found = _rates("", price)
    for tier in TIERS:
        if getattr(price, tier) is not None and (rates := price.at_tier(tier)) is not None:
            found |= _rates(f"tiers.{tier}.", rates)
    limits = ("context_window", "max_output_tokens", "default_max_output_tokens",
              "min_output_tokens")  # fmt: skip
    return found | {name: str(getattr(price, name)) for name in limits}


def _rates(place: str, rates: Rates) -> dict[str, str]:
    found = {
        f"{place}{name}": _usd(getattr(rates, name) * _PER_PRICE.get(name, _TOKENS_PER_PRICE))
        for name in RATE_NAMES
        if getattr(rates, name) is not None
    }
    longer = getattr(rates, "long_context", None)
    if longer is not None:
        found |= _rates(f"{place}long_context.", longer)
        found[f"{place}long_context.over_input_tokens"] = str(longer.over_input_tokens)
    return found


def _usd(pico: int) -> str:
    whole, part = divmod(pico, PICO_PER_USD)
    decimals = f"{part:012d}".rstrip("0")
    return f"{whole}.{decimals}" if decimals else str(whole)


def _percent(was: dict[str, str], now: dict[str, str], field: str) -> str | None:
    """By how much it rose, to a tenth: `+12.5`, `-50.0`; None where there is nothing to compare."""
    if field not in was or field not in now or not float(was[field]):
        return None
    return f"{(float(now[field]) / float(was[field]) - 1) * 100:+.1f}"
