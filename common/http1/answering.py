"""Answers to callers as bytes: the head with how the body is framed, then the body."""

import time
from collections.abc import Iterable
from functools import lru_cache

from common.http1.framing import line_ends

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Whose answers end with their heads (RFC 9112, 6.3).
_BODILESS = frozenset((204, 304))


class AnswerWriter:
    """Writes one answer. `keep_alive`: the connection may carry another one after it."""

    __slots__ = (
        "_bodiless",
        "_chunked",
        "_head",
        "_left",
        "_modern",
        "ended",
        "keep_alive",
        "started",
    )

    def __init__(self, method: str, version: str, *, keep_alive: bool) -> None:
        self.started = False
        self.ended = False
        self.keep_alive = keep_alive
        self._modern = version == "1.1"
        self._bodiless = method == "HEAD"
        self._chunked = False
        self._head = b""
        self._left: int | None = None

    @property
    def shows_its_end(self) -> bool:
        """Whether the caller can tell an answer that is broken off from one that is whole."""
        return self._chunked or self._left is not None

    @property
    def is_unsent(self) -> bool:
        """Whether nothing of it was given out."""
        return not self.started or bool(self._head)

    def start(self, status: int, headers: Iterable[tuple[bytes, bytes]], now_s: int) -> None:
        """The head, which is sent with the first part. Raises `RuntimeError` when it has begun.

        `ValueError` for headers that are none.
        """
        if self.started:
            raise RuntimeError("the answer has begun already")
        lines, length = [_status_line(status, now_s)], None
        for name, value in headers:
            lines.append(b"%b: %b\r\n" % (name, value))
            if name == b"content-length":
                length = int(value)
        head = b"".join(lines)
        if line_ends(head) != len(lines) + 1:
            raise ValueError("a header holds a control character")
        # Only now: an answer without its head would be taken for the one before or after it.
        self.started, self._head, self._left = True, head, length
        if status in _BODILESS:
            self._bodiless = True

    def part(self, body: bytes, *, more: bool) -> bytes:
        """A part of the body, the last without `more`.

        Raises `RuntimeError` when there is no answer to go on with, or more or less of it than its
        `content-length` says.
        """
        if not self.started or self.ended:
            raise RuntimeError("the answer has not begun, or is over")
        head, self._head = self._head, b""
        if body and more and self._chunked:  # as nearly every part of a stream
            return b"%x\r\n%b\r\n" % (len(body), body)
        if head:
            head = b"%b%b\r\n" % (head, self._framing(body, more=more))
        if self._bodiless:
            self.ended = not more
            return head
        if self._chunked:
            self.ended = not more
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            return b"%b%b%b" % (head, chunk, b"" if more else b"0\r\n\r\n")
        if self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                raise RuntimeError("the answer is not as long as it says")
        self.ended = not more
        return head + body if head else body

    def _framing(self, body: bytes, *, more: bool) -> bytes:
        lines = b""
        if self._left is None and not self._bodiless:
            if not more:
                self._left = len(body)
                lines = b"content-length: %d\r\n" % len(body)
            elif self._modern:
                self._chunked = True
                lines = b"transfer-encoding: chunked\r\n"
            else:
                self.keep_alive = False
        if not self.keep_alive:
            lines += b"connection: close\r\n"
        elif not self._modern:
            lines += b"connection: keep-alive\r\n"
        return lines


def plain_answer(status: int) -> bytes:
    """A whole answer without a body, where no application gave one; it ends the connection."""
    return b"HTTP/1.1 %d %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % (
        status, _phrase(status),
    )  # fmt: skip


def _phrase(status: int) -> bytes:
    if status == 200:
        return b"OK"
    from http import HTTPStatus

    return HTTPStatus(status).phrase.encode() if status in HTTPStatus._value2member_map_ else b""


@lru_cache(maxsize=16)
def _status_line(status: int, now_s: int) -> bytes:
    year, month, day, hour, minute, second, weekday, *_ = time.gmtime(now_s)
    return (
        f"HTTP/1.1 {status} {_phrase(status).decode()}\r\ndate: {_DAYS[weekday]}, {day:02d} "
        f"{_MONTHS[month - 1]} {year} {hour:02d}:{minute:02d}:{second:02d} GMT\r\n"
    ).encode()
