"""POST /v1/messages/count_tokens: counted by the provider, and free.

Source: https://docs.anthropic.com/en/docs/build-with-claude/token-counting.
"""

import msgspec

from common.dialects.anthropic.errors import stream_error_event
from common.dialects.base import JSON, ParsedRequest, WholeAnswer
from common.dialects.bodies import check_model, decoded, read_fields
from common.dialects.json_operation import JsonOperation
from common.domain.refusals import Refusal
from common.domain.usage import Tokens


class _Turn(msgspec.Struct):
    role: str


class _Request(msgspec.Struct):
    model: str
    messages: list[_Turn]


class _Answer(msgspec.Struct):
    input_tokens: int


_request_decoder = msgspec.json.Decoder(_Request)
_answer_decoder = msgspec.json.Decoder(_Answer)


class CountTokens(JsonOperation):
    """See `common.dialects.base.Operation`."""

    def parse_request(self, body: bytes, content_type: str = JSON) -> ParsedRequest:
        """See `Operation`."""
        del content_type
        request = read_fields(body, _request_decoder)
        check_model(request.model)
        return ParsedRequest(model=request.model, input_estimate=0)

    def read_answer(self, body: bytes, content_type: str = JSON) -> WholeAnswer | None:
        """See `Operation`. Counting uses no tokens."""
        del content_type
        if decoded(_answer_decoder, body) is None:
            return None
        return WholeAnswer(Tokens(), None, 0)

    def stream_error_event(self, refusal: Refusal, request_id: str) -> bytes:
        """See `Operation`."""
        return stream_error_event(refusal, request_id)
