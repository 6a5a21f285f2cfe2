"""`:generateContent` and `:streamGenerateContent`: what routing and metering read of them."""

from typing import Self
from urllib.parse import parse_qs

from common.dialects.base import JSON, BadRequest, ParsedRequest, StreamCopy, WholeAnswer
from common.dialects.gemini.answers import read_answer
from common.dialects.gemini.path_operation import ModelInPath
from common.dialects.gemini.requests import read_generate
from common.dialects.gemini.stream import GenerateStreamCopy


class GenerateContent(ModelInPath):
    """See `common.dialects.base.PathOperation`."""

    _stream = False

    def parse_request(self, body: bytes, content_type: str = JSON) -> ParsedRequest:
        """See `Operation`."""
        del content_type
        given = read_generate(body)
        return ParsedRequest(
            model=self.model,
            stream=self._stream,
            max_output_tokens=given.max_output_tokens,
            choices=given.choices,
            service_tier=given.service_tier,
        )

    def read_answer(self, body: bytes, content_type: str = JSON) -> WholeAnswer | None:
        """See `Operation`."""
        del content_type
        return read_answer(body)

    def stream_copy(self, parsed: ParsedRequest) -> StreamCopy:
        """See `Operation`."""
        return GenerateStreamCopy(parsed.choices)


class StreamGenerateContent(GenerateContent):
    """See `common.dialects.base.PathOperation`."""

    _stream = True

    def for_path(self, model: str, query: str = "") -> Self:
        """See `PathOperation`. Without `alt=sse` Google answers an array, which is not served."""
        if parse_qs(query).get("alt") != ["sse"]:
            message = (
                "Streams are served as server-sent events: ask for "
                ":streamGenerateContent?alt=sse, as Google's SDKs do"
            )
            raise BadRequest(message, "alt")
        return super().for_path(model, query)
