"""One event at a time, sent until it is taken: for what must not be lost, and is rare.

The emitter (`emit.py`) sends usage records, which the outbox has anyway, and repeats nothing.
Here whoever sends keeps the event where it comes from until `announce` says that it was taken.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec

from common.events.headers import PREFIX, SPEC_VERSION, encode_value, overriding_extensions

Headers = list[tuple[str, str]]
Post = Callable[[str, Headers, bytes], Awaitable[int]]
TIMEOUT_S = 10.0
_encoder = msgspec.json.Encoder()


class Announcement(msgspec.Struct, frozen=True):
    """An event. Its id is the same each time it is sent; `time_ms` since 1970."""

    id: str
    type: str
    source: str
    subject: str
    time_ms: int
    data: msgspec.Struct


async def announce(
    post: Post, sink_url: str, announcement: Announcement, ce_overrides: str = ""
) -> str:
    """Send it; returns why it was not taken, empty when it was. Raises `InvalidOverrides`."""
    headers = _headers(announcement, ce_overrides)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            status = await post(sink_url, headers, _encoder.encode(announcement.data))
    except TimeoutError:
        return f"no answer within {TIMEOUT_S:.0f} s"
    except Exception as error:  # noqa: BLE001 - whatever broke, it is sent again
        return str(error) or type(error).__name__
    return "" if 200 <= status < 300 else f"the sink answered {status}"


def _headers(announcement: Announcement, ce_overrides: str) -> Headers:
    """Binary mode (CloudEvents 1.0, HTTP binding, section 3.1): attributes are headers."""
    moment = datetime.fromtimestamp(announcement.time_ms / 1000, UTC)
    attributes = {
        "specversion": SPEC_VERSION,
        "id": announcement.id,
        "source": announcement.source,
        "type": announcement.type,
        "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "subject": announcement.subject,
        **overriding_extensions(ce_overrides),
    }
    headers = [(PREFIX + name, encode_value(value)) for name, value in attributes.items()]
    headers.append(("content-type", "application/json"))
    return headers
