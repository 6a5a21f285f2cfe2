"""The few lines of ASGI 3.0 that every function shares. Imports nothing."""

from collections.abc import Awaitable, Callable
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]

# The extension by which our server sends a part of an answer that has begun, without waiting.
# Called with the part; False where the caller takes no more: then await sending an empty one.
PART_NOW = "relay.part_now"
# The member of `lifespan.shutdown` that says how long it may take; by default it is `STOP_S`.
WITHIN_S = "relay.within_s"
STOP_S = 10.0
HEALTH_PATHS = frozenset(("/health/live", "/health/ready"))
_HEALTHY = b'{"status":"ok"}'


class BodyTooLarge(Exception):
    """The body is larger than the function takes."""


async def run_lifespan(
    receive: Receive,
    send: Send,
    start: Callable[[], object],
    stop: Callable[[float], Awaitable[None]],
) -> None:
    """Serve the lifespan scope: `start` at its begin, `stop` at its end, within so many seconds.

    `common.serve` says how many are left; other servers do not.
    """
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            start()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await stop(message.get(WITHIN_S, STOP_S))
            await send({"type": "lifespan.shutdown.complete"})
            return


async def answer(send: Send, status: int, headers: RawHeaders, body: bytes = b"") -> None:
    """A whole answer. A 204 has no length (RFC 9110, 8.6)."""
    if status != 204:
        headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def answer_health(send: Send) -> None:
    """Ready as soon as the process listens: stores may come and go, and answers say so."""
    await answer(send, 200, [(b"content-type", b"application/json")], _HEALTHY)


async def read_body(receive: Receive, bytes_max: int) -> bytes:
    """The whole body. Raises `BodyTooLarge`, and `ConnectionResetError` when the caller left."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the caller left while its request was read")
        if chunk := message.get("body"):
            size += len(chunk)
            if size > bytes_max:
                raise BodyTooLarge
            chunks.append(chunk)
        if not message.get("more_body"):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
