"""A batch's file of results: lines of JSON, of which each is one answer, summed as they arrive."""

from abc import ABC, abstractmethod

import msgspec

from common.dialects.jobs import UnreadableResults
from common.domain.jobs import JobResult
from common.domain.model_prices import ModelPrice
from common.domain.price_lines import UnitPrices
from common.domain.usage import TOKEN_CLASSES, Status, Tokens

# A line is one whole answer: as large as an answer may be.
LINE_BYTES_MAX = 64 * 1024 * 1024


class BatchResults(ABC):
    """See `common.dialects.jobs.ResultsReader`. Only what succeeded is billed.

    Costs are summed request by request: the price of a long context is that of one request. Where
    requests differ in it no unit price holds for the sum, and none is named.
    """

    def __init__(self, price: ModelPrice | None) -> None:
        self._price = price
        self._begun: list[bytes] = []
        self._begun_bytes = 0
        self._tokens = Tokens()
        self._searches = 0
        self._cost_pico = 0
        self._unit_prices: UnitPrices = {}
        self._one_price = True
        self._model: str | None = None

    def feed(self, chunk: bytes) -> None:
        """See `ResultsReader`."""
        first, *others = chunk.split(b"\n")
        self._begin(first)
        for part in others:
            self._end_line()
            self._begin(part)

    def end(self) -> JobResult:
        """See `ResultsReader`."""
        self._end_line()
        status, cause = self._end()
        result = JobResult(
            status,
            cause,
            self._tokens,
            model=self._model,
            service_tier="batch",
            searches=self._searches,
        )
        if self._price is None:
            return result
        unit_prices = self._unit_prices if self._one_price else {}
        return msgspec.structs.replace(result, cost_pico=self._cost_pico, unit_prices=unit_prices)

    @abstractmethod
    def _read(self, line: bytes) -> None:
        """Read one line, and `_add` what it used. Raises `UnreadableResults`."""

    @abstractmethod
    def _end(self) -> tuple[Status, str]:
        """What became of the batch as a whole: it is one record."""

    def _add(self, tokens: Tokens, model: str | None, searches: int = 0) -> None:
        """One request has succeeded."""
        self._tokens = _sum(self._tokens, tokens)
        self._model = model or self._model
        self._searches += searches
        rates = self._price.rates_for(tokens, "batch") if self._price is not None else None
        if rates is not None:
            unit_prices, cost = rates.priced(tokens, searches)
            self._cost_pico += cost
            for name, price in unit_prices.items():
                self._one_price &= self._unit_prices.setdefault(name, price) == price

    def _begin(self, part: bytes) -> None:
        """A line goes on, of whose end nothing is known."""
        self._begun.append(part)
        self._begun_bytes += len(part)
        if self._begun_bytes > LINE_BYTES_MAX:
            raise UnreadableResults(f"a line of results has more than {LINE_BYTES_MAX} bytes")

    def _end_line(self) -> None:
        line = b"".join(self._begun)
        self._begun, self._begun_bytes = [], 0
        if line.strip():
            self._read(line)


def _sum(one: Tokens, other: Tokens) -> Tokens:
    return Tokens(*(getattr(one, name) + getattr(other, name) for name in TOKEN_CLASSES))
