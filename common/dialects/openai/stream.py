"""Chat and completion streams: `data:` chunks, `[DONE]` at the end.

Where the caller did not ask for usage figures, Relay did (`prepare_request`), and the caller
sees neither the chunk that carries them nor the `"usage":null` of all others.
"""

import re
from typing import Any, NamedTuple

import msgspec

from common.dialects.base import text_size, word
from common.dialects.copying import EventStreamCopy
from common.dialects.events import event_data
from common.dialects.openai.answers import read_usage
from common.dialects.spans import remove_member

_DONE = b"[DONE]"
_USAGE_NULL_AT_END = b',"usage":null}'


# Text that JSON writes as it is.
_PLAIN = re.compile(rb"[ !#-\[\]-~]+")
_CONTENT = b'"content":"'
_NO_USAGE = (b"", b"null")
# Streams whose events change in other places too, such as by padding, are not learnt for ever.
_LEARNT_MAX = 8


class _Alike(NamedTuple):
    """What stands around the text of an event, and what the caller sees after it."""

    before: bytes
    after: bytes
    seen_after: bytes


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
        self._alike: _Alike | None = None
        self._learnt = 0

    def _copied(self, event: bytes) -> bytes:
        """See `EventStreamCopy`. Most events are the one before with another text.

        Those need no reading: 1 us where it takes 6.
        """
        if (alike := self._alike) is not None:
            before, after, seen_after = alike
            if event.startswith(before) and event.endswith(after):
                text = event[len(before) : -len(after)]
                if _PLAIN.fullmatch(text) is not None:
                    self._output_bytes += len(text)
                    return event if seen_after is after else b"%b%b%b" % (before, text, seen_after)
        return self._read(event)

    def _read(self, event: bytes) -> bytes:
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
        seen = self._take_usage(event, data, chunk, usage) if usage else event
        self._learn(event, chunk, seen)
        return seen

    def _take_usage(self, event: bytes, data: bytes, chunk: _Chunk, usage: bytes) -> bytes:
        """Note the figures; gives what the caller is to see."""
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

    def _learn(self, event: bytes, chunk: _Chunk, seen: bytes) -> None:
        """Know the next event that differs in nothing but the text of its one delta."""
        text = _only_text(chunk)
        if not text or self._learnt >= _LEARNT_MAX or event.count(_CONTENT) != 1:
            return
        begin = event.index(_CONTENT) + len(_CONTENT)
        end = begin + len(text)
        if event[begin:end] != text or event[end : end + 1] != b'"' or seen[:end] != event[:end]:
            return
        after = event[end:]
        seen_after = after if seen is event else seen[end:]
        self._alike = _Alike(event[:begin], after, seen_after)
        self._learnt += 1

    def _end_well(self) -> None:
        self.saw_terminal = True
        self.reported_complete = self.reported_complete or self._has_usage


def _only_text(chunk: _Chunk) -> bytes:
    """The text of the one delta of an event that has nothing else to count; empty for others."""
    choices = chunk.choices or []
    if chunk.error or bytes(chunk.usage) not in _NO_USAGE or len(choices) != 1:
        return b""
    choice, delta = choices[0], choices[0].delta
    if choice.text or delta is None or not delta.content:
        return b""
    if delta.refusal or delta.reasoning_content or delta.tool_calls:
        return b""
    text = delta.content.encode()
    return text if _PLAIN.fullmatch(text) is not None else b""


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
