"""POST /v1/batches: many requests in an uploaded file, answered within a day at half the price.

Source: https://platform.openai.com/docs/guides/batch. What a batch asks for is in its file, which
is read before the batch is made.
"""

from typing import NamedTuple

import msgspec

from common.dialects.base import (
    JSON,
    BadRequest,
    ParsedRequest,
    WholeAnswer,
    estimate_tokens,
)
from common.dialects.bodies import decoded, read_fields
from common.dialects.bounds import Unreadable
from common.dialects.json_operation import JsonOperation
from common.dialects.openai import bounds
from common.dialects.openai.errors import stream_error_event
from common.domain.refusals import Refusal
from common.domain.reservation import Bound

# OpenAI takes 50,000 requests and 200 MB; each is looked at before the batch is made.
REQUESTS_MAX = 10_000
INPUT_BYTES_MAX = 32 * 1024 * 1024
# Which endpoints a batch may ask, each by its name in the ledger, with the scope it needs.
ENDPOINTS = {
    "/v1/chat/completions": ("chat.completions", "chat"),
    "/v1/completions": ("completions", "chat"),
    "/v1/responses": ("responses", "responses"),
    "/v1/embeddings": ("embeddings", "embeddings"),
    "/v1/moderations": ("moderations", "moderations"),
}
# What a request may generate that sets no cap, where nothing but the record's draft rests on it.
_UNCAPPED_TOKENS = 4096


class _Batch(msgspec.Struct):
    input_file_id: str
    endpoint: str


class _Line(msgspec.Struct):
    custom_id: str
    url: str
    body: msgspec.Raw
    method: str = "POST"


class _Answer(msgspec.Struct):
    id: str
    object: str


class BatchInput(NamedTuple):
    """What a batch's file says: what routing and metering need, and its worst case."""

    parsed: ParsedRequest
    bound: Bound


_batch_decoder = msgspec.json.Decoder(_Batch)
_line_decoder = msgspec.json.Decoder(_Line)
_answer_decoder = msgspec.json.Decoder(_Answer)


class Batches(JsonOperation):
    """See `common.dialects.base.Operation`. All requests of a batch name one model."""

    def parse_request(self, body: bytes, content_type: str = JSON) -> ParsedRequest:
        """See `Operation`; the model is in the file, see `read_input`."""
        del content_type
        given = read_fields(body, _batch_decoder)
        if given.endpoint not in ENDPOINTS:
            known = ", ".join(ENDPOINTS)
            raise BadRequest(f"'endpoint' must be one of {known} here", "endpoint")
        return ParsedRequest(
            model="", follows=given.input_file_id, stored=True, job="batch", service_tier="batch"
        )

    def prepare_request(
        self, body: bytes, parsed: ParsedRequest, served_model: str, content_type: str = JSON
    ) -> bytes:
        """The body as it is. Raises `BadRequest` where the account's name of the model differs."""
        del content_type
        if served_model != parsed.model:
            message = (
                f"The account serves {parsed.model!r} under another name, and a file cannot be "
                "changed: name the model in it as the provider does"
            )
            raise BadRequest(message, "input_file_id")
        return body

    def read_answer(self, body: bytes, content_type: str = JSON) -> WholeAnswer | None:
        """See `Operation`."""
        del content_type
        answer = decoded(_answer_decoder, body)
        if answer is None:
            return None
        if answer.object != "batch":
            return None
        return WholeAnswer(None, None, 0, stored_id=answer.id, unfinished=True)

    def stream_error_event(self, refusal: Refusal, request_id: str) -> bytes:
        """See `Operation`: batches do not stream."""
        return stream_error_event(refusal, request_id)


def endpoint_of(body: bytes) -> str:
    """The path that all requests of a batch are for. The body was parsed before."""
    return _batch_decoder.decode(body).endpoint


def read_input(body: bytes, file: bytes) -> BatchInput:
    """What a batch asks for. Raises `BadRequest` naming the line at fault."""
    path = endpoint_of(body)
    lines = [line for line in file.split(b"\n") if line.strip()]
    if not 1 <= len(lines) <= REQUESTS_MAX:
        message = f"A batch's file must have from 1 to {REQUESTS_MAX} lines here, not {len(lines)}"
        raise BadRequest(message, "input_file_id")
    model, output, parts, unbounded = "", 0, [], None
    for number, line in enumerate(lines, 1):
        try:
            asked, given = _read_line(line, path)
        except BadRequest as error:
            where = f" at {error.field!r}" if error.field else ""
            message = f"{error.message} (line {number} of the file{where})"
            raise BadRequest(message, "input_file_id") from None
        if model and asked.model != model:
            message = (
                f"All requests of a batch must name one model here: line {number} names "
                f"{asked.model[:100]!r}, the first {model!r}"
            )
            raise BadRequest(message, "input_file_id")
        model = asked.model
        bound = msgspec.structs.replace(_bound(path, given), tier="batch")
        cap = asked.max_output_tokens
        if bound.generates and not bound.free:
            output += (cap or bound.default_cap or _UNCAPPED_TOKENS) * bound.choices
            cap = cap or bound.default_cap
            if cap is None and bound.unbounded is None:
                bound = msgspec.structs.replace(bound, unbounded="body without an output cap")
        if bound.unbounded is not None and unbounded is None:
            unbounded = f"input_file_id ({bound.unbounded}, line {number})"
        parts.append((bound, cap or 0))
    whole = Bound(input_tokens=0, tier="batch", parts=tuple(parts), unbounded=unbounded)
    if all(part.free for part, _ in parts):
        whole = Bound(input_tokens=0, free=True)
    parsed = ParsedRequest(
        model=model,
        input_estimate=estimate_tokens(len(file)),
        follows=_batch_decoder.decode(body).input_file_id,
        stored=True,
        job="batch",
        job_output_tokens=output,
        service_tier="batch",
    )
    return BatchInput(parsed, whole)


def _read_line(line: bytes, path: str) -> tuple[ParsedRequest, bytes]:
    from common.dialects.openai.operations import MAKERS

    read = read_fields(line, _line_decoder)
    if read.url != path:
        raise BadRequest(f"'url' must be the batch's endpoint, {path}", "url")
    body = bytes(read.body)
    name, _ = ENDPOINTS[path]
    asked = MAKERS[name]().parse_request(body)
    if asked.stream:
        raise BadRequest("'stream' is not for batches: leave it out", "body.stream")
    if asked.job is not None:
        raise BadRequest("'background' is not for batches: leave it out", "body.background")
    if asked.follows is not None:
        raise BadRequest(
            "'previous_response_id' is not for batches here", "body.previous_response_id"
        )
    return asked, body


def _bound(path: str, body: bytes) -> Bound:
    name, _ = ENDPOINTS[path]
    try:
        return bounds.BOUNDS[name](body)
    except Unreadable:
        return Bound(input_tokens=None, unbounded="body")
