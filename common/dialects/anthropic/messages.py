"""POST /v1/messages: what routing and metering read, and what Relay changes."""

from typing import Any

import msgspec

from common.dialects.anthropic.answers import read_answer
from common.dialects.anthropic.errors import stream_error_event
from common.dialects.anthropic.stream import MessageStreamCopy
from common.dialects.base import JSON, ParsedRequest, StreamCopy, WholeAnswer
from common.dialects.bodies import check_model, check_positive, read_fields
from common.dialects.json_operation import JsonOperation
from common.domain.refusals import Refusal


class _Turn(msgspec.Struct):
    role: str


class _Messages(msgspec.Struct):
    model: str
    max_tokens: int
    messages: list[_Turn]
    stream: bool | None = None
    speed: Any = None


_decoder = msgspec.json.Decoder(_Messages)


class Messages(JsonOperation):
    """See `common.dialects.base.Operation`."""

    def parse_request(self, body: bytes, content_type: str = JSON) -> ParsedRequest:
        """See `Operation`."""
        del content_type
        request = read_fields(body, _decoder)
        check_model(request.model)
        check_positive(request.max_tokens, "max_tokens")
        return ParsedRequest(
            model=request.model,
            stream=bool(request.stream),
            max_output_tokens=request.max_tokens,
            # `standard_only` is a wish, and no tier.
            service_tier="fast" if request.speed == "fast" else None,
        )

    def read_answer(self, body: bytes, content_type: str = JSON) -> WholeAnswer | None:
        """See `Operation`."""
        del content_type
        return read_answer(body)

    def stream_copy(self, parsed: ParsedRequest) -> StreamCopy:
        """See `Operation`."""
        del parsed  # its streams always carry usage figures
        return MessageStreamCopy()

    def stream_error_event(self, refusal: Refusal, request_id: str) -> bytes:
        """See `Operation`."""
        return stream_error_event(refusal, request_id)
