"""Responses in the background: the response object itself says when it has ended, and its use.

Source: https://platform.openai.com/docs/guides/background.
"""

from typing import Any

import msgspec

from common.dialects.base import estimate_tokens, word
from common.dialects.bodies import decoded
from common.dialects.jobs import JobState, ResultsReader, UnreadableResults
from common.dialects.openai.items import UNFINISHED, read_usage, searches_in
from common.domain.jobs import JobKind, JobResult
from common.domain.model_prices import ModelPrice
from common.domain.usage import Status, Tokens

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
    service_tier: Any = None


_decoder = msgspec.json.Decoder(_Response)


class BackgroundResponses:
    """See `common.dialects.jobs.JobReader`."""

    kind: JobKind = "response"
    path = "/v1/responses/{id}"
    results_path = ""

    def read_state(self, body: bytes) -> JobState | None:
        """See `JobReader`. One that made no output and reports nothing has used nothing."""
        response = decoded(_decoder, body)
        if response is None:
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
        result = JobResult(
            status,
            cause,
            tokens,
            model=response.model,
            output_estimate=estimate_tokens(len(output)),
            service_tier=word(response.service_tier),
            searches=searches_in(output),
            usage=bytes(response.usage),
        )
        return JobState(ended=True, result=result)

    def results(self, price: ModelPrice | None) -> ResultsReader:
        """See `JobReader`: there is no file."""
        del price
        raise UnreadableResults("a response has no file of results")
