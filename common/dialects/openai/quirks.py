"""A chat's body for servers that speak OpenAI's protocol, but not all of it. Pure.

Spans of the original bytes are changed, as everywhere; what has no such span stays as it is.
"""

from collections.abc import Collection

import msgspec

from common.dialects.spans import find_member, remove_member, set_member
from common.domain.accounts import Quirk

_NEWER_CAP = "max_completion_tokens"
_DEVELOPER = b'"developer"'


class _Turn(msgspec.Struct):
    role: str = ""


class _Messages(msgspec.Struct):
    messages: list[msgspec.Raw]


_messages_decoder = msgspec.json.Decoder(_Messages)
_turn_decoder = msgspec.json.Decoder(_Turn)


def fit(body: bytes, quirks: Collection[Quirk]) -> bytes:
    """The body of a request that was read before, as a server with these quirks takes it."""
    if "max_tokens" in quirks:
        body = _with_older_cap(body)
    if "no_stream_options" in quirks:
        body = remove_member(body, "stream_options")
    if "no_developer_role" in quirks and _DEVELOPER in body:
        body = _without_developers(body)
    return body


def _with_older_cap(body: bytes) -> bytes:
    """`max_completion_tokens` by its older name, in place of one that was there as well."""
    member = find_member(body, _NEWER_CAP)
    if member is None:
        return body
    cap = body[member.value_start : member.end]
    return set_member(remove_member(body, _NEWER_CAP), "max_tokens", cap)


def _without_developers(body: bytes) -> bytes:
    """Messages of a developer as the system's, which is what they replaced."""
    messages = [bytes(raw) for raw in _messages_decoder.decode(body).messages]
    changed = [
        set_member(raw, "role", b'"system"')
        if _turn_decoder.decode(raw).role == "developer"
        else raw
        for raw in messages
    ]
    if changed == messages:
        return body
    return set_member(body, "messages", b"[" + b",".join(changed) + b"]")
