"""Streams of Anthropic's messages, read and written.

Source: anthropic.types.RawMessageStreamEvent of anthropic-sdk-python, and
https://platform.claude.com/docs/en/build-with-claude/streaming for the order of events.
"""

from typing import Any, Literal

import msgspec

from common.dialects.events import EventCutter, event_data
from common.translation.anthropic.answers import (
    Block,
    StopDetails,
    Usage,
    finish_of,
    hidden_thought,
    reason_of,
    usage_of,
)
from common.translation.anthropic.request_reader import NAME
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
from common.translation.signatures import CALLS, carried

Kind = Literal["overloaded", "rate_limited", "server", "request"]
_KINDS: dict[str, Kind] = {
    "overloaded_error": "overloaded",
    "rate_limit_error": "rate_limited",
    "invalid_request_error": "request",
}
_ERROR_TYPES = {
    "overloaded": "overloaded_error",
    "rate_limited": "rate_limit_error",
    "server": "api_error",
    "request": "invalid_request_error",
}


class _Message(msgspec.Struct):
    id: str = ""
    model: str = ""
    usage: Usage | None = None


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class _Error(msgspec.Struct):
    type: str = ""
    message: str = ""


class _Event(msgspec.Struct):
    type: str
    message: _Message | None = None
    content_block: Block | None = None
    delta: _Delta | None = None
    usage: Usage | None = None
    error: _Error | None = None


_decoder = msgspec.json.Decoder(_Event)


class MessageStreamReader:
    """See `common.translation.base.StreamReader`."""

    def __init__(self) -> None:
        self._cutter = EventCutter()
        self._counts: Counts | None = None
        self._last = _Delta()
        self._calls = 0
        self._needs_arguments = False
        self._ended = False

    def feed(self, chunk: bytes) -> list[Event]:
        """See `StreamReader`."""
        return self._events(self._cutter.feed(chunk))

    def end(self) -> list[Event]:
        """See `StreamReader`."""
        return self._events(self._cutter.end())

    def _events(self, cut: list[bytes]) -> list[Event]:
        events: list[Event] = []
        for event in cut:
            data = event_data(event)
            if data and not self._ended:
                events += self._read(_decoder.decode(data))
        return events

    def _read(self, event: _Event) -> list[Event]:
        if event.usage is not None:
            self._counts = event.usage.counts(self._counts)
        if event.type == "content_block_delta" and event.delta is not None:
            return self._delta(event.delta)
        if event.type == "content_block_start" and event.content_block is not None:
            return self._started(event.content_block)
        if event.type == "content_block_stop" and self._needs_arguments:
            self._needs_arguments = False  # without any it is called with an empty object
            return [ToolCallDelta(self._calls - 1, "{}")]
        if event.type == "message_start" and event.message is not None:
            if event.message.usage is not None:
                self._counts = event.message.usage.counts()
            return [Begun(event.message.id, event.message.model, self._counts)]
        if event.type == "message_delta" and event.delta is not None:
            self._last = event.delta
        if event.type == "message_stop":
            return self._finished()
        if event.type == "error":
            self._ended = True
            error = event.error or _Error()
            message = error.message or "The provider ended the stream with an error"
            return [Failed(message, _KINDS.get(error.type, "server"))]
        return []

    def _started(self, block: Block) -> list[Event]:
        if block.type == "tool_use":
            self._calls += 1
            index = self._calls - 1
            given = bytes(block.input).decode()
            empty = given.replace(" ", "") in ("", "{}")
            self._needs_arguments = empty
            begun = ToolCallBegun(index, block.id, block.name)
            return [begun] if empty else [begun, ToolCallDelta(index, given)]
        if block.type == "redacted_thinking":
            return [ThinkingDelta(redacted=block.data, origin=NAME)]
        if block.type == "thinking":
            signature = block.signature or None
            if not block.thinking and signature is None:
                return []
            return [ThinkingDelta(block.thinking, signature, origin=NAME)]
        if block.type == "text":
            return [TextDelta(block.text)] if block.text else []
        raise ValueError(f"a block of the type {block.type!r}")

    def _delta(self, delta: _Delta) -> list[Event]:
        if delta.type == "text_delta":
            return [TextDelta(delta.text)]
        if delta.type == "input_json_delta":
            if not delta.partial_json:
                return []
            self._needs_arguments = False
            return [ToolCallDelta(self._calls - 1, delta.partial_json)]
        if delta.type == "thinking_delta":
            return [ThinkingDelta(delta.thinking, origin=NAME)]
        if delta.type == "signature_delta":
            return [ThinkingDelta(signature=delta.signature, origin=NAME)]
        return []  # citations, which no other format has

    def _finished(self) -> list[Event]:
        self._ended = True
        last = self._last
        why = last.stop_details.explanation if last.stop_details is not None else None
        refused: list[Event] = [RefusalDelta(why)] if why else []
        finish = finish_of(last.stop_reason)
        return [*refused, Finished(finish, last.stop_sequence, self._counts)]


