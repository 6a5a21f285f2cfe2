"""Prices: what a model's tokens cost, in integer pico-USD (1e-12 USD) per token and class.

A price book is a file of one version; records carry that version, so what a request cost can be
computed again. A price of 1 USD per million tokens is 1,000,000 pico-USD per token.
"""

import re
from functools import lru_cache
from typing import Any, Literal, TypeVar, cast

import msgspec

from common.domain.money import PICO_PER_USD, InvalidAmount, pico_from_usd
from common.domain.price_lines import (
    AUDIO_PARTS,
    PRICED_CLASSES,
    SEARCH,
    UnitPrices,
    cost_pico,
)
from common.domain.usage import Tokens

# How a request was served, whatever a provider calls it. `unknown` has no price.
Tier = Literal["standard", "flex", "priority", "fast", "batch", "unknown"]
TIERS: tuple[Tier, ...] = ("flex", "priority", "fast", "batch")
TOKEN_RATES = (*PRICED_CLASSES, "audio_input", "audio_output")
RATE_NAMES = (*TOKEN_RATES, SEARCH)
_NESTED = ("long_context", *TIERS)

_TOKENS_PER_PRICE = 1_000_000
_SEARCHES_PER_PRICE = 1_000
# A dated version of a model: gpt-5-2025-08-07, claude-sonnet-4-5-20250929.
_DATE = re.compile(r"-20\d\d(?:-\d\d-\d\d|\d{4})$")


class InvalidPriceBook(ValueError):
    """A price book that cannot be used; the message names the model and the field."""


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

    def unit_prices(self, tokens: Tokens, searches: int = 0) -> UnitPrices:
        """The price of each class that was used, and of no other."""
        prices = {name: getattr(self, name) for name in PRICED_CLASSES if getattr(tokens, name)}
        for name, whole in AUDIO_PARTS:
            rate = getattr(self, name)
            if rate is not None and getattr(tokens, name) and whole in prices:
                prices[name] = rate
        if searches and self.search is not None:
            prices[SEARCH] = self.search
        return prices

    def cost_of(self, tokens: Tokens, searches: int = 0) -> int:
        """The cost in pico-USD at these rates."""
        return cost_pico(tokens, self.unit_prices(tokens, searches), searches)


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
    flex: TierRates | None = None
    priority: TierRates | None = None
    fast: TierRates | None = None
    batch: TierRates | None = None

    def at_tier(self, tier: Tier) -> TierRates | None:
        """The rates of a tier; None for a dearer one whose price is not known.

        What is cheaper than the standard tier and has no price of its own costs what that does.
        """
        match tier:
            case "flex":
                return self.flex or self
            case "batch":
                return self.batch or self
            case "priority":
                return self.priority
            case "fast":
                return self.fast
            case "standard":
                return self
        return None

    def rates_for(self, tokens: Tokens, tier: Tier = "standard") -> Rates | None:
        """The rates that these tokens are billed at; None as `at_tier` says."""
        rates = self.at_tier(tier)
        if rates is None or rates.long_context is None:
            return rates
        given = tokens.input + tokens.cache_read + tokens.cache_write_5m + tokens.cache_write_1h
        return rates.for_length(given)

    def cost_pico(self, tokens: Tokens) -> int:
        """What the tokens cost at the standard tier, in pico-USD; exact.

        It is never negative for counts that are not.
        """
        return self.for_length(
            tokens.input + tokens.cache_read + tokens.cache_write_5m + tokens.cache_write_1h
        ).cost_of(tokens)

    def discounted(self, discount: str) -> "ModelPrice":
        """All prices less a part of them: "0.15" is 15 % off. Raises `InvalidAmount`."""
        return _discounted(self, discount) if discount else self


R = TypeVar("R", bound=Rates)


@lru_cache(maxsize=1024)
def _discounted(price: ModelPrice, discount: str) -> ModelPrice:
    return scaled(price, PICO_PER_USD - pico_from_usd(discount))


