"""POST /v1/moderations, which is free.

Source: https://platform.openai.com/docs/guides/moderation.
"""

import msgspec

from common.dialects.base import JSON, ParsedRequest, WholeAnswer
from common.dialects.bodies import check_model, decoded, read_fields
from common.dialects.openai.whole import WholeOperation
from common.domain.usage import Tokens

# What the API takes when no model is named.
DEFAULT_MODEL = "omni-moderation-latest"


class _Request(msgspec.Struct):
    input: str | list[msgspec.Raw]
    model: str | None = None


class _Answer(msgspec.Struct):
    results: list[msgspec.Raw]
    model: str | None = None


_request_decoder = msgspec.json.Decoder(_Request)
_answer_decoder = msgspec.json.Decoder(_Answer)


class Moderations(WholeOperation):
    """See `common.dialects.base.Operation`."""

    def parse_request(self, body: bytes, content_type: str = JSON) -> ParsedRequest:
        """See `Operation`."""
        del content_type
        given = read_fields(body, _request_decoder)
        model = DEFAULT_MODEL if given.model is None else given.model
        check_model(model)
        return ParsedRequest(model=model, input_estimate=0)

    def read_answer(self, body: bytes, content_type: str = JSON) -> WholeAnswer | None:
        """See `Operation`. Moderation uses no tokens that are billed."""
        del content_type
        answer = decoded(_answer_decoder, body)
        if answer is None:
            return None
        return WholeAnswer(Tokens(), answer.model, 0)
