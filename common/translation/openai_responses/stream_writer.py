"""A response for a caller, streamed: all the events that the API sends of each item.

Source: https://platform.openai.com/docs/api-reference/responses-streaming.
"""

from typing import Any

from common.translation.conversation import (
    Begun,
    Conversation,
    Counts,
    Event,
    Failed,
    Finished,
    RefusalDelta,
    TextDelta,
    ThinkingDelta,
    ToolCallBegun,
    ToolCallDelta,
)
from common.translation.openai_responses.answer_writer import (
    Ids,
    Item,
    base_of,
    ended,
    incomplete_reason,
)
from common.translation.openai_responses.items import sealed_call
from common.translation.openai_responses.stream_items import (
    EventLine,
    OpenCall,
    OpenItem,
    OpenMessage,
    OpenThought,
)

_CODES = {
    "rate_limited": "rate_limit_exceeded",
    "overloaded": "server_error",
    "server": "server_error",
    "request": "invalid_prompt",
}


class ResponseStreamWriter:
    """See `common.translation.base.StreamWriter`."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._line = EventLine()
        self._ids = Ids("")
        self._response: dict[str, Any] = {}
        self._output: list[Item] = []
        self._open: OpenItem | None = None
        self._counts: Counts | None = None
        self._refused = False

    def write(self, event: Event) -> bytes:
        """See `StreamWriter`."""
        match event:
            case Begun():
                return self._begin(event)
            case TextDelta() | RefusalDelta():
                return self._say(event)
            case ThinkingDelta():
                return self._think(event)
            case ToolCallBegun():
                return self._begin_call(event)
            case ToolCallDelta():
                if isinstance(self._open, OpenCall) and event.arguments:
                    return self._open.add(event.arguments)
                return b""
            case Finished():
                return self._finish(event)
            case Failed():
                return self._fail(event)

    def _begin(self, begun: Begun) -> bytes:
        self._ids = Ids(begun.id)
        self._counts = begun.counts
        self._response = base_of(
            self._conversation, self._ids.response, begun.model, begun.created_s
        )
        return self._lifecycle("created", self._response) + self._lifecycle(
            "in_progress", self._response
        )

    def _say(self, delta: TextDelta | RefusalDelta) -> bytes:
        if isinstance(delta, RefusalDelta):
            self._refused = True
        elif not delta.text and not delta.logprobs:
            return b""
        before, message = b"", self._open
        if not isinstance(message, OpenMessage):
            before = self._close()
            message = OpenMessage(self._line, self._id("msg"), len(self._output))
            before += self._opened(message)
        return before + message.add(delta)

    def _think(self, delta: ThinkingDelta) -> bytes:
        before, thought = b"", self._open
        if (
            not isinstance(thought, OpenThought)
            or thought.is_sealed
            or delta.redacted is not None  # a hidden thought is one of its own
        ):
            before, thought = self._begin_thought()
        return before + thought.add(delta)

    def _begin_thought(self) -> tuple[bytes, OpenThought]:
        closed = self._close()
        thought = OpenThought(self._line, self._id("rs"), len(self._output))
        return closed + self._opened(thought), thought

    def _begin_call(self, begun: ToolCallBegun) -> bytes:
        before = b""
        if begun.signature is not None:
            before, seal = self._begin_thought()
            seal.seal(sealed_call(begun.signature))
        before += self._close()
        call = OpenCall(self._line, self._id("fc"), len(self._output), begun)
        return before + self._opened(call)

    def _finish(self, finished: Finished) -> bytes:
        reason = incomplete_reason(finished.finish, refused=self._refused)
        closed = self._close("completed" if reason is None else "incomplete")
        counts = finished.counts or self._counts
        response = ended(self._response, self._output, counts, reason)
        return closed + self._lifecycle("completed" if reason is None else "incomplete", response)

    def _fail(self, failed: Failed) -> bytes:
        """`response.failed`, which ends it for who reads events, and `error`, at which SDKs raise.

        Flat as the SDK's type has it, and nested as the API sends it.
        """
        code = _CODES[failed.kind]
        said = b""
        if self._response:
            error = {"code": code, "message": failed.message}
            said = self._lifecycle(
                "failed",
                self._response | {"status": "failed", "error": error, "output": self._output},
            )
        flat = {"code": code, "message": failed.message, "param": None}
        return said + self._line.write("error", flat | {"error": flat | {"type": code}})

    def _opened(self, item: OpenItem) -> bytes:
        self._open = item
        return item.begin()

    def _close(self, status: str = "completed") -> bytes:
        if self._open is None:
            return b""
        said, item = self._open.end(status)
        self._output.append(item)
        self._open = None
        return said

    def _id(self, kind: str) -> str:
        return self._ids.item(kind, len(self._output))

    def _lifecycle(self, name: str, response: dict[str, Any]) -> bytes:
        return self._line.write(f"response.{name}", {"response": response})
