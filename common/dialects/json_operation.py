"""What endpoints with JSON bodies have in common."""

import msgspec

from common.dialects.base import JSON, ArrivingRequest, NotStreamed, ParsedRequest, StreamCopy
from common.dialects.spans import set_member


class JsonOperation:
    """Bodies in JSON whose `model` is a top-level member, answers that never stream."""

    media_type = JSON

    def prepare_request(
        self, body: bytes, parsed: ParsedRequest, served_model: str, content_type: str = JSON
    ) -> bytes:
        """Name the account's own model; every other byte stays, signatures with it."""
        del content_type
        if served_model != parsed.model:
            return set_member(body, "model", msgspec.json.encode(served_model))
        return body

    def arriving_request(self, content_type: str) -> ArrivingRequest | None:
        """See `Operation`. A member that counts may come last."""
        del content_type
        return None

    def answer_for_caller(self, body: bytes, request_id: str) -> bytes:
        """See `Operation`. A provider that speaks the caller's dialect is not corrected."""
        del request_id
        return body

    def stream_copy(self, parsed: ParsedRequest) -> StreamCopy:
        """See `Operation`; an endpoint that streams overrides it."""
        del parsed
        raise NotStreamed(f"{type(self).__name__} does not stream")
