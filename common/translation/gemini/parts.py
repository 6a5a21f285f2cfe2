"""The parts of contents, read one after the other."""

from collections import deque
from typing import Any, Literal

import msgspec

from common.dialects.base import BadRequest
from common.translation.conversation import (
    Media,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from common.translation.gemini import signatures, wire
from common.translation.media import from_url
from common.translation.reading import not_translated

# Addresses that mean something to Google alone.
_GOOGLES = ("gs://", "https://generativelanguage.googleapis.com/", "files/")
_KINDS: dict[str, Literal["image", "document", "audio"]] = {
    "image": "image",
    "audio": "audio",
    "text": "document",
    "application": "document",
}


class TurnReader:
    """Parts of all contents; calls without an id get one, which their results then have, too."""

    def __init__(self) -> None:
        self._calls = 0
        self._open: dict[str, deque[str]] = {}

    def read(self, part: wire.Part, field: str, *, from_model: bool) -> list[Part]:
        """What a part says. Raises `BadRequest` for what has no place in a conversation."""
        if bytes(part.function_call) not in wire.ABSENT:
            if not from_model:
                raise BadRequest(f"Only a model calls functions, not {field!r}", field)
            return [self._call(part, f"{field}.functionCall")]
        if bytes(part.function_response) not in wire.ABSENT:
            if from_model:
                raise BadRequest(f"A model gives no function's response: {field!r}", field)
            return [self._result(part.function_response, f"{field}.functionResponse")]
        for raw, name in ((part.inline_data, "inlineData"), (part.file_data, "fileData")):
            if bytes(raw) not in wire.ABSENT:
                if from_model:
                    raise not_translated(f"{field}.{name}", "its model says only text")
                return [_media(raw, f"{field}.{name}")]
        if part.thought:
            return [signatures.read(part.text or "", part.thought_signature)]
        if part.text is None and part.thought_signature is None:
            raise BadRequest(f"{field!r} has none of the data that a part has", field)
        said: list[Part] = [Text(part.text)] if part.text else []
        if part.thought_signature is not None and from_model:
            said.append(signatures.read("", part.thought_signature))
        return said

    def _call(self, part: wire.Part, field: str) -> ToolCall:
        call = wire.read_object(part.function_call, wire.call_decoder, field)
        call_id = call.id or f"call_{self._calls}"
        self._calls += 1
        self._open.setdefault(call.name, deque()).append(call_id)
        arguments = _object(call.args, f"{field}.args")
        return ToolCall(call_id, call.name, arguments, part.thought_signature)

    def _result(self, raw: msgspec.Raw, field: str) -> ToolResult:
        """Without an id, of the first call of that function that has no result yet."""
        given = wire.read_object(raw, wire.response_decoder, field)
        waiting = self._open.get(given.name)
        call_id = given.id
        if call_id is None:
            if not waiting:
                message = f"No content before {field} calls the function {given.name[:100]!r}"
                raise BadRequest(message, f"{field}.name")
            call_id = waiting.popleft()
        elif waiting and call_id in waiting:
            waiting.remove(call_id)
        text, is_error = _said(_object(given.response, f"{field}.response"))
        parts: list[Text | Media] = [Text(text)] if text else []
        for index, one in enumerate(wire.read_list(given.parts, f"{field}.parts")):
            path = f"{field}.parts[{index}]"
            held = wire.read_object(one, wire.response_part_decoder, path)
            if bytes(held.inline_data) not in wire.ABSENT:
                parts.append(_media(held.inline_data, f"{path}.inlineData"))
            else:
                parts.append(_media(held.file_data, f"{path}.fileData"))
        return ToolResult(call_id, given.name, tuple(parts), is_error)


def joined(last: Part, part: Part) -> Part | None:
    """Two parts of a model as one, where a stream had cut them; None where they are two."""
    if isinstance(last, Text) and isinstance(part, Text):
        return Text(last.text + part.text)
    if isinstance(last, Thinking) and isinstance(part, Thinking):
        is_open = last.text and last.signature is None and last.redacted is None
        if is_open and (part.text or part.origin != signatures.NAME):
            return msgspec.structs.replace(part, text=last.text + part.text)
    return None


def _object(raw: msgspec.Raw, field: str) -> str:
    """The text of a JSON object. Raises `BadRequest`."""
    text = bytes(raw)
    if text in wire.ABSENT:
        return "{}"
    if not text.startswith(b"{"):
        raise BadRequest(f"Invalid type for {field!r}: expected an object", field)
    return text.decode()


def _said(response: str) -> tuple[str, bool]:
    """The text of a function's response, and whether it is an error; see FunctionResponse."""
    value: Any = msgspec.json.decode(response)
    if len(value) == 1:
        for name in ("output", "error"):
            if isinstance(value.get(name), str):
                return value[name], name == "error"
    return ("" if value == {} else response), "error" in value and "output" not in value


def _media(raw: msgspec.Raw, field: str) -> Media:
    if field.endswith("inlineData"):
        blob = wire.read_object(raw, wire.blob_decoder, field)
        return Media(
            _kind(blob.mime_type, field), blob.mime_type, blob.data, name=blob.display_name
        )
    file = wire.read_object(raw, wire.file_decoder, field)
    if file.file_uri.startswith(_GOOGLES):
        raise not_translated(f"{field}.fileUri", "what lies at Google is known there alone")
    if file.file_uri.startswith("data:"):
        raise BadRequest(f"{field!r} holds data: give it as inlineData", f"{field}.fileUri")
    kind = _kind(file.mime_type or "image/", field)
    media = from_url(kind, file.file_uri, name=file.display_name)
    return msgspec.structs.replace(media, media_type=file.mime_type or "")


def _kind(mime_type: str, field: str) -> Literal["image", "document", "audio"]:
    kind = _KINDS.get(mime_type.partition("/")[0].lower())
    if kind is None:
        raise not_translated(f"{field}.mimeType", f"it takes no {mime_type[:50]}")
    return kind
