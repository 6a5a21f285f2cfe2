"""Sending a stream's events, with the faults that happen between them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from echo_provider.connection import Connection
from echo_provider.events import Event
from echo_provider.faults import Faults
from echo_provider.record import Record

_END = b"0\r\n\r\n"
# Events after which other connections get their turn, and a client that left is noticed.
_TURN = 16


class Broken(Exception):
    """The connection cannot be used for another request, or is no more."""


async def send_events(
    connection: Connection,
    events: Iterable[Event],
    faults: Faults,
    record: Record,
    *,
    error_event: bytes,
    garbage_event: bytes,
) -> bool:
    """Send events as chunks of a chunked body; whether all of them were sent as they should be.

    Raises `ClientGone`, and `Broken` after a fault that ends the connection.
    """
    happenings = _happenings(connection, faults, error_event, garbage_event)
    delay_s = faults.chunk_delay_ms / 1000
    spotless = True
    for event in events:
        if happenings and record.chunks_sent in happenings:
            spotless = False
            if await happenings.pop(record.chunks_sent)():
                await connection.write(_END)
                return False
        if delay_s and record.chunks_sent:
            await connection.pause(delay_s)
        await connection.write(b"%x\r\n%b\r\n" % (len(event.data), event.data))
        record.chunks_sent += 1
        record.output_tokens += event.tokens
        if not record.chunks_sent % _TURN:
            await asyncio.sleep(0)
    if happenings and record.chunks_sent in happenings:
        spotless = False
        await happenings.pop(record.chunks_sent)()
    await connection.write(_END)
    await connection.flush()
    return spotless


def _happenings(
    connection: Connection, faults: Faults, error_event: bytes, garbage_event: bytes
) -> dict[int, Callable[[], Awaitable[bool]]]:
    """What happens after how many events; each says whether the stream ends there."""

    async def cut() -> bool:
        raise Broken

    async def stall() -> bool:
        await connection.wait_until_gone()
        return True

    async def reset() -> bool:
        await connection.reset()
        raise Broken

    async def fail() -> bool:
        await connection.write(b"%x\r\n%b\r\n" % (len(error_event), error_event))
        return True

    async def babble() -> bool:
        await connection.write(b"%x\r\n%b\r\n" % (len(garbage_event), garbage_event))
        return False

    pairs = [
        (faults.cut_after, cut),
        (faults.stall_after, stall),
        (faults.reset_after, reset),
        (faults.error_after, fail),
        (faults.garbage_after, babble),
    ]
    return {count: happening for count, happening in pairs if count is not None}
