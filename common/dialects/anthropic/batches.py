"""Message batches: the batch object says when it has ended, a file of lines what it used.

Source: https://docs.anthropic.com/en/docs/build-with-claude/batch-processing.
"""

import msgspec

from common.dialects.anthropic.answers import read_answer
from common.dialects.batch_results import BatchResults
from common.dialects.bodies import decoded
from common.dialects.jobs import JobState, ResultsReader, UnreadableResults
from common.domain.jobs import JobKind
from common.domain.model_prices import ModelPrice
from common.domain.usage import Status


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
        batch = decoded(_batch_decoder, body)
        if batch is None:
            return None
        if batch.type != "message_batch":
            return None
        return JobState(ended=batch.processing_status == "ended")

    def results(self, price: ModelPrice | None) -> ResultsReader:
        """See `JobReader`."""
        return MessageResults(price)


class MessageResults(BatchResults):
    """See `BatchResults`."""

    def __init__(self, price: ModelPrice | None) -> None:
        super().__init__(price)
        self._ends: set[str] = set()

    def _read(self, line: bytes) -> None:
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
        self._add(answer.tokens, answer.model, answer.searches)

    def _end(self) -> tuple[Status, str]:
        if "succeeded" in self._ends or not self._ends:
            return "ok", "complete"
        if self._ends == {"canceled"}:
            return "cancelled", "job_cancelled"
        return "error", "job_expired" if self._ends == {"expired"} else "upstream_error"
