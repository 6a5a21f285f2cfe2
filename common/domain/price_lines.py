"""The arithmetic of a cost: tokens of each class times their price, as a receipt prints it. Pure.

`input` and `output` hold the audio that has a price of its own, so a line of theirs counts what is
left; all lines of a record add up to its cost, to the pico-USD.
"""

from collections.abc import Mapping

import msgspec

from common.domain.usage import Tokens

# Pico-USD per token by class: a price of 1 USD per million tokens is 1,000,000.
UnitPrices = dict[str, int]

# Classes that have no token in common. Reasoning is part of `output` and has no price.
PRICED_CLASSES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
AUDIO_PARTS = (("audio_input", "input"), ("audio_output", "output"))
SEARCH = "search"


class PriceLine(msgspec.Struct, frozen=True):
    """So many tokens of a class (or searches) at a price in pico-USD each."""

    token_class: str
    count: int
    unit_pico: int

    @property
    def cost_pico(self) -> int:
        """What the line costs in pico-USD."""
        return self.count * self.unit_pico


def price_lines(
    tokens: Tokens, unit_prices: Mapping[str, int], searches: int = 0
) -> list[PriceLine]:
    """One line for each class that was used and has a price; none for what was not priced.

    `unit_prices` and `searches` are those of the record. Holds for usage records: an adjustment's
    tokens are a difference, and its prices those of what it corrects the record to.
    """
    counts = {name: getattr(tokens, name) for name in PRICED_CLASSES}
    for name, whole in AUDIO_PARTS:
        if name in unit_prices:
            # Cached audio may be reported as audio: never more than what was not cached.
            counts[name] = min(getattr(tokens, name), counts[whole])
            counts[whole] -= counts[name]
    counts[SEARCH] = searches
    return [
        PriceLine(name, count, unit_prices[name])
        for name, count in counts.items()
        if count and name in unit_prices
    ]
