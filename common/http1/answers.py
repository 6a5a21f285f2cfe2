"""Answers of others, read strictly. Reason phrases are thrown away, answers of 1xx skipped."""

import re
from collections.abc import Callable
from functools import lru_cache

from common.http1.framing import (
    HEAD_BYTES_MAX,
    HEAD_END,
    HEADERS_MAX,
    NAME_BYTES_MAX,
    Chunks,
    Malformed,
    body_length,
    line_ends,
    lives_on,
)

_STATUS_LINE = re.compile(r"HTTP/1\.([01]) ([0-9]{3})(?: .*)?")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FRAMING = frozenset(("connection", "content-length", "transfer-encoding"))


class AnswerReader:
    """Reads one answer from bytes in whatever pieces they come."""

    __slots__ = (
        "_chunks",
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

    # Where the body is in chunks.
    _chunks: Chunks

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
            end = data.find(HEAD_END)
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
        if line_ends(head) != len(lines):
            raise Malformed("a control character in a head")
        if len(lines) > HEADERS_MAX:
            raise Malformed("too many headers")
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
        self.reusable = lives_on(framing.get("connection"), modern=version == 1)
        encodings, lengths = framing.get("transfer-encoding"), framing.get("content-length")
        if self.status in (204, 304):
            self._step = AnswerReader._nothing
        elif encodings is not None:
            if [encoding.lower() for encoding in encodings] != ["chunked"]:
                raise Malformed("an unknown transfer encoding")
            # Both at once, or in HTTP/1.0, is how one answer is made to look like two.
            self.reusable = self.reusable and lengths is None and version == 1
            self._chunks = Chunks()
            self._step = AnswerReader._chunked
        elif lengths is not None:
            self._left = body_length(lengths)
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

    def _chunked(self, data: bytes) -> bytes:
        body = self._chunks.feed(data)
        if self._chunks.ended:
            self._step = AnswerReader._nothing
            self._nothing(self._chunks.over)
        return body


@lru_cache(maxsize=64)
def _status(line: str) -> tuple[int, int]:
    found = _STATUS_LINE.fullmatch(line)
    if found is None or found[2] < "100":
        raise Malformed("no status line")
    return int(found[1]), int(found[2])


@lru_cache(maxsize=512)
def _lower_name(name: str) -> str:
    if len(name) > NAME_BYTES_MAX or _NAME.fullmatch(name) is None:
        raise Malformed("no name of a header")
    return name.lower()
