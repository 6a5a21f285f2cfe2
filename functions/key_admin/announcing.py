"""Events of the control plane: sent once, and in the log when nobody takes them."""

import msgspec
from starlette.requests import Request

from common.domain.ids import ulid_time_ms
from common.events.announce import Announcement, Headers, announce
from common.events.types import SOURCE_KEY_ADMIN
from common.telemetry import logs
from functions.key_admin.services import Services

SEND_S_MAX = 5.0


async def send_event(
    parts: Services, request: Request, event_type: str, subject: str, data: msgspec.Struct
) -> None:
    """Send one; its id is the request's."""
    sink = parts.settings.sink_url
    if not sink:
        return
    request_id: str = request.scope["relay.request_id"]
    event = Announcement(
        request_id, event_type, SOURCE_KEY_ADMIN, subject, ulid_time_ms(request_id), data
    )
    if reason := await announce(_post, sink, event, parts.settings.ce_overrides):
        logs.log("event_not_taken", level="warning", event_type=event_type, reason=reason)


async def _post(address: str, headers: Headers, body: bytes) -> int:
    import httpx

    async with httpx.AsyncClient(timeout=SEND_S_MAX) as client:
        return (await client.post(address, headers=headers, content=body)).status_code
