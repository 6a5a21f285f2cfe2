"""`GET /v1/key`: what the caller's own key is, may, and has used; what limits it at all levels."""

from typing import Any

import msgspec

from common.domain.keys import KeyRecord
from common.domain.limit_figures import figures, written
from common.identifiers import now_ms
from common.state.commands import RedisUnavailable
from common.state.projection import DAY_MS, first_use
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
        "access": _access(request),
        "expires_at": written(key.expires_at_ms),
        "activation": await _activation(services, key),
        "limits": key.policy.limits,
        "budgets": key.policy.budgets,
        "calendar": key.policy.calendar,
        "applied": await _applied(services, request),
        "tags": key.tags,
        "use": await _use(services, request),
    }
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await respond.whole(request, send, 200, headers, msgspec.json.encode(shown))


def _access(request: OpenRequest) -> list[dict[str, Any]]:
    """The access rules of all levels that have some; the key's scopes and models stand apart."""
    return [
        {
            "level": one.level,
            "models": {
                "allow": one.policy.access.models_allow,
                "deny": one.policy.access.models_deny,
            },
            "scopes": one.policy.access.scopes,
            "dialects": one.policy.access.dialects,
            "clients": one.policy.access.clients,
            "addresses": one.policy.access.addresses,
        }
        for one in request.access
    ]


async def _activation(services: Services, key: KeyRecord) -> dict[str, Any] | None:
    """When a key that lasts some days from its first use was used, and ends; null before that."""
    if key.activation_days is None:
        return None
    try:
        first_ms = await first_use(services.redis, services.settings.state_prefix, key.id)
    except RedisUnavailable as error:
        logs.log("activation_unknown", level="warning", key_id=key.id, error=str(error))
        return None
    lasts_ms = key.activation_days * DAY_MS
    return {
        "days": key.activation_days,
        "activated_at": written(first_ms),
        "expires_at": written(None if first_ms is None else first_ms + lasts_ms),
    }


async def _applied(services: Services, request: OpenRequest) -> list[dict[str, Any]] | None:
    """Every limit that holds for the key, own and inherited, with what is used and left of it."""
    snapshot = services.snapshots.key(request.key_hash)
    if snapshot is None:
        return None
    rules = snapshot.rules_at(now_ms())
    if not rules.packed:
        return []
    try:
        counted = await services.admission.read_rules(rules.packed)
    except RedisUnavailable as error:
        logs.log("limits_unknown", level="warning", request_id=request.id, error=str(error))
        return None
    return figures(rules.limits, counted)


async def _use(services: Services, request: OpenRequest) -> dict[str, Any] | None:
    if request.key is None:
        return None
    try:
        return {"cost_usd": await services.key_lookup.spend(request.key.id)}
    except Exception as error:  # noqa: BLE001 - the rest of the answer needs no Postgres
        logs.log("use_unknown", level="warning", request_id=request.id, error=str(error))
        return None
