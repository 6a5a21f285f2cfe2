"""The blocks of Converse's messages, written.

Source: ContentBlock in botocore's service-2.json of bedrock-runtime; blobs are base64 in JSON.
"""

import base64
import binascii
import hashlib
import re
from typing import Any

import msgspec

from common.dialects.bodies import loads
from common.translation.conversation import (
    CannotExpress,
    Media,
    Message,
    Part,
    Refused,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)

# Claude's signatures are the same bytes at Anthropic and on Bedrock.
CLAUDE = "anthropic.messages"
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
CACHE_POINT = {"cachePoint": {"type": "default"}}
_ID_MAX = 64
_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_.:-]")
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9\-()\[\]]+")
_IMAGES = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
_OFFICE = "application/vnd.openxmlformats-officedocument."
_DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    _OFFICE + "wordprocessingml.document": "docx",
    _OFFICE + "spreadsheetml.sheet": "xlsx",
}
_SOUNDS = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/aac": "aac",
    "audio/mp4": "m4a",
    "audio/webm": "webm",
}
_TABLES: dict[str, dict[str, str]] = {
    "image": _IMAGES,
    "document": _DOCUMENTS,
    "audio": _SOUNDS,
}
_Wire = dict[str, Any]


class BlockWriter:
    """Writes the blocks of one conversation, whose documents must have names of their own.

    `signed`: the model takes back what Claude has signed.
    """

    def __init__(self, *, signed: bool) -> None:
        self._signed = signed
        self._names: set[str] = set()

    def content(self, message: Message, at: str) -> list[_Wire]:
        """The blocks of a message; results come first. Raises `CannotExpress`."""
        results: list[_Wire] = []
        said: list[_Wire] = []
        for index, part in enumerate(message.parts):
            blocks = self._blocks(part, f"{at}.parts.{index}")
            (results if isinstance(part, ToolResult) else said).extend(blocks)
        return results + said

    def _blocks(self, part: Part, path: str) -> list[_Wire]:
        """None for what has no place there: empty texts, and thoughts of another model."""
        if isinstance(part, Thinking):
            return self._thought(part)
        if isinstance(part, Refused):
            return [{"text": part.text}] if part.text else []
        if isinstance(part, Text):
            blocks: list[_Wire] = [{"text": part.text}] if part.text.strip() else []
        elif isinstance(part, Media):
            blocks = [self._media(part, path)]
        elif isinstance(part, ToolCall):
            blocks = [{"toolUse": _call(part, path)}]
        else:
            blocks = [{"toolResult": self._result(part, path)}]
        return [*blocks, CACHE_POINT] if part.cached and blocks else blocks

    def _thought(self, part: Thinking) -> list[_Wire]:
        if not self._signed or part.origin != CLAUDE:
            return []
        if part.redacted is not None:
            return [{"reasoningContent": {"redactedContent": part.redacted}}]
        if part.signature is None:
            return []
        said = {"text": part.text, "signature": part.signature}
        return [{"reasoningContent": {"reasoningText": said}}]

    def _result(self, result: ToolResult, path: str) -> _Wire:
        content: list[_Wire] = []
        for part in result.parts:
            if isinstance(part, Media):
                if part.kind == "audio":
                    raise CannotExpress(path, "Converse takes no audio in the result of a tool")
                content.append(self._media(part, path))
            elif part.text.strip():
                content.append({"text": part.text})
        written: _Wire = {"toolUseId": tool_use_id(result.call_id), "content": content}
        return written | {"status": "error"} if result.is_error else written

    def _media(self, media: Media, path: str) -> _Wire:
        media_type = media.media_type.partition(";")[0].strip().lower()
        form = _TABLES[media.kind].get(media_type)
        if form is None:
            what = media_type or "medium without a media type"
            raise CannotExpress(path, f"Converse takes no {what}")
        block: _Wire = {"format": form, "source": _source(media, path)}
        if media.kind == "document":
            block["name"] = self._name(media.name or "document")
        return {media.kind: block}

    def _name(self, given: str) -> str:
        """A name in the characters that Converse takes, which no other document has."""
        name = _NOT_IN_NAMES.sub(" ", given).strip()[:180] or "document"
        unique, number = name, 2
        while unique in self._names:
            unique, number = f"{name} {number}", number + 1
        self._names.add(unique)
        return unique


def tool_use_id(given: str) -> str:
    """An id in the characters and the length that Converse takes; the same for the same."""
    written = _NOT_IN_IDS.sub("_", given)
    if written == given and len(written) <= _ID_MAX:
        return written
    digest = hashlib.sha256(given.encode()).hexdigest()[:16]
    return f"{written[: _ID_MAX - len(digest) - 1]}_{digest}"


def _source(media: Media, path: str) -> _Wire:
    if media.data is None:
        if (media.url or "").startswith("s3://"):
            return {"s3Location": {"uri": media.url}}
        raise CannotExpress(path, "Converse fetches nothing from URLs: send the data itself")
    try:
        base64.b64decode(media.data, validate=True)
    except (binascii.Error, ValueError):
        raise CannotExpress(path, "the data is no base64") from None
    return {"bytes": media.data}


def _call(call: ToolCall, path: str) -> _Wire:
    arguments = call.arguments.strip() or "{}"
    if not isinstance(loads(arguments.encode()), dict):
        raise CannotExpress(path, "the arguments of a tool call must be a JSON object")
    return {
        "toolUseId": tool_use_id(call.id),
        "name": call.name,
        "input": msgspec.Raw(arguments.encode()),
    }
