"""POST /v1/embeddings."""

import msgspec

from common.dialects.base import JSON, ParsedRequest, WholeAnswer
from common.dialects.bodies import check_model, decoded, read_fields
from common.dialects.openai.answers import read_usage
from common.dialects.openai.whole import ModelOnly, WholeOperation


class _Request(ModelOnly):
    input: str | list[msgspec.Raw]


class _Answer(msgspec.Struct):
    data: list[msgspec.Raw]
    model: str | None = None
    usage: msgspec.Raw = msgspec.Raw()


_request_decoder = msgspec.json.Decoder(_Request)
_answer_decoder = msgspec.json.Decoder(_Answer)


class Embeddings(WholeOperation):
    """See `common.dialects.base.Operation`."""

    def parse_request(self, body: bytes, content_type: str = JSON) -> ParsedRequest:
        """See `Operation`."""
        del content_type
        given = read_fields(body, _request_decoder)
        check_model(given.model)
        return ParsedRequest(model=given.model)

    def read_answer(self, body: bytes, content_type: str = JSON) -> WholeAnswer | None:
        """See `Operation`. There is no output to count."""
        del content_type
        answer = decoded(_answer_decoder, body)
        if answer is None:
            return None
        usage = bytes(answer.usage)
        return WholeAnswer(read_usage(usage), answer.model, 0, usage=usage)
