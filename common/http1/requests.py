"""Requests of callers, read strictly: what another reader could take for two is refused."""

import re
from functools import lru_cache
from typing import NamedTuple

from common.http1.framing import (
    HEAD_BYTES_MAX,
    HEAD_END,
    HEADERS_MAX,
    KEPT_BYTES_MAX,
    NAME_BYTES_MAX,
    Chunks,
    Malformed,
    body_length,
    line_ends,
    lives_on,
)

_METHOD = re.compile(rb"[A-Z][A-Z-]{0,31}")
_TARGET = re.compile(rb"(?:https?://[\x21\x24-\x2e\x30-\x3e\x40-\x7e]+)?(/[\x21-\x7e]*|\*)")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FRAMING = frozenset((b"connection", b"content-length", b"expect", b"host", b"transfer-encoding"))


class Head(NamedTuple):
    """A request's head; names in lower case, in the order in which they came."""

    method: str
    # As it came, without scheme and host.
    path: bytes
    query: bytes
    version: str
    headers: list[tuple[bytes, bytes]]
    # The connection may carry another request after this one.
    keep_alive: bool
    # The caller sends no body before it was told to.
    expects_continue: bool


class RequestReader:
    """Reads requests that come one after another, each when the one before is over."""

    __slots__ = ("_chunks", "_left", "_rest", "complete", "head")

    def __init__(self) -> None:
        self.head: Head | None = None
        # All of the request is here.
        self.complete = False
        self._rest = b""
        self._left = 0
        self._chunks: Chunks | None = None

    @property
    def has_begun(self) -> bool:
        """Whether a part of a request is here."""
        return self.head is not None or bool(self._rest)

    @property
    def has_more(self) -> bool:
        """Whether something came after the end of this request."""
        return self.complete and bool(self._rest)

    def feed(self, data: bytes) -> bytes:
        """What these bytes hold of the request's body. Raises `Malformed`."""
        if self.complete:
            self._rest += data
            return b""
        if self.head is not None:
            return self._body(data)
        if self._rest:
            data, self._rest = self._rest + data, b""
        data = data.removeprefix(b"\r\n") if data.startswith(b"\r\n") else data
        end = data.find(HEAD_END, 0, HEAD_BYTES_MAX)
        if end < 0:
            if len(data) >= HEAD_BYTES_MAX:
                raise Malformed("the head is too large")
            self._rest = data
            return b""
        self.head = self._read_head(data[:end])
        return self._body(data[end + 4 :])

    def next(self) -> None:
        """The request is over; what came after it is read by the next `feed`."""
        self.head = None
        self.complete = False
        self._chunks = None

    def _body(self, data: bytes) -> bytes:
        if self._chunks is not None:
            body = self._chunks.feed(data)
            if self._chunks.ended:
                self.complete, self._rest = True, self._chunks.over
            return body
        left = self._left - len(data)
        if left > 0:
            self._left = left
            return data
        self.complete, self._left = True, 0
        if left < 0:
            data, self._rest = data[:left], data[left:]
        return data

    def _read_head(self, head: bytes) -> Head:
        first, *lines = head.split(b"\r\n")
        if line_ends(head) != len(lines):
            raise Malformed("a control character in the head")
        if len(lines) > HEADERS_MAX:
            raise Malformed("too many headers")
        kept = len(first) <= KEPT_BYTES_MAX
        method, path, query, version = (_kept_line if kept else _request_line)(first)
        framing: dict[bytes, list[str]] = {}
        headers = []
        for line in lines:
            name, colon, value = line.partition(b":")
            if not colon:
                raise Malformed("a header without a colon")
            name, value = _lower_name(name), value.strip(b" \t")
            headers.append((name, value))
            if name in _FRAMING:
                framing.setdefault(name, []).append(value.decode("latin-1"))
        if version == "1.1" and len(framing.get(b"host", ())) != 1:
            raise Malformed("not one host")
        self._frame(framing, version)
        expect = framing.get(b"expect")
        return Head(
            method,
            path,
            query,
            version,
            headers,
            lives_on(framing.get(b"connection"), modern=version == "1.1"),
            expect is not None and expect[0].lower() == "100-continue" and version == "1.1",
        )

    def _frame(self, framing: dict[bytes, list[str]], version: str) -> None:
        """How long the body is (RFC 9112, 6.3)."""
        encodings, lengths = framing.get(b"transfer-encoding"), framing.get(b"content-length")
        self._left = 0
        if encodings is not None:
            if lengths is not None or version != "1.1":
                raise Malformed("two framings at once")
            if [encoding.lower() for encoding in encodings] != ["chunked"]:
                raise Malformed("an unknown transfer encoding")
            self._chunks = Chunks()
        elif lengths is not None:
            self._left = body_length(lengths)


def _request_line(line: bytes) -> tuple[str, bytes, bytes, str]:
    parts = line.split(b" ")
    if len(parts) != 3 or parts[2] not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise Malformed("no request line")
    target = _TARGET.fullmatch(parts[1])
    if target is None or _METHOD.fullmatch(parts[0]) is None:
        raise Malformed("no request line")
    path, _, query = target[1].partition(b"?")
    return parts[0].decode(), path, query, parts[2][5:].decode()


_kept_line = lru_cache(maxsize=256)(_request_line)


@lru_cache(maxsize=1024)
def _lower_name(name: bytes) -> bytes:
    if len(name) > NAME_BYTES_MAX or _NAME.fullmatch(name) is None:
        raise Malformed("no name of a header")
    return name.lower()
