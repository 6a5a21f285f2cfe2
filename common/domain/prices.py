"""Price books: what models cost, read from files, found by name.

A price book is a file of one version; records carry that version, so what a request cost can be
computed again.
"""

import re
from bisect import bisect_left
from functools import lru_cache
from typing import Any, Literal, cast

import msgspec

from common.domain.model_prices import (
    RATE_NAMES,
    TIERS,
    LongContext,
    ModelPrice,
    TierRates,
)
from common.domain.money import PICO_PER_USD, InvalidAmount, pico_from_usd
from common.domain.price_lines import PRICED_CLASSES, SEARCH

_TOKENS_PER_PRICE = 1_000_000
_SEARCHES_PER_PRICE = 1_000
# A dated version of a model: gpt-5-2025-08-07, claude-sonnet-4-5-20250929.
_DATE = re.compile(r"-20\d\d(?:-\d\d-\d\d|\d{4})$")


class InvalidPriceBook(ValueError):
    """A price book that cannot be used; the message names the model and the field."""


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

    def price_of(self, model: str, discount: str) -> ModelPrice | None:
        """As `find`, less what an account has off ("" is nothing). Raises `InvalidAmount`."""
        price = self.find(model)
        return price.discounted(discount) if price is not None else None

    def exactly(self, model: str) -> ModelPrice | None:
        """The price of a model id or alias as it is written, without looking for a date in it."""
        return self._named(model)

    def models(self, provider: str) -> list[str]:
        """The provider's model ids to list for clients, sorted; none for an unknown provider."""
        return list(self.ids.get(provider, ()))

    def knows(self, provider: str, model: str) -> bool:
        """Whether it lists the model, an alias of it or a dated version, as that provider's."""
        ids = self.ids.get(provider)
        if not ids:
            return False
        if self._lists(ids, model):
            return True
        return "-20" in model and self._lists(ids, _DATE.sub("", model))

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

    def _lists(self, ids: list[str], model: str) -> bool:
        name = self.aliases.get(model, model)
        place = bisect_left(ids, name)
        return place < len(ids) and ids[place] == name

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
    given = {tier: getattr(text.tiers, tier) for tier in TIERS}
    tiers: dict[str, Any] = {
        tier: _tier(f"{model}: tiers.{tier}", one, standard.search)
        for tier, one in given.items()
        if one is not None
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


def _tier(within: str, text: _TierText, search: int | None) -> TierRates | int:
    if text.of_standard is None:
        for name in PRICED_CLASSES:
            if getattr(text, name) is None:
                raise InvalidPriceBook(f"{within}: {name} is missing, and there is no of_standard")
        return _tier_rates(within, text, search)
    if text != _TierText(of_standard=text.of_standard):
        raise InvalidPriceBook(f"{within}: of_standard stands alone, without prices")
    return factor_pico(within, "of_standard", text.of_standard)


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
        factor = _pico(text)
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
            rate, rest = divmod(_pico(amount), per)
        except InvalidAmount as error:
            raise InvalidPriceBook(f"{where}: {field}: {error}") from error
        if rate < 0 or rest:
            raise InvalidPriceBook(f"{where}: {field}: {amount!r} is negative or too fine")
        rates[field] = rate
    return rates


@lru_cache(maxsize=512)
def _pico(text: str) -> int:
    """Remembered: a book says the same few prices over and over, and every start reads one."""
    return pico_from_usd(text)


def _positive(where: str, field: str, value: int) -> int:
    if value <= 0:
        raise InvalidPriceBook(f"{where}: {field}: {value} is not positive")
    return value
