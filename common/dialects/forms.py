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
PARTS_MAX = 200
_HEAD_BYTES_MAX = 8192
VALUE_BYTES_MAX = 4096
PROMPT_BYTES_MAX = 1024 * 1024
_LINE_ENDS = re.compile(rb"[\r\n]*")
_NO_PART = "The body has no part of the form that its Content-Type announces"
_MALFORMED = "The form is cut off or malformed"
_STRAY = "The form's boundary stands within a field, or text after its end"


class TooManyParts(BadRequest):
    """More than `PARTS_MAX` fields."""


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


class FormScanner:
    """Finds the fields of a form as it arrives, and keeps no more of it than one field's head.

    `parts` have their places in the whole body; the last one's `end` is -1 until it is there.
    """

    def __init__(self, content_type: str) -> None:
        """Raises `BadRequest` for a content type that names no boundary."""
        self.delimiter = b"--" + _boundary(content_type)
        self.start = 0
        self.parts: list[Part] = []
        self._line = b"\n" + self.delimiter
        self._rest = b""
        self._rest_from = 0  # where in the body that begins
        self._at = 0  # how far in it everything is read
        self._step = self._read_preamble
        self._ended = False

    def feed(self, chunk: bytes) -> None:
        """Read on. Raises `BadRequest` for what cannot become a clear form."""
        self._rest = self._rest + chunk if self._rest else chunk
        while self._step():
            pass
        # A delimiter's own line end stands before it.
        done = max(0, self._at - 2)
        self._rest = self._rest[done:]
        self._rest_from += done
        self._at -= done

    def end(self) -> None:
        """Nothing more comes. Raises `BadRequest` unless the form is complete."""
        if self._step == self._read_preamble:
            raise BadRequest(_NO_PART)
        if not self._ended:
            raise BadRequest(_MALFORMED)

    def _read_preamble(self) -> bool:
        found = _LINE_ENDS.match(self._rest)
        at = found.end() if found is not None else 0
        begun = self._rest[at : at + len(self.delimiter)]
        if not self.delimiter.startswith(begun) or at > _HEAD_BYTES_MAX:
            raise BadRequest(_NO_PART)
        if len(begun) < len(self.delimiter):
            return False
        if at and self._rest[at - 1 : at] != b"\n":
            raise BadRequest(_STRAY)
        self.start = at
        self._at = at + len(begun)
        self._step = self._read_after_delimiter
        return True

    def _read_after_delimiter(self) -> bool:
        after = self._rest[self._at : self._at + 2]
        if len(after) < 2:
            return False
        if after == b"--":
            self._at += 2
            self._ended = True
            self._step = self._read_epilogue
            return True
        if len(self.parts) >= PARTS_MAX:
            raise TooManyParts(f"The form has more than {PARTS_MAX} fields")
        if after != b"\r\n":
            raise BadRequest(_MALFORMED)
        self._step = self._read_head
        return True

    def _read_head(self) -> bool:
        end = self._rest.find(b"\r\n\r\n", self._at, self._at + _HEAD_BYTES_MAX)
        if end < 0:
            if len(self._rest) - self._at >= _HEAD_BYTES_MAX:
                raise BadRequest(_MALFORMED)
            return False
        if self._rest.find(self._line, self._at, end) >= 0:
            raise BadRequest(_STRAY)
        part = _part(self._rest[self._at + 2 : end], self._rest_from + end + 4)
        self.parts.append(part)
        self._at = end + 4
        self._step = self._read_value
        return True

    def _read_value(self) -> bool:
        found = self._rest.find(self._line, self._at - 1)
        if found < 0:
            self._at = max(self._at, len(self._rest) - len(self.delimiter))
            return False
        part = self.parts[-1]
        end = self._rest_from + found - 1
        if end < part.start or self._rest[found - 1 : found] != b"\r":
            raise BadRequest(_STRAY)
        self.parts[-1] = part._replace(end=end)
        self._at = found + len(self._line)
        self._step = self._read_after_delimiter
        return True

    def _read_epilogue(self) -> bool:
        if self._rest[self._at :].strip(b"\r\n"):
            raise BadRequest(_STRAY)
        self._at = len(self._rest)
        return False


def read_form(body: bytes, content_type: str) -> Form:
    """All fields. Raises `BadRequest` for what is no complete form."""
    scanner = FormScanner(content_type)
    scanner.feed(body)
    scanner.end()
    return Form(body, scanner.delimiter, scanner.start, scanner.parts)


def field(form: Form, name: str) -> str | None:
    """A field's text. Raises `BadRequest` when it is no short text, or there are two."""
    check_texts(form.parts, (name,))
    for part in form.parts:
        if part.name == name:
            return text_of(name, form.body[part.start : part.end])
    return None


def check_texts(parts: list[Part], names: tuple[str, ...], size: int = 0) -> None:
    """Raises `BadRequest` for one of these fields that is given twice, a file, or too long.

    `size` is how much of the body is here, for the last field while its end is not.
    """
    seen = set()
    for part in parts:
        name = part.name
        if name not in names:
            continue
        if name in seen:
            raise BadRequest(f"'{name}' is given more than once", name)
        seen.add(name)
        if part.is_file:
            raise BadRequest(f"Invalid type for '{name}': expected a text, got a file", name)
        most = PROMPT_BYTES_MAX if name == "prompt" else VALUE_BYTES_MAX
        if (size if part.end < 0 else part.end) - part.start > most:
            raise BadRequest(f"'{name}' is longer than {most} bytes", name)


def text_of(name: str, value: bytes) -> str:
    """A field's value as a text. Raises `BadRequest`."""
    try:
        return value.decode()
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


def _part(head: bytes, start: int) -> Part:
    lines = head.split(b"\r\n")
    named = [line for line in lines if line.lower().startswith(b"content-disposition")]
    match = _DISPOSITION.fullmatch(named[0]) if len(named) == 1 else None
    if match is not None and not any(_is_odd(line) for line in lines):
        given = {key.lower(): value for key, value in _PARAMETERS.findall(match[1])}
        name = given.get(b"name", b"\\").strip(b'"')
        once = len(given) == len(_PARAMETERS.findall(match[1]))
        if once and b"\\" not in name and b"name*" not in given:
            is_file = b"filename" in given or b"filename*" in given
            return Part(name.decode("utf-8", "replace"), is_file, start, -1)
    raise BadRequest("A part of the form has no clear name (Content-Disposition)")


def _is_odd(line: bytes) -> bool:
    """Whether some readers take it for more, or less, than one header."""
    return line.startswith((b" ", b"\t")) or b"\r" in line or b"\n" in line
