"""Members of a JSON object, found and changed as spans of the original bytes.

Nothing else is touched: white space, the order of members, numbers as they were written, escapes.
A re-serialised body would break what providers sign (Anthropic's thinking blocks) and lose
precision. All functions take valid JSON whose top level is an object.
"""

import re
from typing import NamedTuple

from common.dialects.bodies import loads

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]', re.DOTALL)
_SPACE = b" \t\r\n"


class Member(NamedTuple):
    """Where a top-level member stands: from its name's quote to its value's end."""

    start: int
    value_start: int
    end: int


def find_member(body: bytes, name: str) -> Member | None:
    """The last top-level member of that name (the one that JSON readers use), or None."""
    quoted = b'"' + name.encode() + b'"'
    found: Member | None = None
    depth = 0
    key: tuple[bytes, int] | None = None
    value_start = -1
    previous: tuple[bytes, int] = (b"", 0)
    for match in _TOKEN.finditer(body):
        token = match.group()
        if token in (b"{", b"["):
            depth += 1
        elif depth == 1 and token == b":":
            key, value_start = previous, match.end()
        elif depth == 1 and token in (b",", b"}"):
            if key is not None and _is_name(key[0], quoted):
                end = _trimmed_end(body, value_start, match.start())
                found = Member(key[1], _skip_space(body, value_start), end)
            key = None
            depth -= token == b"}"
        elif token in (b"}", b"]"):
            depth -= 1
        previous = (token, match.start())
    return found


def set_member(body: bytes, name: str, value: bytes) -> bytes:
    """The body with that member's value replaced, or with the member added at the front."""
    member = find_member(body, name)
    if member is not None:
        return body[: member.value_start] + value + body[member.end :]
    brace = body.index(b"{") + 1
    separator = b"" if body[_skip_space(body, brace) :][:1] == b"}" else b","
    return body[:brace] + b'"' + name.encode() + b'":' + value + separator + body[brace:]


def remove_member(body: bytes, name: str) -> bytes:
    """The body without that member and without the comma that belonged to it."""
    member = find_member(body, name)
    if member is None:
        return body
    after = _skip_space(body, member.end)
    if body[after : after + 1] == b",":
        return body[: member.start] + body[_skip_space(body, after + 1) :]
    before = _trimmed_end(body, 0, member.start)
    if body[before - 1 : before] == b",":
        before -= 1
    return body[:before] + body[member.end :]


def _is_name(token: bytes, quoted: bytes) -> bool:
    r"""Whether a name is that one, escaped or not: `"mod\u0065l"` is `"model"` to all readers."""
    return token == quoted or (b"\\" in token and loads(token) == loads(quoted))


def _skip_space(body: bytes, position: int) -> int:
    while body[position : position + 1] in (b" ", b"\t", b"\r", b"\n"):
        position += 1
    return position


def _trimmed_end(body: bytes, start: int, end: int) -> int:
    while end > start and body[end - 1] in _SPACE:
        end -= 1
    return end
