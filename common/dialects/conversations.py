"""What routing looks at in a body, in whichever dialect: its conversation, tools, images. Pure.

Clients name a conversation in different places (openai-python: `prompt_cache_key`; Codex: a
header; Claude Code: in `metadata.user_id`). Where none does, the part of the prompt that stays the
same from turn to turn stands for it: what providers cache is a prefix of it.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Any

import msgspec

HEADERS = ("x-session-id", "session_id", "session-id", "x-claude-code-session-id")
# Providers cache nothing below 1,024 tokens (platform.openai.com/docs/guides/prompt-caching,
# docs.claude.com/en/docs/build-with-claude/prompt-caching).
CACHED_BYTES_MIN = 4096
_ID_CHARACTERS_MAX = 512
_SESSION = re.compile(r'(?:_session_|"session_id":\s*")([A-Za-z0-9-]{8,64})')
# A mark that moves on with the conversation, and is no part of the prompt.
_CACHE_MARKS = re.compile(
    rb',\s*"cache_control"\s*:\s*(?:\{[^{}]*\}|null)|"cache_control"\s*:\s*(?:\{[^{}]*\}|null)\s*,?'
)
_IMAGE_TYPES = ("image", "image_url", "input_image")


class _Named(msgspec.Struct):
    """Where bodies name their conversation."""

    prompt_cache_key: Any = None
    session_id: Any = None
    metadata: Any = None


class _Prompt(msgspec.Struct):
    """Where the dialects have what the model reads."""

    system: msgspec.Raw = msgspec.Raw(b"")
    instructions: msgspec.Raw = msgspec.Raw(b"")
    systemInstruction: msgspec.Raw = msgspec.Raw(b"")  # noqa: N815 - Gemini's own name
    tools: msgspec.Raw = msgspec.Raw(b"")
    messages: msgspec.Raw = msgspec.Raw(b"")
    input: msgspec.Raw = msgspec.Raw(b"")
    contents: msgspec.Raw = msgspec.Raw(b"")


class _Turn(msgspec.Struct):
    role: Any = None


_named = msgspec.json.Decoder(_Named)
_prompt = msgspec.json.Decoder(_Prompt)
_turns = msgspec.json.Decoder(list[msgspec.Raw])
_turn = msgspec.json.Decoder(_Turn)


def conversation_of(header: Callable[[str], str | None], body: bytes) -> str | None:
    """What is the same in all requests of a conversation and in no other; None: nothing is known.

    `header` gives the first header of a lower-case name.
    """
    for name in HEADERS:
        if named := header(name):
            return f"id:{named[:_ID_CHARACTERS_MAX]}"
    try:
        named = _id_of(_named.decode(body))
        if named:
            return f"id:{named[:_ID_CHARACTERS_MAX]}"
        if len(body) < CACHED_BYTES_MIN:
            return None
        return f"prefix:{_prefix_of(body)}"
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def content_of(body: bytes) -> tuple[bool, bool]:
    """Whether a body offers the model tools, and whether it shows it images."""
    try:
        read = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False, False
    if not isinstance(read, dict):
        return False, False
    turns = [read.get(name) for name in ("messages", "input", "contents")]
    return bool(read.get("tools") or read.get("functions")), any(map(_has_image, turns))


def _id_of(body: _Named) -> str | None:
    for given in (body.prompt_cache_key, body.session_id):
        if given and isinstance(given, str):
            return given
    if isinstance(body.metadata, dict):
        if isinstance(given := body.metadata.get("session_id"), str) and given:
            return given
        if isinstance(user := body.metadata.get("user_id"), str):
            found = _SESSION.search(user)
            return found[1] if found else None
    return None


def _prefix_of(body: bytes) -> str:
    """The digest of system prompt, tools, and what comes up to the user's first words."""
    read = _prompt.decode(_CACHE_MARKS.sub(b"", body) if b'"cache_control"' in body else body)
    digest = hashlib.blake2b(digest_size=16)
    for part in (read.system, read.instructions, read.systemInstruction, read.tools):
        digest.update(bytes(part) + b"\0")
    for raw in (read.messages, read.input, read.contents):
        if not bytes(raw).startswith(b"["):
            digest.update(bytes(raw) + b"\0")
            continue
        for turn in _turns.decode(raw):
            digest.update(bytes(turn) + b"\0")
            if bytes(turn).startswith(b"{") and _turn.decode(turn).role == "user":
                break
    return digest.hexdigest()


def _has_image(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_has_image, value))
    if not isinstance(value, dict):
        return False
    if value.get("type") in _IMAGE_TYPES:
        return True
    data = value.get("inlineData") or value.get("inline_data")
    if isinstance(data, dict) and str(data.get("mimeType", "image/")).startswith("image/"):
        return True
    return any(_has_image(value.get(name)) for name in ("content", "parts"))