def scaled(rates: R, factor_pico: int) -> R:
    """The rates times a factor in 1e-12, rounded up to whole pico-USD; tiers with them.

    Searches are a fee, and stay.
    """
    changed: dict[str, object] = {}
    for name in (*TOKEN_RATES, *_NESTED):
        value = getattr(rates, name, None)
        if isinstance(value, Rates):
            changed[name] = scaled(value, factor_pico)
        elif value is not None:
            changed[name] = -(-value * factor_pico // PICO_PER_USD)
    return msgspec.structs.replace(rates, **changed)


class PriceBook(msgspec.Struct, frozen=True):
    """The prices of one version: by model id, the other names of models, and ids by provider."""

    version: str
    prices: dict[str, ModelPrice]
    aliases: dict[str, str]
    ids: dict[str, list[str]]

    def find(self, model: str) -> ModelPrice | None:
        """The price of a model id, of an alias, or of a dated version of either; no guesses."""
        price = self._named(model)
        if price is not None:
            return price
        undated = _DATE.sub("", model)
        return self._named(undated) if undated != model else None

    def exactly(self, model: str) -> ModelPrice | None:
        """The price of a model id or alias as it is written, without looking for a date in it."""
        return self._named(model)

    def models(self, provider: str) -> list[str]:
        """The provider's model ids to list for clients, sorted; none for an unknown provider."""
        return list(self.ids.get(provider, ()))

    @staticmethod
    def from_json(data: bytes) -> "PriceBook":
        """The book in a price file. Raises `InvalidPriceBook`, naming the model and the field."""
        return _read(data)

    def overridden_by(self, other: "PriceBook", version: str) -> "PriceBook":
        """The models and aliases of `other` in place of, and beside, those of this book.

        A name means what `other` says it means, if it knows it: its alias hides a model of this
        book, its model an alias. Nothing of two entries is mixed.
        """
        prices = {
            model: price for model, price in self.prices.items() if model not in other.aliases
        }
        aliases = {
            alias: other.aliases.get(model, model)
            for alias, model in self.aliases.items()
            if alias not in other.prices
        }
        ids = {
            provider: sorted({*self.models(provider), *other.models(provider)})
            for provider in (self.ids | other.ids)
        }
        return PriceBook(version, prices | other.prices, aliases | other.aliases, ids)

    def _named(self, model: str) -> ModelPrice | None:
        return self.prices.get(model) or self.prices.get(self.aliases.get(model, ""))


class _RatesText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """USD per million tokens as decimal text, so that no reader rounds it."""

    input: str
    output: str
    cache_read: str
    cache_write_5m: str
    cache_write_1h: str
    audio_input: str | None = None
    audio_output: str | None = None
    # USD per thousand searches.
    search: str | None = None


class _LongContextText(_RatesText, frozen=True, kw_only=True, forbid_unknown_fields=True):
    over_input_tokens: int


class _TierText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices of their own, or a factor of the standard tier's."""

    of_standard: str | None = None
    input: str | None = None
    output: str | None = None
    cache_read: str | None = None
    cache_write_5m: str | None = None
    cache_write_1h: str | None = None
    audio_input: str | None = None
    audio_output: str | None = None
    search: str | None = None
    long_context: _LongContextText | None = None


class _TiersText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    flex: _TierText | None = None
    priority: _TierText | None = None
    fast: _TierText | None = None
    batch: _TierText | None = None


class _ModelText(_RatesText, frozen=True, kw_only=True, forbid_unknown_fields=True):
    context_window: int
    max_output_tokens: int
    source: str
    default_max_output_tokens: int = 4096
    min_output_tokens: int = 16
    long_context: _LongContextText | None = None
    tiers: _TiersText = _TiersText()
    # embedding models generate nothing, moderation is free.
    kind: Literal["text", "embedding", "moderation"] = "text"
    aliases: list[str] = []
    fictitious: bool = False


class _BookText(msgspec.Struct, frozen=True):
    version: str
    # Raw, because msgspec's own errors do not say in which entry of an object they are.
    providers: dict[str, dict[str, msgspec.Raw]]


_book_decoder = msgspec.json.Decoder(_BookText)
_model_decoder = msgspec.json.Decoder(_ModelText)


def _read(data: bytes) -> PriceBook:
    try:
        book = _book_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidPriceBook(f"price book: {error}") from error
    if not book.version:
        raise InvalidPriceBook("price book: version is empty")
    prices: dict[str, ModelPrice] = {}
    aliases: dict[str, str] = {}
    for models in book.providers.values():
        for model, raw in models.items():
            try:
                text = _model_decoder.decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise InvalidPriceBook(f"{model}: {error}") from error
            price = _model_price(model, text)
            # A model is found by its name alone, whoever serves it.
            if prices.setdefault(model, price) != price:
                raise InvalidPriceBook(f"{model}: two providers with different prices")
            for alias in text.aliases:
                if aliases.setdefault(alias, model) != model:
                    raise InvalidPriceBook(f"{model}: aliases: {alias!r} is another model's too")
    for alias, model in aliases.items():
        if alias in prices:
            raise InvalidPriceBook(f"{model}: aliases: {alias!r} is a model of its own")
    ids = {provider: sorted(models) for provider, models in book.providers.items()}
    return PriceBook(book.version, prices, aliases, ids)


def _model_price(model: str, text: _ModelText) -> ModelPrice:
    standard = _tier_rates(model, text, None)
    tiers: dict[str, Any] = {
        tier: _tier(f"{model}: tiers.{tier}", getattr(text.tiers, tier), standard) for tier in TIERS
    }
    return ModelPrice(
        **msgspec.structs.asdict(standard),
        **tiers,
        context_window=_positive(model, "context_window", text.context_window),
        max_output_tokens=_positive(model, "max_output_tokens", text.max_output_tokens),
        default_max_output_tokens=_positive(
            model, "default_max_output_tokens", text.default_max_output_tokens
        ),
        min_output_tokens=_positive(model, "min_output_tokens", text.min_output_tokens),
    )


def _tier(within: str, text: _TierText | None, standard: TierRates) -> TierRates | None:
    if text is None:
        return None
    if text.of_standard is None:
        for name in PRICED_CLASSES:
            if getattr(text, name) is None:
                raise InvalidPriceBook(f"{within}: {name} is missing, and there is no of_standard")
        return _tier_rates(within, text, standard.search)
    if any(getattr(text, name) is not None for name in (*RATE_NAMES, "long_context")):
        raise InvalidPriceBook(f"{within}: of_standard stands alone, without prices")
    return scaled(standard, factor_pico(within, "of_standard", text.of_standard))


def _tier_rates(within: str, text: _ModelText | _TierText, search: int | None) -> TierRates:
    """A fee that is not named again is that of the standard tier, for any length."""
    rates = {SEARCH: search} | _rates(within, text)
    longer = text.long_context
    long_context: LongContext | None = None
    if longer is not None:
        within = f"{within}: long_context"
        over = _positive(within, "over_input_tokens", longer.over_input_tokens)
        own = {SEARCH: rates[SEARCH]} | _rates(within, longer)
        long_context = LongContext(**cast("Any", own), over_input_tokens=over)
    return TierRates(**cast("Any", rates), long_context=long_context)


def factor_pico(where: str, field: str, text: str) -> int:
    """A factor in 1e-12, above 0 and at most 100. Raises `InvalidPriceBook`."""
    try:
        factor = pico_from_usd(text)
    except InvalidAmount as error:
        raise InvalidPriceBook(f"{where}: {field}: {text[:40]!r} is no decimal number") from error
    if not 0 < factor <= 100 * PICO_PER_USD:
        raise InvalidPriceBook(f"{where}: {field}: {text} is not above 0 and at most 100")
    return factor


def _rates(where: str, text: _RatesText | _TierText) -> dict[str, int]:
    rates: dict[str, int] = {}
    for field in RATE_NAMES:
        amount = getattr(text, field)
        if amount is None:
            continue
        per = _SEARCHES_PER_PRICE if field == SEARCH else _TOKENS_PER_PRICE
        try:
            rate, rest = divmod(pico_from_usd(amount), per)
        except InvalidAmount as error:
            raise InvalidPriceBook(f"{where}: {field}: {error}") from error
        if rate < 0 or rest:
            raise InvalidPriceBook(f"{where}: {field}: {amount!r} is negative or too fine")
        rates[field] = rate
    return rates


def _positive(where: str, field: str, value: int) -> int:
    if value <= 0:
        raise InvalidPriceBook(f"{where}: {field}: {value} is not positive")
    return value
