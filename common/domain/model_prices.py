"""What a model costs: rates by class of tokens, by length and by service tier. Pure.

In integer pico-USD (1e-12 USD) per token: 1 USD per million tokens is 1,000,000.
"""

from functools import lru_cache
from typing import Literal, TypeVar

import msgspec

from common.domain.money import PICO_PER_USD, pico_from_usd
from common.domain.price_lines import PRICED_CLASSES, SEARCH, UnitPrices
from common.domain.usage import Tokens

# How a request was served, whatever a provider calls it. `unknown` has no price.
Tier = Literal["standard", "flex", "priority", "fast", "batch", "unknown"]
TIERS: tuple[Tier, ...] = ("flex", "priority", "fast", "batch")
TOKEN_RATES = (*PRICED_CLASSES, "audio_input", "audio_output")
RATE_NAMES = (*TOKEN_RATES, SEARCH)
_NESTED = ("long_context", *TIERS)


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Pico-USD per token of each class. Without a rate of its own, audio costs what text costs.

    `search` is per web search that the provider runs, None where that has no price.
    """

    input: int
    output: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    audio_input: int | None = None
    audio_output: int | None = None
    search: int | None = None

    def priced(self, tokens: Tokens, searches: int = 0) -> tuple[UnitPrices, int]:
        """The price of each class that was used, and the cost in pico-USD: that of all lines.

        Written out because every request is priced several times (`price_lines` says the same).
        """
        prices: UnitPrices = {}
        cost = 0
        if count := tokens.input:
            prices["input"] = self.input
            cost += count * self.input
            if tokens.audio_input and self.audio_input is not None:
                prices["audio_input"] = self.audio_input
                cost += min(tokens.audio_input, count) * (self.audio_input - self.input)
        if count := tokens.output:
            prices["output"] = self.output
            cost += count * self.output
            if tokens.audio_output and self.audio_output is not None:
                prices["audio_output"] = self.audio_output
                cost += min(tokens.audio_output, count) * (self.audio_output - self.output)
        if count := tokens.cache_read:
            prices["cache_read"] = self.cache_read
            cost += count * self.cache_read
        if count := tokens.cache_write_5m:
            prices["cache_write_5m"] = self.cache_write_5m
            cost += count * self.cache_write_5m
        if count := tokens.cache_write_1h:
            prices["cache_write_1h"] = self.cache_write_1h
            cost += count * self.cache_write_1h
        if searches and self.search is not None:
            prices[SEARCH] = self.search
            cost += searches * self.search
        return prices, cost


class LongContext(Rates, frozen=True, kw_only=True):
    """Rates of the whole request once its input, cached tokens included, exceeds a length."""

    over_input_tokens: int


class TierRates(Rates, frozen=True, kw_only=True):
    """What a service tier costs."""

    long_context: LongContext | None = None

    def for_length(self, given_tokens: int) -> Rates:
        """The rates of a request with so many input tokens, cached ones included."""
        longer = self.long_context
        return longer if longer is not None and given_tokens > longer.over_input_tokens else self


class ModelPrice(TierRates, frozen=True, kw_only=True):
    """A model's rates at the standard tier and at others, and its limits in tokens.

    Under a hard budget `default_max_output_tokens` is sent where the caller sets no cap, and no
    cap is lowered below `min_output_tokens`.
    """

    context_window: int
    max_output_tokens: int
    default_max_output_tokens: int = 4096
    min_output_tokens: int = 16
    # Prices of their own, or a factor of these in 1e-12.
    flex: "TierRates | int | None" = None
    priority: "TierRates | int | None" = None
    fast: "TierRates | int | None" = None
    batch: "TierRates | int | None" = None

    def at_tier(self, tier: Tier) -> TierRates | None:
        """The rates of a tier; None for a dearer one whose price is not known.

        What is cheaper than the standard tier and has no price of its own costs what that does.
        """
        if tier == "standard":
            return self
        if tier == "unknown":
            return None
        own: TierRates | int | None = getattr(self, tier)
        if own is None:
            return self if tier in ("flex", "batch") else None
        return _of_standard(self, own) if isinstance(own, int) else own

    def rates_for(self, tokens: Tokens, tier: Tier = "standard") -> Rates | None:
        """The rates that these tokens are billed at; None as `at_tier` says."""
        rates = self.at_tier(tier)
        if rates is None or rates.long_context is None:
            return rates
        given = tokens.input + tokens.cache_read + tokens.cache_write_5m + tokens.cache_write_1h
        return rates.for_length(given)

    def rates_for_record(self, tokens: Tokens, tier: Tier = "standard") -> Rates | None:
        """As `rates_for`, for a whole record.

        A batch's tokens are a sum, which says nothing of the length of any of its requests.
        """
        return self.at_tier(tier) if tier == "batch" else self.rates_for(tokens, tier)

    def discounted(self, discount: str) -> "ModelPrice":
        """All prices less a part of them: "0.15" is 15 % off. Raises `InvalidAmount`."""
        return _discounted(self, discount) if discount else self


R = TypeVar("R", bound=Rates)


@lru_cache(maxsize=1024)
def _of_standard(price: ModelPrice, factor_pico: int) -> TierRates:
    rates = {name: getattr(price, name) for name in TierRates.__struct_fields__}
    return scaled(TierRates(**rates), factor_pico)


@lru_cache(maxsize=1024)
def _discounted(price: ModelPrice, discount: str) -> ModelPrice:
    return scaled(price, PICO_PER_USD - pico_from_usd(discount))


def scaled(rates: R, factor_pico: int) -> R:
    """The rates times a factor in 1e-12, rounded up to whole pico-USD; tiers with them.

    Searches are a fee, and stay.
    """
    changed: dict[str, object] = {}
    for name in TOKEN_RATES:
        if (rate := getattr(rates, name)) is not None:
            changed[name] = -(-rate * factor_pico // PICO_PER_USD)
    for name in _NESTED:
        # A tier that is a factor of these follows by itself.
        if isinstance(nested := getattr(rates, name, None), Rates):
            changed[name] = scaled(nested, factor_pico)
    return msgspec.structs.replace(rates, **changed)
