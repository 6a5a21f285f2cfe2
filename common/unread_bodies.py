"""What comes of a request's body that nobody wants any more."""

import asyncio
import contextlib

from common.asgi import Receive


async def drain(receive: Receive, *, bytes_max: int, s_max: float) -> None:
    """Throw away what is left, bounded in bytes and time, after an answer that needs none.

    A connection that is closed with bytes unread is reset, and clients that send head and body
    apart or a whole body before they read (httpx, and so the SDKs) would not see the answer, or
    learn only from their next request that it was closed.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(s_max):
            while bytes_max > 0:
                message = await receive()
                if not message.get("more_body"):
                    return
                bytes_max -= len(message.get("body", b""))
