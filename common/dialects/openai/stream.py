"""Chat and completion streams: `data:` chunks, `[DONE]` at the end.

Where the caller did not ask for usage figures, Relay did (`prepare_request`), and the caller
sees neither the chunk that carries them nor the `"usage":null` of all others.
"""

from typing import Any

import msgspec

from common.dialects.base import text_size, word
from common.dialects.copying import EventStreamCopy
from common.dialects.events import event_data
from common.dialects.openai.answers import read_usage
from common.dialects.spans import remove_member

_DONE = b"[DONE]"
_USAGE_NULL_AT_END = b',"usage":null}'


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(msgspec.Struct):
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    text: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    model: str | None = None
    usage: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()
    service_tier: Any = None


_chunk_decoder = msgspec.json.Decoder(_Chunk)


class ChatStreamCopy(EventStreamCopy):
    """See `common.dialects.base.StreamCopy`. `keep_usage`: the caller asked for the figures."""

    def __init__(self, *, keep_usage: bool) -> None:
        super().__init__()
        self._keep_usage = keep_usage
        self._has_usage = False

    def _copied(self, event: bytes) -> bytes:
        data = event_data(event)
        if data.startswith(_DONE):  # as openai-python compares
            self._end_well()
            return event
        if not data:
            return event
        try:
            chunk = _chunk_decoder.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return event  # nothing that Relay understands: the caller may
        if chunk.error and bytes(chunk.error) != b"null":
            self.saw_error = True
        if chunk.model and self.served_model is None:
            self.served_model = chunk.model
        if chunk.service_tier:
            self.service_tier = word(chunk.service_tier)
        for choice in chunk.choices or ():
            self._output_bytes += _size(choice)
        usage = bytes(chunk.usage)
        if not usage:
            return event
        tokens = read_usage(usage)
        if tokens is not None:
            self.reported, self.usage = tokens, [usage]
            self._has_usage = True
            # Without choices it is the last word; some servers count in every chunk.
            self.reported_complete = self.reported_complete or not chunk.choices
        if self._keep_usage:
            return event
        if tokens is not None and not chunk.choices:
            return b""
        return _without_usage(event, data)

    def _end_well(self) -> None:
        self.saw_terminal = True
        self.reported_complete = self.reported_complete or self._has_usage


def _without_usage(event: bytes, data: bytes) -> bytes:
    """The event without its `usage` member, nothing else changed."""
    at = event.rfind(_USAGE_NULL_AT_END)
    if at >= 0 and not event[at + len(_USAGE_NULL_AT_END) :].strip():
        return event[:at] + b"}" + event[at + len(_USAGE_NULL_AT_END) :]
    at = event.rfind(data)
    if at < 0:
        return event  # over several `data` lines: not cut apart
    return event[:at] + remove_member(data, "usage") + event[at + len(data) :]


def _size(choice: _Choice) -> int:
    delta = choice.delta
    size = text_size(choice.text) if choice.text else 0
    if delta is None:
        return size
    for text in (delta.content, delta.refusal, delta.reasoning_content):
        if text:
            size += text_size(text)
    for call in delta.tool_calls or ():
        if call.function is not None:
            size += text_size(call.function.name or "") + text_size(call.function.arguments or "")
    return size
