"""Message batches: the batch object says when it has ended, a file of lines what it used.

Source: https://docs.anthropic.com/en/docs/build-with-claude/batch-processing.
"""

import msgspec

from common.dialects.anthropic.answers import read_answer
from common.dialects.jobs import JobState, ResultsReader, UnreadableResults
from common.domain.jobs import JobKind, JobResult
from common.domain.model_prices import ModelPrice
from common.domain.price_lines import UnitPrices
from common.domain.usage import TOKEN_CLASSES, Status, Tokens

# A line is one whole message: as large as an answer may be.
LINE_BYTES_MAX = 64 * 1024 * 1024


class _Batch(msgspec.Struct):
    type: str
    processing_status: str


class _Result(msgspec.Struct):
    type: str
    message: msgspec.Raw = msgspec.Raw()


class _Line(msgspec.Struct):
    custom_id: str
    result: _Result


_batch_decoder = msgspec.json.Decoder(_Batch)
_line_decoder = msgspec.json.Decoder(_Line)


class MessageBatchJobs:
    """See `common.dialects.jobs.JobReader`."""

    kind: JobKind = "message_batch"
    path = "/v1/messages/batches/{id}"
    results_path = "/v1/messages/batches/{id}/results"

    def read_state(self, body: bytes) -> JobState | None:
        """See `JobReader`."""
        try:
            batch = _batch_decoder.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return None
        if batch.type != "message_batch":
            return None
        return JobState(ended=batch.processing_status == "ended")

    def results(self, price: ModelPrice | None) -> ResultsReader:
        """See `JobReader`."""
        return BatchResults(price)


class BatchResults:
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
        self._ends: set[str] = set()

    def feed(self, chunk: bytes) -> None:
        """See `ResultsReader`."""
        first, *others = chunk.split(b"\n")
        self._begin(first)
        for part in others:
            self._read(b"".join(self._begun))
            self._begun, self._begun_bytes = [], 0
            self._begin(part)

    def end(self) -> JobResult:
        """See `ResultsReader`."""
        self._read(b"".join(self._begun))
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

    def _begin(self, part: bytes) -> None:
        """A line goes on, of whose end nothing is known."""
        self._begun.append(part)
        self._begun_bytes += len(part)
        if self._begun_bytes > LINE_BYTES_MAX:
            raise UnreadableResults(f"a line of results has more than {LINE_BYTES_MAX} bytes")

    def _read(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            result = _line_decoder.decode(line).result
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise UnreadableResults(f"a line of results is unreadable: {error}") from None
        self._ends.add(result.type)
        if result.type != "succeeded":
            return
        answer = read_answer(bytes(result.message))
        if answer is None or answer.tokens is None:
            raise UnreadableResults("a message of the results has no usage figures")
        self._tokens = _sum(self._tokens, answer.tokens)
        self._model = answer.model or self._model
        self._searches += answer.searches
        rates = self._price.rates_for(answer.tokens, "batch") if self._price is not None else None
        if rates is not None:
            unit_prices, cost = rates.priced(answer.tokens, answer.searches)
            self._cost_pico += cost
            for name, price in unit_prices.items():
                self._one_price &= self._unit_prices.setdefault(name, price) == price

    def _end(self) -> tuple[Status, str]:
        """What became of the batch as a whole: it is one record."""
        if "succeeded" in self._ends or not self._ends:
            return "ok", "complete"
        if self._ends == {"canceled"}:
            return "cancelled", "job_cancelled"
        return "error", "job_expired" if self._ends == {"expired"} else "upstream_error"


def _sum(one: Tokens, other: Tokens) -> Tokens:
    return Tokens(*(getattr(one, name) + getattr(other, name) for name in TOKEN_CLASSES))
