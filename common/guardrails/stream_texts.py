"""The texts of a streamed answer, as its events bring them, in each dialect.

A lane is one text that goes on from event to event: `kind` says whether the piece is text, JSON
text (a tool's arguments), a text that is whole, or the end of all lanes that begin so.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from common.dialects.bodies import loads
from common.dialects.events import event_data

Lane = tuple[str | int, ...]


class Piece(NamedTuple):
    """What an event adds to a lane."""

    lane: Lane
    text: str
    kind: Literal["text", "json", "whole", "end"] = "text"


Reader = Callable[[dict[str, Any]], Iterator[Piece]]
# Members of OpenAI's deltas that are text; servers that are compatible have the last two.
_CHAT_TEXTS = ("content", "refusal", "reasoning_content", "reasoning")
# What no text is, wherever it stands in a whole one.
_NO_TEXT = frozenset(
    {
        *("type", "id", "object", "role", "model", "status", "signature", "encrypted_content"),
        *("encrypted_index", "call_id", "item_id", "data", "inlineData", "thoughtSignature"),
        *("fileData", "mimeType", "media_type", "b64_json", "partial_image_b64", "audio", "usage"),
        *("usageMetadata", "finishReason", "finish_reason", "stop_reason", "name", "delta"),
        *("instructions", "tools", "metadata", "sequence_number", "logprobs", "obfuscation"),
    }
)
# What a tool is called with and answers: names and values are text, whatever they are called.
_ARGUMENTS = frozenset({"arguments", "args", "input", "response"})


def pieces(event: bytes, dialect: str) -> list[Piece]:
    """What an event of an answer in that dialect brings; nothing of what cannot be read."""
    data = event_data(event)
    if not data or data[:1] != b"{":
        return []
    read = loads(data)
    return list(_READERS[dialect](read)) if isinstance(read, dict) else []


def _openai(read: dict[str, Any]) -> Iterator[Piece]:
    choices = read.get("choices")
    if isinstance(choices, list):
        for place, choice in enumerate(choices):
            if isinstance(choice, dict):
                yield from _choice(choice, place)
        return
    kind = read.get("type")
    if not isinstance(kind, str):
        return
    name, _, what = kind.rpartition(".")
    lane = (name, *(_number(read, member) for member in _RESPONSE_PLACES))
    if what == "delta":
        text = read.get("delta")
        if isinstance(text, str) and not name.endswith(".audio"):
            yield Piece(lane, text, "json" if name.endswith("arguments") else "text")
    elif what == "done" and not name.endswith("output_item"):
        yield Piece(lane, "", "end")
    elif what not in _EMPTY:
        yield from _whole(read)


_RESPONSE_PLACES = ("output_index", "content_index", "summary_index")
# They repeat the request, or say nothing yet.
_EMPTY = frozenset({"created", "queued", "in_progress", "error"})


def _choice(choice: dict[str, Any], place: int) -> Iterator[Piece]:
    index = _number(choice, "index", place)
    lane: Lane = ("choice", index)
    if isinstance(text := choice.get("text"), str):
        yield Piece((*lane, "text"), text)
    delta = choice.get("delta")
    if isinstance(delta, dict):
        for name in _CHAT_TEXTS:
            if isinstance(text := delta.get(name), str):
                yield Piece((*lane, name), text)
        audio = delta.get("audio")
        if isinstance(audio, dict) and isinstance(text := audio.get("transcript"), str):
            yield Piece((*lane, "transcript"), text)
        calls = delta.get("tool_calls")
        for number, call in enumerate(calls if isinstance(calls, list) else ()):
            if isinstance(call, dict):
                at = _number(call, "index", number)
                yield from _function(call.get("function"), (*lane, "call", at))
                yield from _custom(call.get("custom"), (*lane, "custom", at))
        yield from _function(delta.get("function_call"), (*lane, "function"))
    if choice.get("finish_reason") is not None:
        yield Piece(lane, "", "end")


def _function(function: Any, lane: Lane) -> Iterator[Piece]:
    if isinstance(function, dict) and isinstance(text := function.get("arguments"), str):
        yield Piece(lane, text, "json")


def _custom(custom: Any, lane: Lane) -> Iterator[Piece]:
    if isinstance(custom, dict) and isinstance(text := custom.get("input"), str):
        yield Piece(lane, text)


# The members of Anthropic's deltas that are output; a tool's arguments are JSON text.
_ANTHROPIC_TEXTS = ("text", "thinking", "partial_json")


def _anthropic(read: dict[str, Any]) -> Iterator[Piece]:
    kind = read.get("type")
    lane: Lane = ("block", _number(read, "index"))
    if kind == "content_block_delta":
        delta = read.get("delta")
        if not isinstance(delta, dict):
            return
        for name in _ANTHROPIC_TEXTS:
            if isinstance(text := delta.get(name), str):
                yield Piece((*lane, name), text, "json" if name == "partial_json" else "text")
        if isinstance(citation := delta.get("citation"), dict):
            yield from _whole(citation)
    elif kind == "content_block_stop":
        yield Piece(lane, "", "end")
    elif kind == "content_block_start":
        yield from _whole(read.get("content_block"))


def _gemini(read: dict[str, Any]) -> Iterator[Piece]:
    candidates = read.get("candidates")
    for place, candidate in enumerate(candidates if isinstance(candidates, list) else ()):
        if not isinstance(candidate, dict):
            continue
        lane: Lane = ("candidate", _number(candidate, "index", place))
        content = candidate.get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        for part in parts if isinstance(parts, list) else ():
            if not isinstance(part, dict):
                continue
            if isinstance(text := part.get("text"), str):
                yield Piece((*lane, "thought" if part.get("thought") else "text"), text)
            else:
                yield from _whole(part)
        if candidate.get("finishReason") is not None:
            yield Piece(lane, "", "end")


def _whole(value: Any) -> Iterator[Piece]:
    """All strings of a value that are text: what came without deltas, or comes again."""
    waiting = [(value, False)]
    while waiting:
        one, everything = waiting.pop()
        if isinstance(one, str):
            if one:
                yield Piece(("whole",), one, "whole")
        elif isinstance(one, list):
            waiting += [(held, everything) for held in one]
        elif isinstance(one, dict):
            for name, held in one.items():
                if everything:
                    waiting += [(name, True), (held, True)]
                elif name in _ARGUMENTS:
                    read = loads(held.encode()) if isinstance(held, str) else held
                    waiting.append((held if read is None else read, True))
                elif name not in _NO_TEXT:
                    waiting.append((held, False))


def json_strings(text: str) -> Iterator[str]:
    """The strings and names of JSON text; the text itself, where it is none."""
    for piece in _whole({"arguments": text}):
        yield piece.text


def _number(read: dict[str, Any], name: str, default: int = 0) -> int:
    value = read.get(name)
    return value if isinstance(value, int) else default


_READERS: Mapping[str, Reader] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "gemini": _gemini,
}
