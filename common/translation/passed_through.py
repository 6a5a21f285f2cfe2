"""Bodies that go on in the caller's own dialect, without what other formats' providers have signed.

A conversation that was begun at a provider of another dialect holds that one's thoughts and
signatures where its caller's dialect has a place for them (`signatures.py`,
`openai_responses/seals.py`, `gemini/signatures.py`). The dialect's own provider refuses them, so
they are left out, as in any translation; all other bytes stay, and a body without any is not read.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from common.dialects.spans import find_member, remove_member, set_member
from common.translation.signatures import opened

_Edit = Callable[[bytes], bytes | None]

_items = msgspec.json.Decoder(list[msgspec.Raw])
_ANTHROPIC = "anthropic.messages"
_CARRIED_BY_RESPONSES = "relay:"
# The same in base64.
_CARRIED_BY_GEMINI = "cmVsYXk6"


class _Signed(msgspec.Struct):
    """Whatever part or block of any dialect, as far as it may hold a signature."""

    type: Any = None
    signature: Any = None
    data: Any = None
    encrypted_content: Any = None
    thought: Any = None
    thoughtSignature: Any = None  # noqa: N815 - Gemini's own name
    thought_signature: Any = None


class _Content(msgspec.Struct):
    content: Any = None


_signed = msgspec.json.Decoder(_Signed)
_content = msgspec.json.Decoder(_Content)


def without_foreign(body: bytes, target: str) -> bytes:
    """The body without other formats' thoughts, which its provider could not verify.

    `target` is the endpoint or format in which it goes on. What cannot be read stays as it is: it
    is the provider's to refuse.
    """
    try:
        return _EDITS[target](body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body


def _edited(body: bytes, name: str, edit: _Edit) -> bytes:
    """The object with each item of that list edited, or left out where that gives None."""
    member = find_member(body, name)
    if member is None or body[member.value_start : member.value_start + 1] != b"[":
        return body
    items = [bytes(item) for item in _items.decode(body[member.value_start : member.end])]
    edited = [edit(item) if item.startswith(b"{") else item for item in items]
    if edited == items:
        return body
    return set_member(body, name, b"[" + b",".join(one for one in edited if one is not None) + b"]")


def _messages(body: bytes) -> bytes:
    edited = _edited(body, "messages", _turn)
    mode = None if edited is body else find_member(edited, "thinking")
    if mode is None or _signed.decode(edited[mode.value_start : mode.end]).type != "enabled":
        return edited
    # With a budget Anthropic refuses to go on after calls whose thoughts are gone, see
    # `anthropic/thinking.py`.
    return remove_member(edited, "thinking") if _lacks_thoughts(edited) else edited


def _lacks_thoughts(body: bytes) -> bool:
    turns = find_member(body, "messages")
    if turns is None:
        return False
    last = _items.decode(body[turns.value_start : turns.end])[-2:]
    if len(last) < 2:
        return False
    asked, given = ({_type(block) for block in _blocks(turn)} for turn in last)
    thoughts = {"thinking", "redacted_thinking"}
    return "tool_result" in given and "tool_use" in asked and not asked & thoughts


def _blocks(turn: msgspec.Raw) -> list[Any]:
    content = _content.decode(turn).content
    return content if isinstance(content, list) else []


def _type(block: Any) -> str:
    return str(block.get("type")) if isinstance(block, dict) else ""


def _turn(turn: bytes) -> bytes | None:
    edited = _edited(turn, "content", _block)
    content = find_member(edited, "content")
    if edited is not turn and content is not None and edited[content.value_start :][:2] == b"[]":
        return None  # a turn of nothing but thoughts; Anthropic takes no empty one
    return edited


def _block(block: bytes) -> bytes | None:
    read = _signed.decode(block)
    place = read.signature if read.type == "thinking" else read.data
    if read.type not in ("thinking", "redacted_thinking") or not isinstance(place, str):
        return block
    return block if opened(place, _ANTHROPIC)[0] == _ANTHROPIC else None


def _request(item: bytes) -> bytes:
    params = find_member(item, "params")
    if params is None:
        return item
    return set_member(item, "params", _messages(item[params.value_start : params.end]))


def _reasoning(item: bytes) -> bytes | None:
    read = _signed.decode(item)
    if read.type != "reasoning" or not isinstance(read.encrypted_content, str):
        return item
    return None if read.encrypted_content.startswith(_CARRIED_BY_RESPONSES) else item


def _part(part: bytes) -> bytes | None:
    read = _signed.decode(part)
    signature = read.thoughtSignature or read.thought_signature
    if not isinstance(signature, str) or not signature.startswith(_CARRIED_BY_GEMINI):
        return part
    if read.thought:
        return None
    return remove_member(remove_member(part, "thoughtSignature"), "thought_signature")


def _call(call: bytes) -> bytes:
    return remove_member(call, "extra_content")


_EDITS: dict[str, Callable[[bytes], bytes]] = {
    _ANTHROPIC: _messages,
    "messages.count_tokens": _messages,
    "messages.batches": lambda body: _edited(body, "requests", _request),
    "openai.responses": lambda body: _edited(body, "input", _reasoning),
    "openai.chat": lambda body: _edited(
        body, "messages", lambda turn: _edited(turn, "tool_calls", _call)
    ),
    "gemini.generate": lambda body: _edited(
        body, "contents", lambda turn: _edited(turn, "parts", _part)
    ),
}
