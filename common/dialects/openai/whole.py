"""What OpenAI's endpoints with JSON bodies and whole answers have in common."""

import msgspec

from common.dialects.json_operation import JsonOperation
from common.dialects.openai.errors import stream_error_event
from common.domain.refusals import Refusal


class ModelOnly(msgspec.Struct):
    """The one member that routing needs."""

    model: str


class WholeOperation(JsonOperation):
    """An `Operation` with the dialect's own error event."""

    def stream_error_event(self, refusal: Refusal, request_id: str) -> bytes:
        """See `Operation`."""
        return stream_error_event(refusal, request_id)
