"""What is asked of the stores, and which gauge says it."""

import asyncio
from collections import Counter
from datetime import datetime

from common.domain.account_health import STATUSES
from common.domain.ids import ulid_time_ms, uuid_to_ulid
from common.domain.usage import TOKEN_CLASSES
from common.identifiers import now_ms
from common.settings import ExporterSettings
from common.state.account_health import healths
from common.state.admission import Admission
from common.state.client import RedisPyCommands
from common.state.condition import clock_ahead_ms
from common.state.jobs import Jobs
from common.state.leases import count_over
from common.state.outbox import Outbox
from common.state.projection import has_epoch
from common.store import partitions, reconciliation, spend, usage
from common.store.condition import clock, condition
from common.store.database import Database, DatabaseUnavailable
from common.telemetry import catalogue, logs
from common.telemetry.metrics import SERIES_MAX, Labels
from functions.exporter.watched import Watched

STATEMENT_TIMEOUT_MS = 3_000
_REDIS_GAUGES = (
    catalogue.OUTBOX_DEPTH,
    catalogue.OUTBOX_AGE_SECONDS,
    catalogue.LEASES,
    catalogue.JOBS_OPEN,
    catalogue.ACCOUNTS_RESTING,
    catalogue.ACCOUNTS_UNHEALTHY,
    catalogue.PROJECTION_READY,
)
_TODAY_GAUGES = (catalogue.LEDGER_REQUESTS, catalogue.LEDGER_TOKENS)
_POSTGRES_GAUGES = (
    catalogue.CHANGES_WAITING,
    catalogue.CHANGES_AGE_SECONDS,
    catalogue.QUARANTINED,
    catalogue.DEAD_LETTERS_WAITING,
    catalogue.LEDGER_UNTIL,
    catalogue.LEDGER_COST_USD,
    catalogue.SPEND_DRIFT_USD,
    catalogue.COUNTERS_CHECKED,
    *_TODAY_GAUGES,
)


class Stores:
    """Both stores. Nothing connects before the first scrape."""

    def __init__(self, settings: ExporterSettings) -> None:
        self._prefix = settings.state_prefix
        self._redis = RedisPyCommands.from_url(settings.redis_url)
        self._database = Database(
            settings.database_url, connections_max=1, statement_timeout_ms=STATEMENT_TIMEOUT_MS
        )
        self._watched = (
            Watched("redis", self._ask_redis, _REDIS_GAUGES),
            Watched("postgres", self._ask_postgres, _POSTGRES_GAUGES),
        )

    async def refresh(self) -> None:
        """Ask both at once, see `Watched.refresh`."""
        await asyncio.gather(*[store.refresh() for store in self._watched])

    async def close(self) -> None:
        """End what is under way, close all connections."""
        for store in self._watched:
            await store.close()
        await self._redis.close()
        await self._database.close()

    async def _ask_redis(self) -> None:
        ready = await has_epoch(self._redis, self._prefix)
        redis_ms = now_ms() + int(await clock_ahead_ms(self._redis))
        depth, oldest_ms = await Outbox(self._redis, self._prefix).depth()
        leases = await Admission(self._redis, self._prefix).open_leases()
        over = await count_over(self._redis, self._prefix, redis_ms)
        unhealthy = await healths(self._redis, self._prefix, redis_ms)
        catalogue.PROJECTION_READY.set(int(ready))
        catalogue.OUTBOX_DEPTH.set(depth)
        age_ms = 0 if oldest_ms is None else max(redis_ms - oldest_ms, 0)
        catalogue.OUTBOX_AGE_SECONDS.set(age_ms / 1000)
        # Both are counted a moment apart.
        catalogue.LEASES.replace({("open",): max(leases - over, 0), ("over",): over})
        catalogue.JOBS_OPEN.set(await Jobs(self._redis, self._prefix).count())
        catalogue.ACCOUNTS_RESTING.set(sum(one.circuit == "open" for one in unhealthy.values()))
        counts = Counter(one.status for one in unhealthy.values())
        shown: dict[Labels, float] = {(one,): counts[one] for one in STATUSES if one != "ok"}
        catalogue.ACCOUNTS_UNHEALTHY.replace(shown)

    async def _ask_postgres(self) -> None:
        async with self._database.transaction() as connection:
            now = await clock(connection)
            seen = await condition(connection)
            bounds = await partitions.bounds(connection)
            spent = await spend.of_organisation(connection, now)
            drift = await reconciliation.drift_sums(connection)
        age_s = 0.0 if seen.oldest_change is None else (now - seen.oldest_change).total_seconds()
        catalogue.CHANGES_WAITING.set(seen.changes)
        catalogue.CHANGES_AGE_SECONDS.set(max(age_s, 0.0))
        catalogue.QUARANTINED.set(seen.quarantined)
        catalogue.DEAD_LETTERS_WAITING.set(seen.dead_letters)
        # None before the first record, which makes them.
        if bounds is not None:
            catalogue.LEDGER_UNTIL.set(ulid_time_ms(uuid_to_ulid(bounds.until)) / 1000)
        catalogue.LEDGER_COST_USD.replace({(name,): float(usd) for name, usd in spent.items()})
        catalogue.SPEND_DRIFT_USD.replace({("under",): drift.under_usd, ("over",): drift.over_usd})
        if drift.looked_at is not None:
            catalogue.COUNTERS_CHECKED.set(drift.looked_at.timestamp())
        await self._ask_today(now.replace(hour=0, minute=0, second=0, microsecond=0))

    async def _ask_today(self, since: datetime) -> None:
        """Sums of one day's rollups: they may be many, and too slow a sum is no store away."""
        try:
            async with self._database.transaction() as connection:
                found = await usage.sums(
                    connection,
                    usage.Filters(since=since),
                    ["provider", "status"],
                    "UTC",
                    SERIES_MAX,
                )
        except DatabaseUnavailable as error:
            logs.log("sums_unavailable", level="warning", error=str(error))
            for gauge in _TODAY_GAUGES:
                gauge.replace({})
            return
        requests: dict[Labels, float] = {
            (str(one.group["provider"]), str(one.group["status"])): one.requests for one in found
        }
        catalogue.LEDGER_REQUESTS.replace(requests)
        catalogue.LEDGER_TOKENS.replace(
            {(name,): sum(one.tokens[name] for one in found) for name in TOKEN_CLASSES}
        )
