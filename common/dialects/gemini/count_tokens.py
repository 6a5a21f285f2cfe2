"""`:countTokens`: counted by the provider, and free.

Source: https://ai.google.dev/api/tokens.
"""

import msgspec

from common.dialects.base import JSON, BadRequest, ParsedRequest, WholeAnswer
from common.dialects.bodies import decoded, read_fields
from common.dialects.gemini.path_operation import PREFIX, ModelInPath
from common.dialects.spans import set_member
from common.domain.usage import Tokens


class _Request(msgspec.Struct):
    contents: msgspec.Raw = msgspec.Raw()
    generateContentRequest: msgspec.Raw = msgspec.Raw()  # noqa: N815 - as it is sent
    generate_content_request: msgspec.Raw = msgspec.Raw()


class _Inner(msgspec.Struct):
    model: str | None = None


class _Answer(msgspec.Struct, rename="camel"):
    total_tokens: int


_request_decoder = msgspec.json.Decoder(_Request)
_inner_decoder = msgspec.json.Decoder(_Inner)
_answer_decoder = msgspec.json.Decoder(_Answer)
_INNER = ("generateContentRequest", "generate_content_request")


class CountTokens(ModelInPath):
    """See `common.dialects.base.PathOperation`."""

    def parse_request(self, body: bytes, content_type: str = JSON) -> ParsedRequest:
        """See `Operation`."""
        del content_type
        given = read_fields(body, _request_decoder)
        inner = [bytes(getattr(given, name)) for name in _INNER if getattr(given, name)]
        if len(inner) + bool(given.contents) != 1:
            message = "Give either 'contents' or 'generateContentRequest'"
            raise BadRequest(message, "contents")
        for request in inner:
            named = read_fields(request, _inner_decoder).model
            self._check_same(named, "generateContentRequest.model")
        return ParsedRequest(model=self.model, input_estimate=0)

    def prepare_request(
        self, body: bytes, parsed: ParsedRequest, served_model: str, content_type: str = JSON
    ) -> bytes:
        """Name the account's own model where the body repeats the path's."""
        del content_type
        if served_model == parsed.model:
            return body
        given = _request_decoder.decode(body)
        for name in _INNER:
            if inner := bytes(getattr(given, name)):
                named = msgspec.json.encode(PREFIX + served_model)
                return set_member(body, name, set_member(inner, "model", named))
        return body

    def read_answer(self, body: bytes, content_type: str = JSON) -> WholeAnswer | None:
        """See `Operation`. Counting uses no tokens."""
        del content_type
        if decoded(_answer_decoder, body) is None:
            return None
        return WholeAnswer(Tokens(), None, 0)
