"""Prices: what a model's tokens cost, in integer pico-USD (1e-12 USD) per token and class.

A price book is a file of one version; records carry that version, so what a request cost can be
computed again. A price of 1 USD per million tokens is 1,000,000 pico-USD per token.
"""

import re
from typing import Literal

import msgspec

from common.domain.money import InvalidAmount, pico_from_usd
from common.domain.usage import Tokens

_TOKENS_PER_PRICE = 1_000_000
# A dated version of a model: gpt-5-2025-08-07, claude-sonnet-4-5-20250929.
_DATE = re.compile(r"-20\d\d(?:-\d\d-\d\d|\d{4})$")


class InvalidPriceBook(ValueError):
    """A price book that cannot be used; the message names the model and the field."""


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Pico-USD per token of each class. Without a rate of its own, audio costs what text costs."""

    input: int
    output: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    audio_input: int | None = None
    audio_output: int | None = None

    def cost_of(self, tokens: Tokens) -> int:
        """The cost in pico-USD at these rates."""
        cost = (
            tokens.input * self.input
            + tokens.output * self.output
            + tokens.cache_read * self.cache_read
            + tokens.cache_write_5m * self.cache_write_5m
            + tokens.cache_write_1h * self.cache_write_1h
        )
        # Audio is a part of input and output, counted above at the text's rate; never more than
        # the whole, though cached audio may be reported in it.
        if self.audio_input is not None:
            cost += min(tokens.audio_input, tokens.input) * (self.audio_input - self.input)
        if self.audio_output is not None:
            cost += min(tokens.audio_output, tokens.output) * (self.audio_output - self.output)
        return cost


class LongContext(Rates, frozen=True, kw_only=True):
    """Rates of the whole request once its input, cached tokens included, exceeds a length."""

    over_input_tokens: int


class ModelPrice(Rates, frozen=True, kw_only=True):
    """A model's rates, and its limits in tokens.

    Under a hard budget `default_max_output_tokens` is sent where the caller sets no cap, and no
    cap is lowered below `min_output_tokens`.
    """

    context_window: int
    max_output_tokens: int
    default_max_output_tokens: int = 4096
    min_output_tokens: int = 16
    long_context: LongContext | None = None

    def cost_pico(self, tokens: Tokens) -> int:
        """What the tokens cost, in pico-USD; exact, and never negative for counts that are not."""
        longer = self.long_context
        if longer is not None:
            given = tokens.input + tokens.cache_read + tokens.cache_write_5m + tokens.cache_write_1h
            if given > longer.over_input_tokens:
                return longer.cost_of(tokens)
        return self.cost_of(tokens)


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


class _LongContextText(_RatesText, frozen=True, kw_only=True, forbid_unknown_fields=True):
    over_input_tokens: int


class _ModelText(_RatesText, frozen=True, kw_only=True, forbid_unknown_fields=True):
    context_window: int
    max_output_tokens: int
    source: str
    default_max_output_tokens: int = 4096
    min_output_tokens: int = 16
    long_context: _LongContextText | None = None
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
    return ModelPrice(
        **_rates(model, text),
        context_window=_positive(model, "context_window", text.context_window),
        max_output_tokens=_positive(model, "max_output_tokens", text.max_output_tokens),
        default_max_output_tokens=_positive(
            model, "default_max_output_tokens", text.default_max_output_tokens
        ),
        min_output_tokens=_positive(model, "min_output_tokens", text.min_output_tokens),
        long_context=_long_context(model, text.long_context),
    )


def _long_context(model: str, text: _LongContextText | None) -> LongContext | None:
    if text is None:
        return None
    within = f"{model}: long_context"
    over = _positive(within, "over_input_tokens", text.over_input_tokens)
    return LongContext(**_rates(within, text), over_input_tokens=over)


def _rates(where: str, text: _RatesText) -> dict[str, int]:
    rates: dict[str, int] = {}
    for field in Rates.__struct_fields__:
        amount = getattr(text, field)
        if amount is None:
            continue
        try:
            rate, rest = divmod(pico_from_usd(amount), _TOKENS_PER_PRICE)
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
