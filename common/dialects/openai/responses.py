"""POST /v1/responses: create, whole or streamed. Stored ones are read again by their ids."""

from typing import Any

import msgspec

from common.dialects.base import (
    JSON,
    BadRequest,
    ParsedRequest,
    StreamCopy,
    WholeAnswer,
    estimate_tokens,
    word,
)
from common.dialects.bodies import check_model, check_positive, decoded, read_fields
from common.dialects.json_operation import JsonOperation
from common.dialects.openai.errors import type_of
from common.dialects.openai.items import (
    UNFINISHED,
    ItemStreamCopy,
    read_usage,
    searches_in,
)
from common.dialects.openai.tokens import asked_tier
from common.dialects.refused import status_of
from common.domain.refusals import Refusal


class _Request(msgspec.Struct):
    model: str
    stream: bool | None = None
    store: bool | None = None
    background: bool | None = None
    max_output_tokens: int | None = None
    previous_response_id: str | None = None
    service_tier: Any = None


class _Answer(msgspec.Struct):
    object: str
    id: str | None = None
    status: str | None = None
    model: str | None = None
    output: msgspec.Raw = msgspec.Raw()
    usage: msgspec.Raw = msgspec.Raw()
    service_tier: Any = None


_request_decoder = msgspec.json.Decoder(_Request)
_answer_decoder = msgspec.json.Decoder(_Answer)
# OpenAI refuses it too: what is not kept cannot be asked for.
_NOT_KEPT = "A response in the background must be stored: leave 'store' out, or set it to true"


class Responses(JsonOperation):
    """See `common.dialects.base.Operation`."""

    def parse_request(self, body: bytes, content_type: str = JSON) -> ParsedRequest:
        """See `Operation`."""
        del content_type
        given = read_fields(body, _request_decoder)
        check_model(given.model)
        check_positive(given.max_output_tokens, "max_output_tokens")
        if given.background and given.store is False:
            raise BadRequest(_NOT_KEPT, "store")
        return ParsedRequest(
            model=given.model,
            stream=bool(given.stream),
            max_output_tokens=given.max_output_tokens,
            follows=given.previous_response_id,
            stored=given.store is not False,
            job="response" if given.background else None,
            service_tier=asked_tier(given.service_tier),
        )

    def read_answer(self, body: bytes, content_type: str = JSON) -> WholeAnswer | None:
        """See `Operation`."""
        del content_type
        answer = decoded(_answer_decoder, body)
        if answer is None:
            return None
        if answer.object != "response":
            return None
        usage = bytes(answer.usage)
        size = estimate_tokens(len(bytes(answer.output)))
        return WholeAnswer(
            read_usage(usage),
            answer.model,
            size,
            stored_id=answer.id,
            unfinished=answer.status in UNFINISHED and answer.id is not None,
            service_tier=word(answer.service_tier),
            searches=searches_in(bytes(answer.output)),
            usage=usage,
        )

    def stream_copy(self, parsed: ParsedRequest) -> StreamCopy:
        """See `Operation`."""
        return ItemStreamCopy(stored=parsed.stored)

    def stream_error_event(self, refusal: Refusal, request_id: str) -> bytes:
        """The `error` event, after which nothing follows.

        Flat as the SDK's type has it, and nested as the API sends it: at `error` openai-python
        raises.
        """
        flat = {
            "code": refusal.reason.value,
            "message": refusal.message,
            "param": refusal.field,
        }
        status = status_of(refusal.reason)
        nested = flat | {"type": type_of(status), "request_id": request_id}
        error = {"type": "error", **flat, "sequence_number": 0, "error": nested}
        return b"event: error\ndata: " + msgspec.json.encode(error) + b"\n\n"
