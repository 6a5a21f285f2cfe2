"""Responses in the background: the response object itself says when it has ended, and its use.

Source: https://platform.openai.com/docs/guides/background.
"""

import msgspec

from common.dialects.base import estimate_tokens
from common.dialects.jobs import JobState, ResultsReader, UnreadableResults
from common.dialects.openai.items import read_usage
from common.domain.jobs import JobKind, JobResult
from common.domain.prices import PriceBook
from common.domain.usage import Status, Tokens

UNFINISHED = frozenset({"queued", "in_progress"})
_EMPTY = (b"", b"null", b"[]")
# What a status means for the record; any other one has ended well.
_ENDS: dict[str, tuple[Status, str]] = {
    "cancelled": ("cancelled", "job_cancelled"),
    "failed": ("error", "upstream_error"),
}


class _Response(msgspec.Struct):
    object: str
    status: str
    model: str | None = None
    output: msgspec.Raw = msgspec.Raw()
    usage: msgspec.Raw = msgspec.Raw()


_decoder = msgspec.json.Decoder(_Response)


class BackgroundResponses:
    """See `common.dialects.jobs.JobReader`."""

    kind: JobKind = "response"
    path = "/v1/responses/{id}"
    results_path = ""

    def read_state(self, body: bytes) -> JobState | None:
        """See `JobReader`. One that made no output and reports nothing has used nothing."""
        try:
            response = _decoder.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return None
        if response.object != "response":
            return None
        if response.status in UNFINISHED:
            return JobState(ended=False)
        status, cause = _ENDS.get(response.status, ("ok", "complete"))
        output = bytes(response.output)
        tokens = read_usage(bytes(response.usage))
        if tokens is None and status != "ok" and output in _EMPTY:
            tokens = Tokens()
        size = estimate_tokens(len(output))
        result = JobResult(status, cause, tokens, model=response.model, output_estimate=size)
        return JobState(ended=True, result=result)

    def results(self, prices: PriceBook, model: str) -> ResultsReader:
        """See `JobReader`: there is no file."""
        del prices, model
        raise UnreadableResults("a response has no file of results")
