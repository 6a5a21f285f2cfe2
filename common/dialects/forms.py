"""Forms with files (RFC 7578): finding and changing small fields as spans of the original bytes.

What two readers could read differently is refused, or a provider might see another model than
the one that was checked and priced: names given twice or in escapes, folded headers, boundaries
that also stand within a field, text around the form.
"""

import re
from typing import NamedTuple

from common.dialects.base import BadRequest

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^;,\s"]+))', re.IGNORECASE)
_PARAMETER = rb';[ \t]*([\w*-]+)=("(?:[^"\\]|\\.)*"|[^\s";]+)[ \t]*'
_DISPOSITION = re.compile(
    rb"content-disposition:[ \t]*form-data[ \t]*((?:" + _PARAMETER + rb")*)", re.IGNORECASE
)
_PARAMETERS = re.compile(_PARAMETER)
_BOUNDARY_CHARACTERS_MAX = 70
_PARTS_MAX = 200
_HEAD_BYTES_MAX = 8192
VALUE_BYTES_MAX = 4096


class Part(NamedTuple):
    """One field: where its value stands."""

    name: str
    is_file: bool
    start: int
    end: int


class Form(NamedTuple):
    """A body with its fields in order; `start` is where its first delimiter stands."""

    body: bytes
    delimiter: bytes
    start: int
    parts: list[Part]


def read_form(body: bytes, content_type: str) -> Form:
    """All fields. Raises `BadRequest` for what is no complete form."""
    delimiter = b"--" + _boundary(content_type)
    start = at = body.find(delimiter)
    if at < 0 or body[:at].strip(b"\r\n"):
        raise BadRequest("The body has no part of the form that its Content-Type announces")
    parts: list[Part] = []
    while True:
        at += len(delimiter)
        if body.startswith(b"--", at):
            break
        if len(parts) >= _PARTS_MAX:
            raise BadRequest(f"The form has more than {_PARTS_MAX} fields")
        head_end = body.find(b"\r\n\r\n", at, at + _HEAD_BYTES_MAX)
        end = body.find(b"\r\n" + delimiter, max(head_end, at))
        if head_end < 0 or end < head_end + 4 or not body.startswith(b"\r\n", at):
            raise BadRequest("The form is cut off or malformed")
        parts.append(_part(body[at + 2 : head_end], head_end + 4, end))
        at = end + 2
    lines = body.count(b"\n" + delimiter) + (not start)
    if lines != len(parts) + 1 or body[at + 2 :].strip(b"\r\n"):
        raise BadRequest("The form's boundary stands within a field, or text after its end")
    return Form(body, delimiter, start, parts)


def field(form: Form, name: str) -> str | None:
    """A field's text. Raises `BadRequest` when it is no short text, or there are two."""
    found = [part for part in form.parts if part.name == name]
    if not found:
        return None
    (part, *more) = found
    if more:
        raise BadRequest(f"'{name}' is given more than once", name)
    if part.is_file:
        raise BadRequest(f"Invalid type for '{name}': expected a text, got a file", name)
    if part.end - part.start > VALUE_BYTES_MAX and name != "prompt":
        raise BadRequest(f"'{name}' is longer than {VALUE_BYTES_MAX} bytes", name)
    try:
        return form.body[part.start : part.end].decode()
    except UnicodeDecodeError:
        raise BadRequest(f"'{name}' is not valid UTF-8", name) from None


def set_field(form: Form, name: str, value: bytes) -> bytes:
    """The body with that field's value replaced, or with the field added at the front."""
    body = form.body
    for part in form.parts:
        if part.name == name:
            return body[: part.start] + value + body[part.end :]
    disposition = b'Content-Disposition: form-data; name="' + name.encode() + b'"'
    added = b"\r\n".join([form.delimiter, disposition, b"", value, b""])
    return body[: form.start] + added + body[form.start :]


def _boundary(content_type: str) -> bytes:
    found = _BOUNDARY.findall(content_type)
    boundary: str = found[0][0] or found[0][1] if len(found) == 1 else ""
    if not 0 < len(boundary) <= _BOUNDARY_CHARACTERS_MAX:
        raise BadRequest("The form's Content-Type names no boundary, or several", "content-type")
    return boundary.encode("latin-1")


def _part(head: bytes, start: int, end: int) -> Part:
    lines = head.split(b"\r\n")
    named = [line for line in lines if line.lower().startswith(b"content-disposition")]
    match = _DISPOSITION.fullmatch(named[0]) if len(named) == 1 else None
    if match is not None and not any(_is_odd(line) for line in lines):
        given = {key.lower(): value for key, value in _PARAMETERS.findall(match[1])}
        name = given.get(b"name", b"\\").strip(b'"')
        once = len(given) == len(_PARAMETERS.findall(match[1]))
        if once and b"\\" not in name and b"name*" not in given:
            is_file = b"filename" in given or b"filename*" in given
            return Part(name.decode("utf-8", "replace"), is_file, start, end)
    raise BadRequest("A part of the form has no clear name (Content-Disposition)")


def _is_odd(line: bytes) -> bool:
    """Whether some readers take it for more, or less, than one header."""
    return line.startswith((b" ", b"\t")) or b"\r" in line or b"\n" in line
