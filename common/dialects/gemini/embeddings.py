"""`:embedContent` and `:batchEmbedContents`.

Source: https://ai.google.dev/api/embeddings. Each request of a batch repeats the model.
"""

import msgspec

from common.dialects.base import JSON, BadRequest, ParsedRequest, WholeAnswer
from common.dialects.bodies import decoded, read_fields
from common.dialects.gemini.path_operation import PREFIX, ModelInPath
from common.dialects.gemini.tokens import read_usage
from common.dialects.spans import set_member

REQUESTS_MAX = 2048


class _Request(msgspec.Struct):
    content: msgspec.Raw
    model: str | None = None


class _Batch(msgspec.Struct):
    requests: list[msgspec.Raw]


class _Answer(msgspec.Struct, rename="camel"):
    embedding: msgspec.Raw = msgspec.Raw()
    embeddings: list[msgspec.Raw] | None = None
    usage_metadata: msgspec.Raw = msgspec.Raw()


_request_decoder = msgspec.json.Decoder(_Request)
_batch_decoder = msgspec.json.Decoder(_Batch)
_answer_decoder = msgspec.json.Decoder(_Answer)


class EmbedContent(ModelInPath):
    """See `common.dialects.base.PathOperation`."""

    def parse_request(self, body: bytes, content_type: str = JSON) -> ParsedRequest:
        """See `Operation`."""
        del content_type
        self._check_same(read_fields(body, _request_decoder).model, "model")
        return ParsedRequest(model=self.model)

    def prepare_request(
        self, body: bytes, parsed: ParsedRequest, served_model: str, content_type: str = JSON
    ) -> bytes:
        """Name the account's own model where the body repeats the path's."""
        del content_type
        return body if served_model == parsed.model else _named(body, served_model)

    def read_answer(self, body: bytes, content_type: str = JSON) -> WholeAnswer | None:
        """See `Operation`. There is no output to count; older models report no figures."""
        del content_type
        answer = decoded(_answer_decoder, body)
        if answer is None:
            return None
        if not answer.embedding and answer.embeddings is None:
            return None
        usage = bytes(answer.usage_metadata)
        return WholeAnswer(read_usage(usage), None, 0, usage=usage)


class BatchEmbedContents(EmbedContent):
    """See `common.dialects.base.PathOperation`."""

    def parse_request(self, body: bytes, content_type: str = JSON) -> ParsedRequest:
        """See `Operation`."""
        del content_type
        requests = read_fields(body, _batch_decoder).requests
        if not 1 <= len(requests) <= REQUESTS_MAX:
            message = f"'requests' must have 1 to {REQUESTS_MAX} entries, not {len(requests)}"
            raise BadRequest(message, "requests")
        for index, request in enumerate(requests):
            try:
                named = read_fields(bytes(request), _request_decoder).model
            except BadRequest as error:
                field = f"requests[{index}]" + (f".{error.field}" if error.field else "")
                raise BadRequest(f"{error.message} (in requests[{index}])", field) from None
            self._check_same(named, f"requests[{index}].model")
        return ParsedRequest(model=self.model)

    def prepare_request(
        self, body: bytes, parsed: ParsedRequest, served_model: str, content_type: str = JSON
    ) -> bytes:
        """Name the account's own model in each request."""
        del content_type
        if served_model == parsed.model:
            return body
        requests = _batch_decoder.decode(body).requests
        named = b",".join(_named(bytes(request), served_model) for request in requests)
        return set_member(body, "requests", b"[" + named + b"]")


def _named(body: bytes, served_model: str) -> bytes:
    if _request_decoder.decode(body).model is None:
        return body
    return set_member(body, "model", msgspec.json.encode(PREFIX + served_model))
