"""What tokens cost, as tests ask for it."""

from collections.abc import Mapping

from common.domain.model_prices import ModelPrice
from common.domain.price_lines import price_lines
from common.domain.usage import Tokens


def cost_pico(price: ModelPrice, tokens: Tokens) -> int:
    """At the standard tier, in pico-USD."""
    rates = price.rates_for(tokens)
    assert rates is not None
    return rates.priced(tokens)[1]


def lines_pico(tokens: Tokens, unit_prices: Mapping[str, int], searches: int = 0) -> int:
    """The sum of a receipt's lines, in pico-USD."""
    return sum(line.cost_pico for line in price_lines(tokens, unit_prices, searches))
