"""Converse's stream, read as server-sent events (see `common.dialects.bedrock`).

Source: ConverseStreamOutput in botocore's service-2.json of bedrock-runtime.
"""

from typing import Literal

import msgspec

from common.dialects.bedrock.converse import Usage, event_name
from common.dialects.events import EventCutter, event_data
from common.translation.conversation import (
    Begun,
    Counts,
    Event,
    Failed,
    Finish,
    Finished,
    TextDelta,
    ThinkingDelta,
    ToolCallBegun,
    ToolCallDelta,
)
from common.translation.converse.answers import Additional, counts_of, finish_of
from common.translation.converse.blocks import CLAUDE

_KINDS: dict[bytes, Literal["overloaded", "rate_limited", "server", "request"]] = {
    b"throttlingException": "rate_limited",
    b"serviceUnavailableException": "overloaded",
    b"validationException": "request",
}


class _ToolUse(msgspec.Struct, rename="camel"):
    tool_use_id: str
    name: str


class _Start(msgspec.Struct, rename="camel"):
    tool_use: _ToolUse | None = None


class _ToolInput(msgspec.Struct):
    input: str = ""


class _Reasoning(msgspec.Struct, rename="camel"):
    text: str | None = None
    signature: str | None = None
    redacted_content: str | None = None


class _Delta(msgspec.Struct, rename="camel"):
    text: str | None = None
    tool_use: _ToolInput | None = None
    reasoning_content: _Reasoning | None = None


class _Given(msgspec.Struct, rename="camel"):
    """Any event's members."""

    start: _Start | None = None
    delta: _Delta | None = None
    stop_reason: str | None = None
    usage: Usage | None = None
    message: str | None = None
    additional_model_response_fields: Additional | None = None


_decoder = msgspec.json.Decoder(_Given)


class ConverseStreamReader:
    """See `common.translation.base.StreamReader`."""

    def __init__(self) -> None:
        self._cutter = EventCutter()
        self._ended = False
        self._calls = 0
        self._finish: Finish | None = None
        self._stopped_by: str | None = None
        self._counts: Counts | None = None

    def feed(self, chunk: bytes) -> list[Event]:
        """See `StreamReader`."""
        events: list[Event] = []
        for event in self._cutter.feed(chunk):
            self._read(event, events)
        return events

    def end(self) -> list[Event]:
        """See `StreamReader`. The figures come after the reason to stop, if they come."""
        events: list[Event] = []
        for event in (*self._cutter.end(), self._cutter.rest):
            self._read(event, events)
        if self._finish is not None and not self._ended:
            self._end(self._finish, events)
        return events

    def _read(self, event: bytes, events: list[Event]) -> None:
        name, data = event_name(event), event_data(event)
        if not name or not data or self._ended:
            return
        given = _decoder.decode(data)
        if name == b"messageStart":
            events.append(Begun("", ""))
        elif name == b"contentBlockStart" and given.start is not None:
            if (use := given.start.tool_use) is not None:
                events.append(ToolCallBegun(self._calls, use.tool_use_id, use.name))
                self._calls += 1
        elif name == b"contentBlockDelta" and given.delta is not None:
            self._read_delta(given.delta, events)
        elif name == b"messageStop":
            self._finish = finish_of(given.stop_reason or "end_turn")
            more = given.additional_model_response_fields
            self._stopped_by = more.stop_sequence if more is not None else None
        elif name == b"metadata":
            self._counts = counts_of(given.usage) if given.usage is not None else None
            if self._finish is not None:
                self._end(self._finish, events)
        elif name.endswith((b"Exception", b"Error")):
            self._ended = True
            message = given.message or "The provider ended the stream with an error"
            events.append(Failed(message, _KINDS.get(name, "server")))

    def _end(self, finish: Finish, events: list[Event]) -> None:
        self._ended = True
        events.append(Finished(finish, self._stopped_by, self._counts))

    def _read_delta(self, delta: _Delta, events: list[Event]) -> None:
        if delta.text:
            events.append(TextDelta(delta.text))
        elif delta.tool_use is not None and delta.tool_use.input:
            events.append(ToolCallDelta(self._calls - 1, delta.tool_use.input))
        elif (thought := delta.reasoning_content) is not None:
            if thought.redacted_content is not None:
                events.append(ThinkingDelta(redacted=thought.redacted_content, origin=CLAUDE))
            elif thought.signature is not None:
                events.append(ThinkingDelta(signature=thought.signature, origin=CLAUDE))
            elif thought.text:
                events.append(ThinkingDelta(thought.text, origin=CLAUDE))
