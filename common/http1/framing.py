"""What requests and answers of HTTP/1.1 share: lines, lengths and chunks (RFC 9112). No I/O.

Strict: what is not exactly framed is malformed, because bytes that are read as another message's
would reach another caller. Only what the RFC leaves to the reader is read kindly: chunk extensions
and trailers are thrown away.
"""

import re
from functools import lru_cache

HEAD_BYTES_MAX = 64 * 1024
CHUNK_LINE_BYTES_MAX = 4 * 1024
HEADERS_MAX = 256
NAME_BYTES_MAX = 256
# Longer lines are not kept for the next time: others choose them, and caches hold them for good.
KEPT_BYTES_MAX = 512
LINE_END = b"\r\n"
HEAD_END = b"\r\n\r\n"

_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")
_LENGTH = re.compile(r"[0-9]{1,15}", re.ASCII)
# All that may stand in a head but the ends of its lines.
_IN_LINES = bytes(code for code in range(256) if (code >= 0x20 and code != 0x7F) or code == 0x09)


class Malformed(Exception):
    """No HTTP/1.1 message, or one that ended before its end."""


def line_ends(head: bytes) -> int | None:
    """How many lines end in a head; None when it holds a control character."""
    left = head.translate(None, _IN_LINES)
    count = len(left) // 2
    return count if left == LINE_END * count else None


def body_length(values: list[str]) -> int:
    """The length that `content-length` gives, once or often. Raises `Malformed`."""
    if len(values) == 1 and _LENGTH.fullmatch(values[0]) is not None:  # as nearly always
        return int(values[0])
    first, *others = {part.strip(" \t") for value in values for part in value.split(",")}
    if others or _LENGTH.fullmatch(first) is None:
        raise Malformed("no length")
    return int(first)


def lives_on(connection: list[str] | None, *, modern: bool) -> bool:
    """Whether a connection carries another message (RFC 9112, 9.3), by its `connection` headers.

    `modern` is HTTP/1.1.
    """
    if connection is None:
        return modern
    options = ",".join(connection).lower().replace(" ", "").split(",")
    return "close" not in options and (modern or "keep-alive" in options)


class Chunks:
    """Takes a chunked body apart."""

    __slots__ = ("_between", "_in_trailers", "_left", "_rest", "ended", "over")

    def __init__(self) -> None:
        # The body is whole; what came after it.
        self.ended = False
        self.over = b""
        self._rest = b""
        self._left = 0
        self._between = False
        self._in_trailers = False

    def feed(self, data: bytes) -> bytes:
        """What these bytes hold of the body. Raises `Malformed`."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        if self._in_trailers:
            self._trailers(data)
            return b""
        pieces: list[bytes] = []
        position, size = 0, len(data)
        if self._left or self._between:
            position = self._go_on(data, pieces)
        while not self._left and not self._between:
            end = data.find(LINE_END, position, position + CHUNK_LINE_BYTES_MAX)
            if end < 0:
                if size - position >= CHUNK_LINE_BYTES_MAX:
                    raise Malformed("no size of a chunk")
                break
            length = _chunk_size(data[position:end])
            start = end + 2
            if not length:
                self._trailers(data[start:])
                return b"".join(pieces)
            position = start + length
            if position + 2 <= size:  # all of it is here, as nearly always
                if data[position : position + 2] != LINE_END:
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
            if data[position : position + 2] != LINE_END:
                raise Malformed("a chunk longer than it says")
            self._between = False
            position += 2
        return position

    def _trailers(self, data: bytes) -> None:
        if data.startswith(LINE_END):
            self.ended, self.over = True, data[2:]
            return
        end = data.find(HEAD_END)
        if end >= 0:
            if line_ends(data[: end + 4]) is None:
                raise Malformed("a control character in the trailers")
            self.ended, self.over = True, data[end + 4 :]
            return
        if len(data) > HEAD_BYTES_MAX:
            raise Malformed("trailers without an end")
        self._in_trailers, self._rest = True, data


# The chunks of one stream are of few sizes.
@lru_cache(maxsize=1024)
def _chunk_size(line: bytes) -> int:
    found = _CHUNK_LINE.fullmatch(line)
    if found is None:
        raise Malformed("no size of a chunk")
    return int(found[1], 16)
