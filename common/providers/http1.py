"""HTTP/1.1 towards providers: a request's head as bytes, and an answer out of bytes. No I/O.

Strict (RFC 9112): what is not exactly framed is malformed, because bytes that are read as another
answer's would reach another caller. Only what the RFC leaves to the client is read kindly: reason
phrases, chunk extensions and trailers are thrown away, answers of 1xx are skipped.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

HEAD_BYTES_MAX = 64 * 1024
CHUNK_LINE_BYTES_MAX = 4 * 1024

_URL = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[^/?#@:\[\]]+)(?::([0-9]{1,5}))?([/?][^#]*)?")
_NOT_IN_TARGETS = re.compile(r"[^\x21-\x7e]")
_PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F))
_STATUS_LINE = re.compile(r"HTTP/1\.([01]) ([0-9]{3})(?: .*)?")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")
# All that may stand in a head but the ends of its lines.
_IN_LINES = bytes(code for code in range(256) if (code >= 0x20 and code != 0x7F) or code == 0x09)
_FRAMING = frozenset(("connection", "content-length", "transfer-encoding"))
_LINE_END = b"\r\n"


class Malformed(Exception):
    """No HTTP/1.1 answer, or one that ended before its end."""


class Address(NamedTuple):
    """Where a URL leads: the connection's far end, and what the request says of itself."""

    host: str
    port: int
    tls: bool
    host_header: str
    target: str


@lru_cache(maxsize=512)
def address_of(url: str) -> Address:
    """The parts of an http or https URL. Raises `ValueError` for anything else."""
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError("no http or https address")
    scheme, host, port, target = found.groups()
    target = target or "/"
    if target[0] == "?":
        target = "/" + target
    if _NOT_IN_TARGETS.search(target):
        from urllib.parse import quote

        target = quote(target, safe=_PRINTABLE)
    if not host.isascii():
        host = host.encode("idna").decode()
    tls = scheme == "https"
    default = 443 if tls else 80
    number = int(port) if port else default
    if _NOT_IN_TARGETS.search(host) or number > 65_535:
        raise ValueError("no host, or no port")
    named = host.lower() if number == default else f"{host.lower()}:{number}"
    return Address(host.strip("[]"), number, tls, named, target)


def request_head(
    method: str, address: Address, headers: list[tuple[str, str]], framing: str
) -> bytes:
    """A request's head; `framing` is the line that says how long its body is, or nothing.

    Raises `ValueError` when a header would not be one line; the text names none, as it may hold a
    credential.
    """
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    text = (
        f"{method} {address.target} HTTP/1.1\r\nhost: {address.host_header}\r\n"
        f"{''.join(lines)}{framing}\r\n"
    )
    try:
        head = text.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError("a header has letters that no header may have") from None
    if head.translate(None, _IN_LINES) != _LINE_END * (len(lines) + (4 if framing else 3)):
        raise ValueError("a header holds a control character")
    return head


