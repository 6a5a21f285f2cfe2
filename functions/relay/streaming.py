"""Streams: copied as they arrive, one event boundary at a time, with back-pressure.

What is sent is always whole events, so that a provider that breaks off in the middle of one is
followed by a clean error event of the caller's dialect, never by half of an event. `send` waits
while the caller reads slowly, and then nothing more is read from the provider.

A caller who left may leave a stream to be drained: then it is read on and nothing is sent.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from common.dialects.base import NotStreamed, StreamCopy
from common.dialects.events import UnreadableStream
from common.domain.refusals import Reason, Refusal
from common.providers.base import Failure
from common.providers.headers import to_caller
from common.providers.http import Exchange, UpstreamFailed
from functions.relay import respond
from functions.relay.open_request import OpenRequest
from functions.relay.respond import Send

# Answers that are bytes and not events: passed on as they arrive.
RAW_TYPES = ("audio/", "application/octet-stream")
STREAMED_TYPES = ("text/event-stream", *RAW_TYPES)


class BrokenOff(ConnectionError):
    """Raw bytes end early: the connection must end with them, or they would look complete."""


async def copy_raw(request: OpenRequest, exchange: Exchange, content_type: str, send: Send) -> None:
    """Copy bytes without events. Raises `UpstreamFailed` before the first, `BrokenOff` later."""
    if request.operation is None:
        raise ValueError("only an operation is answered")
    request.answer = request.operation.read_answer(b"", content_type)
    if request.answer is None:
        message = f"{exchange.provider} answered with {content_type}, which belongs elsewhere"
        raise UpstreamFailed(Failure(Reason.UPSTREAM_GARBAGE, message))
    request.raw = True
    chunk = await _read(request, exchange)
    headers = to_caller(exchange.headers)
    length = _length(exchange)
    if length is not None:
        headers.append((b"content-length", length.encode("latin-1")))
    await respond.start(request, send, exchange.status, headers)
    size = 0
    try:
        while chunk is not None:
            await respond.part(send, chunk)
            size += len(chunk)
            # A caller who knows the length may leave as soon as all is there.
            request.complete = str(size) == length
            chunk = await _read(request, exchange)
    except UpstreamFailed as failed:
        request.reason = failed.failure.reason
        raise BrokenOff(failed.failure.message) from failed
    await respond.end(send)
    request.complete = True


def _length(exchange: Exchange) -> str | None:
    """The provider's `content-length`, where it is a number and counts (RFC 9112, 6.3)."""
    length = exchange.header("content-length")
    if length is None or exchange.header("transfer-encoding") is not None:
        return None
    return length if length.isdecimal() else None


async def copy_stream(
    request: OpenRequest, exchange: Exchange, send: Send, remember: Callable[[], Awaitable[None]]
) -> None:
    """Copy a provider's event stream to the caller.

    `remember` is awaited before the caller is sent the event that names a stored response,
    which need not be the first: comments and other events may come before it.

    Raises `UpstreamFailed` while nothing was sent yet: another account may serve.
    """
    if request.operation is None or request.parsed is None:
        raise ValueError("only a parsed request is streamed")
    try:
        request.copy = copy = request.operation.stream_copy(request.parsed)
    except NotStreamed as error:
        message = f"{exchange.provider} answered with a stream, which belongs elsewhere"
        raise UpstreamFailed(Failure(Reason.UPSTREAM_GARBAGE, message)) from error
    ready = b""
    while not ready:
        chunk = await _read(request, exchange)
        if chunk is None:
            message = f"{exchange.provider} ended its stream before the first event"
            raise UpstreamFailed(Failure(Reason.UPSTREAM_CUT, message))
        ready = _fed(copy, chunk, exchange)
    # Of what arrived together, output before the error was served: it goes to the caller.
    if copy.saw_error and not copy.output_estimate:
        request.first_chunk_ns = None  # nothing was served, so nothing is charged
        message = f"{exchange.provider} answered with an error: see the provider's status page"
        raise UpstreamFailed(Failure(Reason.UPSTREAM_ERROR, message))
    headers = to_caller(exchange.headers)
    if request.translates:
        headers = respond.translated_headers(request, "text/event-stream; charset=utf-8")
    headers = headers + respond.STREAM_HEADERS
    if not request.draining:
        await respond.start(request, send, exchange.status, headers)
        request.keep_alive = lambda: _keep_alive(request, send)
    request.streaming = True
    try:
        await _copy_rest(request, exchange, send, ready, remember)
    except UpstreamFailed as failed:
        await _end_broken(request, send, failed.failure.reason, failed.failure.message)
    finally:
        request.keep_alive = None


