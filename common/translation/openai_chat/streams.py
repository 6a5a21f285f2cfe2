"""Streams of OpenAI's chat, read and written: `data:` chunks, `[DONE]` at the end."""

from typing import Any

import msgspec

from common.dialects.events import EventCutter, event_data
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
from common.translation.openai_chat.answers import (
    Call,
    Function,
    Logprobs,
    Said,
    extra_of,
    finish_of,
    logprobs_of,
    read_counts,
    reason_of,
    usage_of,
)
from common.translation.openai_chat.request_reader import NAME

_DONE = b"[DONE]"
_ERROR_TYPES = {
    "overloaded": "server_error",
    "rate_limited": "rate_limit_error",
    "server": "server_error",
    "request": "invalid_request_error",
}


class _Choice(msgspec.Struct):
    delta: Said | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class _Chunk(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    created: int | None = None
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = msgspec.Raw()
    error: Any = None


_decoder = msgspec.json.Decoder(_Chunk, strict=False)


class ChatStreamReader:
    """See `common.translation.base.StreamReader`."""

    def __init__(self) -> None:
        self._cutter = EventCutter()
        self._begun = False
        self._ended = False
        self._reason: str | None = None
        self._refused = False
        self._counts: Counts | None = None
        self._calls = 0
        self._call: tuple[int | None, str | None] = (None, None)  # the server's number and id

    def feed(self, chunk: bytes) -> list[Event]:
        """See `StreamReader`."""
        events: list[Event] = []
        for event in self._cutter.feed(chunk):
            self._read(event, events)
        return events

    def end(self) -> list[Event]:
        """See `StreamReader`."""
        events: list[Event] = []
        for event in self._cutter.end():
            self._read(event, events)
        return events

    def _read(self, event: bytes, events: list[Event]) -> None:
        data = event_data(event)
        if not data or self._ended:
            return
        if data.startswith(_DONE):
            self._ended = True
            finish = finish_of(self._reason, calls=bool(self._calls), refused=self._refused)
            events.append(Finished(finish, counts=self._counts))
            return
        chunk = _decoder.decode(data)
        if chunk.error is not None:
            self._ended = True
            events.append(_failed(chunk.error))
            return
        if not self._begun:
            self._begun = True
            events.append(Begun(chunk.id or "", chunk.model or "", created_s=chunk.created or 0))
        self._counts = read_counts(chunk.usage) or self._counts
        for choice in chunk.choices or ():
            self._reason = choice.finish_reason or self._reason
            logprobs = choice.logprobs.read() if choice.logprobs is not None else ()
            if choice.delta is not None:
                self._read_delta(choice.delta, events)
            if logprobs:
                _add_logprobs(events, logprobs)

    def _read_delta(self, delta: Said, events: list[Event]) -> None:
        if delta.thought:
            events.append(ThinkingDelta(delta.thought, origin=NAME))
        if delta.content:
            events.append(TextDelta(delta.content))
        if delta.refusal:
            self._refused = True
            events.append(RefusalDelta(delta.refusal))
        for call in delta.tool_calls or ():
            self._read_call(call, events)

    def _read_call(self, call: Call, events: list[Event]) -> None:
        """Another number or another id is another call; some servers give all the same number."""
        function = call.function or Function()
        number, known_as = self._call
        other = self._calls == 0 or (call.index is not None and call.index != number)
        if other or (call.id and function.name and call.id != known_as):
            if not function.name:
                raise ValueError("a tool call goes on that is not the last one, or has no name")
            self._call = (call.index, call.id)
            index = self._calls
            self._calls += 1
            given = call.id or f"call_{index}"
            events.append(ToolCallBegun(index, given, function.name, call.signature))
        if function.arguments:
            events.append(ToolCallDelta(self._calls - 1, function.arguments))


def _add_logprobs(events: list[Event], logprobs: "tuple[Any, ...]") -> None:
    """To the text that came with them; they may come by themselves, too."""
    last = events[-1] if events else None
    if isinstance(last, TextDelta) and not last.logprobs:
        events[-1] = TextDelta(last.text, logprobs)
    else:
        events.append(TextDelta("", logprobs))


def _failed(error: Any) -> Failed:
    given = error if isinstance(error, dict) else {"message": error}
    message = given.get("message")
    kind = f"{given.get('type')} {given.get('code')}"
    return Failed(
        message if isinstance(message, str) else "The provider ended the stream with an error",
        "rate_limited" if "rate_limit" in kind or "quota" in kind else "server",
    )


class ChatStreamWriter:
    """See `common.translation.base.StreamWriter`."""

    def __init__(self, conversation: Conversation) -> None:
        self._model = conversation.model
        self._usage = conversation.include_usage
        self._frame: dict[str, Any] = {}
        self._refused = False

    def write(self, event: Event) -> bytes:
        """See `StreamWriter`."""
        if isinstance(event, Begun):
            self._frame = {
                "id": event.id,
                "object": "chat.completion.chunk",
                "created": event.created_s,
                "model": event.model or self._model,
            }
            return self._delta({"role": "assistant", "content": ""})
        if isinstance(event, TextDelta):
            return self._delta({"content": event.text}, logprobs_of(event.logprobs))
        if isinstance(event, ThinkingDelta):
            return self._delta({"reasoning_content": event.text}) if event.text else b""
        if isinstance(event, RefusalDelta):
            self._refused = True
            return self._delta({"refusal": event.text})
        if isinstance(event, ToolCallBegun | ToolCallDelta):
            return self._delta({"tool_calls": [_call(event)]})
        if isinstance(event, Failed):
            return _data({"error": _error(event)})
        return self._finished(event)

    def _finished(self, event: Finished) -> bytes:
        reason = reason_of(event.finish, refused=self._refused)
        choice = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": reason}
        written = self._chunk([choice])
        if self._usage and event.counts is not None:
            written += _data(self._frame | {"choices": [], "usage": usage_of(event.counts)})
        return written + b"data: " + _DONE + b"\n\n"

    def _delta(self, delta: dict[str, Any], logprobs: Any = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": None}
        return self._chunk([choice])

    def _chunk(self, choices: list[dict[str, Any]]) -> bytes:
        chunk = self._frame | {"choices": choices}
        if self._usage:
            chunk["usage"] = None
        return _data(chunk)


def _call(event: ToolCallBegun | ToolCallDelta) -> dict[str, Any]:
    if isinstance(event, ToolCallDelta):
        return {"index": event.index, "function": {"arguments": event.arguments}}
    function = {"name": event.name, "arguments": ""}
    call = {"index": event.index, "id": event.id, "type": "function", "function": function}
    return call | extra_of(event.signature)


def _error(event: Failed) -> dict[str, Any]:
    return {
        "message": event.message,
        "type": _ERROR_TYPES[event.kind],
        "param": None,
        "code": None,
    }


def _data(value: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"
