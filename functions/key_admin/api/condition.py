"""`/internal/condition`: how the stores are, and what in them waits for somebody."""

import asyncio
from datetime import UTC, datetime, timedelta

from starlette.responses import Response

from common.domain.roles import READ
from common.state.admission import Admission
from common.state.commands import RedisUnavailable
from common.state.condition import clock_ahead_ms, info
from common.store import condition as stored
from common.store.database import DatabaseUnavailable
from functions.key_admin.models.observed import (
    ConditionAnswer,
    PostgresCondition,
    RedisCondition,
)
from functions.key_admin.operation import Call, Operation, answered
from functions.key_admin.services import Services


async def show(call: Call) -> Response:
    """Both stores; one that is away is null."""
    postgres, redis = await asyncio.gather(_postgres(call.services), _redis(call.services))
    return answered(ConditionAnswer(postgres=postgres, redis=redis))


async def _postgres(parts: Services) -> PostgresCondition | None:
    try:
        async with parts.database.transaction() as connection:
            schema = await stored.schema(connection)
            waiting = await stored.condition(connection)
            number = connection.info.server_version
    except DatabaseUnavailable:
        return None
    return PostgresCondition(
        version=f"{number // 10000}.{number % 10000}",
        migrations=schema.applied,
        migrations_missing=list(schema.missing),
        migrations_unknown=list(schema.unknown),
        quarantined=waiting.quarantined,
        dead_letters=waiting.dead_letters,
        changes=waiting.changes,
        oldest_change=waiting.oldest_change,
        bytes=waiting.bytes,
        connections=waiting.connections,
        connections_max=waiting.connections_max,
        messages_waiting=waiting.messages_waiting,
        messages_given_up=waiting.messages_given_up,
    )


async def _redis(parts: Services) -> RedisCondition | None:
    admission = Admission(parts.redis, parts.settings.state_prefix)
    try:
        told, ahead, (depth, oldest_ms), leases = await asyncio.gather(
            info(parts.redis),
            clock_ahead_ms(parts.redis),
            parts.outbox.depth(),
            admission.open_leases(),
        )
    except RedisUnavailable:
        return None
    oldest = None if oldest_ms is None else datetime.fromtimestamp(oldest_ms / 1000, UTC)
    return RedisCondition(
        version=told.get("redis_version", "?"),
        used_bytes=int(told.get("used_memory", 0)),
        limit_bytes=int(told.get("maxmemory", 0)),
        clock_ahead_ms=int(ahead),
        open_requests=leases,
        outbox=depth,
        outbox_oldest=oldest,
        started_at=datetime.now(UTC) - timedelta(seconds=int(told.get("uptime_in_seconds", 0))),
        evicted=int(told.get("evicted_keys", 0)),
        eviction=told.get("maxmemory_policy", "?"),
        persistent=told.get("aof_enabled") == "1",
    )


OPERATIONS = (
    Operation("GET", "/internal/condition", show, "Show how the stores are", "Operations",
              may=READ, answer=ConditionAnswer),
)  # fmt: skip
