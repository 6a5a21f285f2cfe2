"""Answers: a refusal or a provider's answer as ASGI messages, always with our request id."""

from collections.abc import Awaitable, Callable
from typing import Any

from common.domain.refusals import Refusal
from functions.relay.open_request import OpenRequest

Send = Callable[[dict[str, Any]], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]

STREAM_HEADERS: RawHeaders = [
    # nginx and its like hold streams back unless told not to.
    (b"x-accel-buffering", b"no"),
]


async def start(request: OpenRequest, send: Send, status: int, headers: RawHeaders) -> None:
    """The head of the answer."""
    request.status = status
    request.response_started = True
    request.body = b""  # nobody else is asked: long streams hold no long bodies
    own = [(b"x-request-id", request.id.encode())]
    if request.queued_ms is not None:
        own.append((b"x-relay-queued-ms", str(request.queued_ms).encode()))
    headers = headers + request.limit_headers + own
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def whole(
    request: OpenRequest, send: Send, status: int, headers: RawHeaders, body: bytes
) -> None:
    """A whole answer."""
    length = [(b"content-length", str(len(body)).encode())]
    await start(request, send, status, headers + length)
    await send({"type": "http.response.body", "body": body})


async def part(send: Send, body: bytes) -> None:
    """A part of a streamed answer."""
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def end(send: Send, body: bytes = b"") -> None:
    """The last part of a streamed answer."""
    await send({"type": "http.response.body", "body": body})


async def refuse(request: OpenRequest, send: Send, refusal: Refusal) -> None:
    """A refusal in the caller's dialect."""
    if request.dialect is None:
        raise ValueError("the dialect is chosen before anything is refused")
    request.reason = refusal.reason
    status, headers, body = request.dialect.error_response(refusal, request.id)
    await whole(request, send, status, headers, body)
