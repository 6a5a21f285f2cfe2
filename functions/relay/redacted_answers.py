"""Values come back in the answers of a redacted request, and an answer is searched where wanted."""

from common.dialects.base import Operation
from common.dialects.bodies import loads
from common.dialects.surrounded import Surrounded
from common.redaction.answers import AnswerRedaction
from common.redaction.shapes import ANSWERS
from common.redaction.stream_forms import FORMS
from common.redaction.streams import RedactedCopy
from functions.relay.stepping import in_steps


class RedactedAnswer:
    """See `common.dialects.layers.Layer`."""

    def __init__(self, endpoint: str, answer: AnswerRedaction) -> None:
        self._endpoint = endpoint
        self._answer = answer

    async def whole(self, body: bytes) -> bytes:
        """See `Layer`."""
        shape = ANSWERS.get(self._endpoint)
        if shape is None:
            return body
        if loads(body) is not None:
            return await in_steps(self._answer.whole(body, shape))
        # A transcript may be asked for as plain text.
        text = body.decode("utf-8", "replace")
        changed = await in_steps(self._answer.text(text))
        return body if changed == text else changed.encode("utf-8", "surrogatepass")

    def around(self, operation: Operation) -> Operation:
        """See `Layer`."""
        form = FORMS.get(self._endpoint)
        if form is None:
            return operation
        return Surrounded(operation, lambda inner: RedactedCopy(inner, form(), self._answer))
