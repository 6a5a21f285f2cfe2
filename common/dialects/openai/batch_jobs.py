"""Batches: the batch object says when it has ended, a file of lines what it used.

Source: https://platform.openai.com/docs/api-reference/batch.
"""

import msgspec

from common.dialects.batch_results import BatchResults
from common.dialects.bodies import decoded
from common.dialects.jobs import JobState, ResultsReader, UnreadableResults
from common.dialects.openai import answers, items
from common.domain.jobs import JobKind, JobResult
from common.domain.model_prices import ModelPrice
from common.domain.usage import Status, Tokens

_OPEN = frozenset({"validating", "in_progress", "finalizing", "cancelling"})
# What became of one that has no file of results: nothing of it was billed.
_ENDS: dict[str, tuple[Status, str]] = {
    "cancelled": ("cancelled", "job_cancelled"),
    "expired": ("error", "job_expired"),
}
_FAILED: tuple[Status, str] = ("error", "upstream_error")


class _Batch(msgspec.Struct):
    object: str
    status: str
    output_file_id: str | None = None
    error_file_id: str | None = None


class _Body(msgspec.Struct):
    model: str | None = None
    usage: msgspec.Raw = msgspec.Raw()
    output: msgspec.Raw = msgspec.Raw()
    results: msgspec.Raw = msgspec.Raw()


class _Answered(msgspec.Struct):
    status_code: int = 0
    body: _Body | None = None


class _Line(msgspec.Struct):
    response: _Answered | None = None


_batch_decoder = msgspec.json.Decoder(_Batch)
_line_decoder = msgspec.json.Decoder(_Line)


class BatchJobs:
    """See `common.dialects.jobs.JobReader`."""

    kind: JobKind = "batch"
    path = "/v1/batches/{id}"
    results_path = ""

    def read_state(self, body: bytes) -> JobState | None:
        """See `JobReader`. An expired or cancelled batch is billed for what it had answered."""
        batch = _read_batch(body)
        if batch is None:
            return None
        if batch.status in _OPEN:
            return JobState(ended=False)
        if batch.output_file_id:
            path = f"/v1/files/{batch.output_file_id}/content"
            return JobState(ended=True, results_path=path)
        status, cause = _ENDS.get(batch.status, _FAILED)
        return JobState(ended=True, result=JobResult(status, cause, Tokens(), service_tier="batch"))

    def results(self, price: ModelPrice | None) -> ResultsReader:
        """See `JobReader`."""
        return AnswerResults(price)


class AnswerResults(BatchResults):
    """See `BatchResults`. Lines of this file are answers; errors have a file of their own."""

    def __init__(self, price: ModelPrice | None) -> None:
        super().__init__(price)
        self._answered = 0
        self._failed = 0

    def _read(self, line: bytes) -> None:
        try:
            response = _line_decoder.decode(line).response
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise UnreadableResults(f"a line of results is unreadable: {error}") from None
        if response is None or response.status_code != 200 or response.body is None:
            self._failed += 1
            return
        body = response.body
        usage = bytes(body.usage)
        tokens = answers.read_usage(usage) or items.read_usage(usage)
        if tokens is None and bytes(body.results):
            tokens = Tokens()  # moderations, which are free
        if tokens is None:
            raise UnreadableResults("an answer of the results has no usage figures")
        self._answered += 1
        self._add(tokens, body.model, items.searches_in(bytes(body.output) or b"[]"))

    def _end(self) -> tuple[Status, str]:
        return _FAILED if self._failed and not self._answered else ("ok", "complete")


def files_of(body: bytes) -> list[str]:
    """The ids of the files that a batch has made, as far as it has."""
    batch = _read_batch(body)
    if batch is None:
        return []
    return [one for one in (batch.output_file_id, batch.error_file_id) if one]


def _read_batch(body: bytes) -> _Batch | None:
    batch = decoded(_batch_decoder, body)
    if batch is None:
        return None
    return batch if batch.object == "batch" else None
