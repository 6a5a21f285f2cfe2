"""`GET /v1/key`: what the caller's own key is, may, and has used."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from common.telemetry import logs
from functions.relay import respond
from functions.relay.open_request import OpenRequest
from functions.relay.respond import Send
from functions.relay.services import Services


async def show_key(services: Services, request: OpenRequest, send: Send) -> None:
    """Answer with the key's record; `use` is null while Postgres cannot be asked."""
    if request.key is None:
        raise ValueError("the key comes first")
    key = request.key
    shown = {
        "object": "key",
        "id": key.id,
        "name": key.name,
        "user_id": key.user_id,
        "team_id": key.team_id,
        "scopes": key.scopes,
        "models": {"allow": key.models_allow, "deny": key.models_deny},
        "expires_at": _written(key.expires_at_ms),
        "limits": key.limits,
        "budgets": key.budgets,
        "tags": key.tags,
        "use": await _use(services, request),
    }
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await respond.whole(request, send, 200, headers, msgspec.json.encode(shown))


async def _use(services: Services, request: OpenRequest) -> dict[str, Any] | None:
    if request.key is None:
        return None
    try:
        return {"cost_usd": await services.key_lookup.spend(request.key.id)}
    except Exception as error:  # noqa: BLE001 - the rest of the answer needs no Postgres
        logs.log("use_unknown", level="warning", request_id=request.id, error=str(error))
        return None


def _written(moment_ms: int | None) -> str | None:
    if moment_ms is None:
        return None
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