class MessageStreamWriter:
    """See `common.translation.base.StreamWriter`. Blocks come one after the other."""

    def __init__(self, conversation: Conversation) -> None:
        self._model = conversation.model
        self._counts = Counts()
        self._block = -1
        self._open: str | None = None
        self._origin = NAME  # of the open thought
        self._signed = False

    def write(self, event: Event) -> bytes:
        """See `StreamWriter`."""
        if isinstance(event, TextDelta | RefusalDelta):
            return self._text(event.text)
        if isinstance(event, ToolCallDelta):
            return self._delta({"type": "input_json_delta", "partial_json": event.arguments})
        if isinstance(event, ThinkingDelta):
            return self._thought(event)
        if isinstance(event, ToolCallBegun):
            return self._call(event)
        if isinstance(event, Begun):
            return self._begun(event)
        if isinstance(event, Failed):
            error = {"type": _ERROR_TYPES[event.kind], "message": event.message}
            return _event({"type": "error", "error": error})
        return self._finished(event)

    def _begun(self, event: Begun) -> bytes:
        self._counts = event.counts or self._counts
        message: dict[str, Any] = {
            "id": event.id,
            "type": "message",
            "role": "assistant",
            "model": event.model or self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_of(self._counts),
        }
        return _event({"type": "message_start", "message": message})

    def _text(self, text: str) -> bytes:
        if not text:
            return b""
        began = b"" if self._open == "text" else self._begin({"type": "text", "text": ""})
        return began + self._delta({"type": "text_delta", "text": text})

    def _call(self, event: ToolCallBegun) -> bytes:
        written = b""
        if event.signature is not None:
            written = self._begin(hidden_thought(CALLS, event.signature))
        block = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
        return written + self._begin(block)

    def _thought(self, event: ThinkingDelta) -> bytes:
        if event.redacted is not None:
            return self._begin(hidden_thought(event.origin, event.redacted)) + self._close()
        written = b""
        if self._open != "thinking" or self._signed:
            written = self._begin({"type": "thinking", "thinking": "", "signature": ""})
            self._origin, self._signed = event.origin, False
        if event.text:
            written += self._delta({"type": "thinking_delta", "thinking": event.text})
        if event.signature is not None:
            signature = carried(event.origin, event.signature, NAME)
            written += self._delta({"type": "signature_delta", "signature": signature})
            self._signed = True
        return written

    def _begin(self, block: dict[str, Any]) -> bytes:
        written = self._close()
        self._block += 1
        self._open = block["type"]
        start = {"type": "content_block_start", "index": self._block, "content_block": block}
        return written + _event(start)

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return _event({"type": "content_block_delta", "index": self._block, "delta": delta})

    def _close(self) -> bytes:
        """End the open block; a thought of another format says whose it is."""
        if self._open is None:
            return b""
        written = b""
        if self._open == "thinking" and not self._signed and self._origin != NAME:
            signature = carried(self._origin, None, NAME)
            written = self._delta({"type": "signature_delta", "signature": signature})
        self._open = None
        return written + _event({"type": "content_block_stop", "index": self._block})

    def _finished(self, event: Finished) -> bytes:
        delta = {
            "stop_reason": reason_of(event.finish),
            "stop_sequence": event.stop_sequence,
        }
        usage = usage_of(event.counts or self._counts)
        return (
            self._close()
            + _event({"type": "message_delta", "delta": delta, "usage": usage})
            + _event({"type": "message_stop"})
        )


def _event(value: dict[str, Any]) -> bytes:
    name = str(value["type"]).encode()
    return b"event: " + name + b"\ndata: " + msgspec.json.encode(value) + b"\n\n"
