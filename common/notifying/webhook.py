"""A signed webhook: Standard Webhooks 1.0 (github.com/standard-webhooks/standard-webhooks)."""

import msgspec

from common.domain.notices import Notice
from common.domain.notification_channels import Settings
from common.domain.standard_webhooks import secret_key, signed_headers
from common.identifiers import now_ms
from common.notifying.sending import Failed
from common.providers.exchange import UpstreamFailed
from common.providers.http import UpstreamClient

TIMEOUT_MS = 15_000
# "Gone": the receiver wants no more (Standard Webhooks, "Operational considerations").
_GONE = 410


def body_of(notice: Notice) -> bytes:
    """The payload: `type`, `timestamp`, and `data` with the message and the event's figures."""
    data = {
        "severity": notice.severity,
        "title": notice.title,
        "text": notice.text,
        "team_id": notice.team_id,
        "event": notice.data,
    }
    return msgspec.json.encode({"type": notice.kind, "timestamp": notice.time, "data": data})


async def post(upstream: UpstreamClient, settings: Settings, notice: Notice) -> Failed | None:
    """Send it; redirects are not followed. None for a 2xx."""
    body = body_of(notice)
    timestamp = now_ms() // 1000
    key = secret_key(settings["signing_secret"])
    headers = [
        ("user-agent", "relay"),
        *signed_headers(notice.event_id, timestamp, body, key),
    ]
    url = settings["url"]
    exchange = upstream.exchange("POST", url, headers, body, "webhook", timeout_ms=TIMEOUT_MS)
    try:
        await exchange.open()
        status = exchange.status
    except UpstreamFailed as error:
        return Failed(str(error))
    finally:
        await exchange.close()
    if 200 <= status < 300:
        return None
    return Failed(f"the receiver answered {status}", final=status == _GONE)