async def _copy_rest(
    request: OpenRequest,
    exchange: Exchange,
    send: Send,
    ready: bytes,
    remember: Callable[[], Awaitable[None]],
) -> None:
    copy = request.copy
    if copy is None:
        raise ValueError("the copy begins with the stream")
    passage = _Passage(request, exchange, copy, ready)
    ended = False
    while not ended:
        if copy.stored_id is not None and not passage.remembered:
            passage.remembered = True
            await remember()
        if (passage.ready or passage.full) and not request.draining:
            await respond.part(send, passage.ready)
            request.last_sent_ns = time.perf_counter_ns()
            request.complete = copy.saw_terminal
        passage.ready, passage.full = b"", False
        request.waiting_for_provider = True
        ended = await exchange.pass_on(passage.take)
        request.waiting_for_provider = False
    if request.before_end is not None and not request.draining:
        request.waiting_for_provider = True  # so that a caller who waits hears of it
        await request.before_end()
        request.waiting_for_provider = False
    rest = _ended(copy, exchange)
    if copy.stored_id is not None and not passage.remembered:
        await remember()
    if not copy.saw_terminal and not copy.saw_error:
        message = f"{exchange.provider} broke the stream off before its end"
        await _end_broken(request, send, Reason.UPSTREAM_CUT, message)
        return
    if not copy.saw_terminal:
        request.reason = Reason.UPSTREAM_ERROR
    if not request.draining:
        await respond.end(send, rest)
        request.complete = copy.saw_terminal


class _Passage:
    """Takes chunks where they arrive, and sends at once what is ready of them.

    It stops where something is to be awaited: a caller who reads slowly, or that a response is
    kept; and after each chunk where the server has no way to send without waiting.
    """

    __slots__ = ("_copy", "_exchange", "_part_now", "_request", "full", "ready", "remembered")

    def __init__(
        self, request: OpenRequest, exchange: Exchange, copy: StreamCopy, ready: bytes
    ) -> None:
        self._request = request
        self._exchange = exchange
        self._copy = copy
        self._part_now = request.part_now
        # What is not sent yet; and whether the caller takes no more for now.
        self.ready = ready
        self.full = False
        self.remembered = False

    def take(self, chunk: bytes) -> bool:
        """See `Exchange.pass_on`. Raises `UpstreamFailed`."""
        request, copy = self._request, self._copy
        request.last_chunk_ns = now_ns = time.perf_counter_ns()
        try:
            ready = copy.feed(chunk)
        except UnreadableStream as error:
            raise _unreadable(self._exchange, error) from error
        waits = copy.stored_id is not None and not self.remembered
        if waits or self._part_now is None:
            self.ready = ready
            return False
        if ready and not request.draining:
            self.full = not self._part_now(ready)
            request.last_sent_ns = now_ns
            request.complete = copy.saw_terminal
        return not self.full


def _fed(copy: StreamCopy, chunk: bytes, exchange: Exchange) -> bytes:
    try:
        return copy.feed(chunk)
    except UnreadableStream as error:
        raise _unreadable(exchange, error) from error


def _ended(copy: StreamCopy, exchange: Exchange) -> bytes:
    try:
        return copy.end()
    except UnreadableStream as error:
        raise _unreadable(exchange, error) from error


def _unreadable(exchange: Exchange, error: UnreadableStream) -> UpstreamFailed:
    message = f"{exchange.provider} sent what is no event stream: {error}"
    return UpstreamFailed(Failure(Reason.UPSTREAM_GARBAGE, message))


async def end_interrupted(request: OpenRequest, send: Send, reason: Reason, message: str) -> None:
    """End a started stream from Relay's own side with the dialect's error event."""
    await _end_broken(request, send, reason, message)


async def _end_broken(request: OpenRequest, send: Send, reason: Reason, message: str) -> None:
    if request.operation is None:
        raise ValueError("only an operation's stream can break")
    if request.draining:
        request.reason = reason
        return
    if request.raw:
        request.reason = reason
        raise BrokenOff(message)
    if request.complete:
        await respond.end(send)
        return
    request.reason = reason
    event = request.operation.stream_error_event(Refusal(reason, message), request.id)
    await respond.end(send, event)


async def _read(request: OpenRequest, exchange: Exchange) -> bytes | None:
    request.waiting_for_provider = True
    chunk = await exchange.read_chunk()
    request.waiting_for_provider = False
    request.last_chunk_ns = time.perf_counter_ns()
    if request.first_chunk_ns is None and chunk:
        request.first_chunk_ns = request.last_chunk_ns
    return chunk


def _keep_alive(request: OpenRequest, send: Send) -> None:
    """Send the dialect's keep-alive; called by the heartbeat when the stream has been quiet.

    Only while the copy waits for the provider: what was sent then ends with a whole event.
    """
    if request.dialect is None or request.copy is None:
        return
    if request.waiting_for_provider:
        request.last_sent_ns = time.perf_counter_ns()
        sending = asyncio.get_running_loop().create_task(_ping(send, request.dialect.keep_alive))
        request.pings.add(sending)
        sending.add_done_callback(request.pings.discard)


async def _ping(send: Send, keep_alive: bytes) -> None:
    with contextlib.suppress(RuntimeError):  # the answer ended in the meantime
        await respond.part(send, keep_alive)