class AnswerReader:
    """Reads one answer from bytes in whatever pieces they come."""

    __slots__ = (
        "_between",
        "_left",
        "_rest",
        "_step",
        "_until_close",
        "ended",
        "has_head",
        "headers",
        "reusable",
        "status",
    )

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.has_head = False
        # The whole answer is here; and the connection can carry another one after it.
        self.ended = False
        self.reusable = True
        # A plain function: a bound method would be a cycle, left to the collector of garbage.
        self._step: Callable[[AnswerReader, bytes], bytes] = AnswerReader._head
        self._rest = b""
        self._left = 0
        self._between = False
        self._until_close = False

    @property
    def is_untouched(self) -> bool:
        """Whether nothing of the answer came."""
        return self.status == 0 and not self._rest

    def feed(self, data: bytes) -> bytes:
        """What these bytes hold of the body. Raises `Malformed`."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        return self._step(self, data)

    def end(self) -> None:
        """The connection ended. Raises `Malformed` unless the answer is whole by that."""
        if self._until_close:
            self.ended = True
        elif not self.ended:
            raise Malformed("the answer ended before its end")

    def _head(self, data: bytes) -> bytes:
        while True:
            end = data.find(b"\r\n\r\n")
            if end < 0 or end > HEAD_BYTES_MAX:
                if len(data) > HEAD_BYTES_MAX or not b"HTTP/1.".startswith(data[:7]):
                    raise Malformed("no head of an answer")
                self._rest = data
                return b""
            self._read_head(data[:end])
            data = data[end + 4 :]
            if self.status >= 200:
                self.has_head = True
                return self._step(self, data)

    def _read_head(self, head: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        if head.translate(None, _IN_LINES) != _LINE_END * len(lines):
            raise Malformed("a control character in a head")
        version, self.status = _status(first)
        framing: dict[str, list[str]] = {}
        self.headers = headers = []
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon:
                raise Malformed("a header without a colon")
            name, value = _lower_name(name), value.strip(" \t")
            headers.append((name, value))
            if name in _FRAMING:
                framing.setdefault(name, []).append(value)
        if self.status >= 200:
            self._frame(framing, version)
        elif self.status == 101:
            raise Malformed("an upgrade that nobody asked for")

    def _frame(self, framing: dict[str, list[str]], version: int) -> None:
        """How long the body is (RFC 9112, 6.3), and whether the connection lives on (9.3)."""
        options = ",".join(framing.get("connection", ())).lower().replace(" ", "").split(",")
        self.reusable = "close" not in options and (version == 1 or "keep-alive" in options)
        encodings, lengths = framing.get("transfer-encoding"), framing.get("content-length")
        if self.status in (204, 304):
            self._step = AnswerReader._nothing
        elif encodings is not None:
            if [encoding.lower() for encoding in encodings] != ["chunked"]:
                raise Malformed("an unknown transfer encoding")
            # Both at once, or in HTTP/1.0, is how one answer is made to look like two.
            self.reusable = self.reusable and lengths is None and version == 1
            self._step = AnswerReader._chunks
        elif lengths is not None:
            self._left = _length(lengths)
            self._step = AnswerReader._measured if self._left else AnswerReader._nothing
        else:
            self.reusable = False
            self._until_close = True
            self._step = AnswerReader._unchanged

    def _nothing(self, data: bytes) -> bytes:
        self.ended = True
        if data:
            self.reusable = False
        return b""

    def _unchanged(self, data: bytes) -> bytes:
        return data

    def _measured(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left > 0:
            return data
        self._step = AnswerReader._nothing
        over, self._left = -self._left, 0
        self._nothing(data[len(data) - over :])
        return data[: len(data) - over] if over else data

    def _chunks(self, data: bytes) -> bytes:
        pieces: list[bytes] = []
        position, size = self._go_on(data, pieces), len(data)
        while not self._left and not self._between:
            end = data.find(_LINE_END, position, position + CHUNK_LINE_BYTES_MAX)
            if end < 0:
                if size - position >= CHUNK_LINE_BYTES_MAX:
                    raise Malformed("no size of a chunk")
                break
            length = _chunk_size(data[position:end])
            start = end + 2
            if not length:
                self._step = AnswerReader._trailers
                self._trailers(data[start:])
                return b"".join(pieces)
            position = start + length
            if position + 2 <= size:  # all of it is here, as nearly always
                if data[position : position + 2] != _LINE_END:
                    raise Malformed("a chunk longer than it says")
                pieces.append(data[start:position])
                position += 2
            else:
                self._left = length
                position = start + self._go_on(data[start:], pieces)
        self._rest = data[position:]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _go_on(self, data: bytes, pieces: list[bytes]) -> int:
        """Read on in a chunk whose end was not here; returns how far that went."""
        position = min(self._left, len(data))
        if position:
            pieces.append(data[:position])
            self._left -= position
            self._between = not self._left
        if self._between and position + 2 <= len(data):
            if data[position : position + 2] != _LINE_END:
                raise Malformed("a chunk longer than it says")
            self._between = False
            position += 2
        return position

    def _trailers(self, data: bytes) -> bytes:
        if data.startswith(_LINE_END):
            self._step = AnswerReader._nothing
            return self._nothing(data[2:])
        end = data.find(b"\r\n\r\n")
        if end < 0:
            if len(data) > HEAD_BYTES_MAX:
                raise Malformed("trailers without an end")
            self._rest = data
            return b""
        self._step = AnswerReader._nothing
        return self._nothing(data[end + 4 :])


@lru_cache(maxsize=64)
def _status(line: str) -> tuple[int, int]:
    found = _STATUS_LINE.fullmatch(line)
    if found is None or found[2] < "100":
        raise Malformed("no status line")
    return int(found[1]), int(found[2])


@lru_cache(maxsize=512)
def _lower_name(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise Malformed("no name of a header")
    return name.lower()


def _length(values: list[str]) -> int:
    first, *others = {part.strip(" \t") for value in values for part in value.split(",")}
    if others or not (first.isascii() and first.isdecimal()) or len(first) > 15:
        raise Malformed("no length")
    return int(first)


# The chunks of one stream are of few sizes.
@lru_cache(maxsize=1024)
def _chunk_size(line: bytes) -> int:
    found = _CHUNK_LINE.fullmatch(line)
    if found is None:
        raise Malformed("no size of a chunk")
    return int(found[1], 16)
