"""What each cleanup task finds due, and what must be there when it is through: for tests."""

import functools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
from psycopg.rows import dict_row

from common.domain import usage
from common.domain.account_health import Rest
from common.domain.ids import first_ulid, ulid_to_uuid
from common.domain.keys import KeyRecord, hash_key
from common.domain.policies import Applied, Budget, Limits, Policy, key_scope
from common.domain.reconciliation import Counter, counters_of
from common.domain.settlement import use_of
from common.domain.usage import encode
from common.event_function import Worker
from common.identifiers import new_ulid, now_ms
from common.projection import rebuild
from common.settings import Retention, WorkerSettings
from common.state.account_failures import AccountFailure, failures, put_failure
from common.state.account_health import healths, let_rest, told
from common.state.jobs import Jobs
from common.state.projection import has_epoch, put_accounts
from common.store import audit, idempotency, inspection, keys, ledger, partitions
from tests.support.event_worker import PREFIX, EventWorker
from tests.support.job_provider import JobProvider, begin_jobs, money_of, sealed_account
from tests.support.processes import INTERNAL_SECRET
from tests.support.usage_records import make_record, ulid_at

RETENTION = Retention(ledger_days=40, rollup_days=75, audit_days=60, quarantine_days=70)
ENVIRONMENT = {
    "RELAY_LEDGER_RETENTION_DAYS": "40",
    "RELAY_ROLLUP_RETENTION_DAYS": "75",
    "RELAY_AUDIT_RETENTION_DAYS": "60",
    "RELAY_QUARANTINE_RETENTION_DAYS": "70",
}
LONG_AGO = timedelta(days=100)
TABLES = (
    *("ledger", "ledger_partitions", "usage_rollups", "spend_totals", "quarantine", "audit"),
    "usage_periods",
    *("api_keys", "api_key_secrets", "changes", "idempotent_replies", "dead_letters"),
    *("counter_drifts", "expiries_told", "notification_deliveries"),
)
Check = Callable[[], Awaitable[None]]


class Scene:
    """A function's process, its stores, and workers like it in this process."""

    def __init__(self, function: EventWorker, redis_url: str) -> None:
        self.function = function
        self.redis_url = redis_url
        self.workers: list[Worker] = []
        self.providers: list[JobProvider] = []

    def worker(self, retention: Retention = RETENTION) -> Worker:
        """Another process's connections, as far as the stores can tell."""
        settings = WorkerSettings(
            redis_url=self.redis_url,
            database_url=self.function.database_url,
            state_prefix=PREFIX,
            internal_secret=INTERNAL_SECRET,
            log_level="info",
            retention=retention,
        )
        self.workers.append(Worker(settings))
        return self.workers[-1]

    async def rest(self) -> None:
        """Close the workers' connections; only the process is left."""
        while self.workers:
            await self.workers.pop().stop()

    async def close(self) -> None:
        for provider in self.providers:
            provider.close()
        await self.rest()
        await self.function.close()
        self._connection.close()

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        return self._connection.execute(statement, values).fetchall()

    def execute(self, statement: str, *values: Any) -> None:
        self._connection.execute(statement, values)

    @functools.cached_property
    def _connection(self) -> psycopg.Connection[dict[str, Any]]:
        url = self.function.database_url
        return psycopg.connect(url, autocommit=True, row_factory=dict_row)

    async def state(self) -> dict[str, Any]:
        """All that the stores hold, but for locks."""
        held: dict[str, Any] = {
            table: [
                row["text"]
                for row in self.rows(f"SELECT t::text AS text FROM {table} t ORDER BY 1")
            ]
            for table in TABLES
        }
        held["partitions"] = self.attached()
        for name in sorted(await self.function.commands.call("KEYS", "*")):
            if b":lock:" not in name:
                held[name.decode()] = await self.function.commands.call("DUMP", name)
        return held

    def attached(self) -> list[str]:
        """The ledger's partitions by the catalogue, which are those of the table."""
        found = self.rows(
            "SELECT inhrelid::regclass::text AS name FROM pg_inherits "
            "WHERE inhparent = 'ledger'::regclass ORDER BY 1"
        )
        assert found == self.rows("SELECT name FROM ledger_partitions ORDER BY 1")
        return [row["name"] for row in found]

    async def known(self, secret: str) -> bytes | None:
        """What Redis says of a secret: its status."""
        return await self.function.commands.call("HGET", f"{PREFIX}:key:{hash_key(secret)}", "s")

    async def key(self, secret: str) -> str:
        record = KeyRecord(id=new_ulid(), user_id="alice")
        async with self.worker().database.transaction() as connection:
            await keys.create(connection, record, None, hash_key(secret), "cr_12345678")
        return record.id


async def outbox(scene: Scene) -> Check:
    records = [make_record() for _ in range(3)]
    for number, given in enumerate([*map(encode, records), b"garbage"]):
        await scene.function.settle(given, now_ms() - 60_000 + number)

    async def check() -> None:
        found = {row["id"] for row in scene.rows("SELECT id FROM ledger")}
        assert found == {ulid_to_uuid(record.id) for record in records}
        assert await scene.function.waiting() == []
        assert len(scene.rows("SELECT * FROM quarantine")) == 1
        assert scene.rows("SELECT sum(requests) AS n FROM usage_rollups") == [{"n": 3}]
        (row,) = scene.rows(
            "SELECT settled FROM spend_totals WHERE scope = 'organisation' AND period = 'total'"
        )
        assert str(row["settled"]) == "0.000025650000"

    return check


async def leases(scene: Scene) -> Check:
    for _ in range(2):
        await scene.function.die_with_lease(
            make_record(status="interrupted", finish_cause="interrupted")
        )

    async def check() -> None:
        assert await scene.function.open_leases() == 0
        assert len(await scene.function.waiting()) == 2

    return check


async def jobs(scene: Scene) -> Check:
    """A response and a batch have ended, and hold what they reserved."""
    provider = JobProvider()
    scene.providers.append(provider)
    begun = await begin_jobs(scene.function, provider.url)

    async def check() -> None:
        posted = [usage.decode(entry.record) for entry in await scene.function.outbox.read(10)]
        assert {record.id for record in posted} == {record.id for record in begun}
        assert sorted((one.tokens.input, one.tokens.output) for one in posted) == [(7, 5), (30, 12)]
        assert await money_of(scene.function) == (sum(use_of(one).nano for one in posted), 0)
        assert await scene.function.open_leases() == 0
        assert await Jobs(scene.function.commands, PREFIX).count() == 0

    return check


async def account_health(scene: Scene) -> Check:
    """One account is unauthorized, one failed until a moment ago: their provider serves both."""
    provider = JobProvider()
    scene.providers.append(provider)
    commands = scene.function.commands
    accounts = [
        sealed_account("openai", f"{provider.url}/v1"),
        sealed_account("anthropic", provider.url),
        sealed_account("openai_compatible", "http://127.0.0.1:1/v1"),
    ]
    first, second, lost = (account.id for account in accounts)
    await put_accounts(commands, PREFIX, 1, msgspec.json.encode(accounts))
    await let_rest(commands, PREFIX, first, Rest(900_000, "unauthorized"))
    past = now_ms() - 60_000
    for account_id in (second, lost):
        state = f"{past} 60000 0 {past} failing -"
        await commands.call("HSET", f"{PREFIX}:cooldowns", account_id, state)
    await put_failure(commands, PREFIX, first, AccountFailure(1, "upstream_credential", 401))

    async def check() -> None:
        (only,) = (await healths(commands, PREFIX, now_ms())).items()
        assert (only[0], only[1].status, only[1].circuit) == (lost, "cooling", "open")
        (kept,) = (await failures(commands, PREFIX)).items()
        assert (kept[0], kept[1].reason) == (lost, "upstream_unreachable")
        assert await told(commands, PREFIX) == {lost: "cooling"}

    return check


async def projection(scene: Scene) -> Check:
    for secret in ("one", "two"):
        await scene.key(secret)

    async def check() -> None:
        assert [await scene.known(secret) for secret in ("one", "two")] == [b"active"] * 2
        assert await has_epoch(scene.function.commands, PREFIX)
        assert scene.rows("SELECT * FROM changes") == []

    return check


async def partitions_ahead(scene: Scene) -> Check:
    reply = idempotency.KeptReply(b"digest", "01K", 201, b"body")
    async with scene.worker().database.transaction() as connection:
        for token in ("old", "young"):
            await idempotency.keep(connection, token, reply)
    scene.execute(
        "UPDATE idempotent_replies SET created_at = now() - interval '1h' WHERE token = 'old'"
    )

    async def check() -> None:
        assert len(scene.attached()) == 5
        assert f"ledger_{datetime.now(UTC):%Y_%m}" in scene.attached()
        kept = scene.rows("SELECT token FROM idempotent_replies WHERE body IS NOT NULL")
        assert kept == [{"token": "young"}]

    return check


async def key_expiry(scene: Scene) -> Check:
    over, grace = await scene.key("over"), await scene.key("grace")
    worker = scene.worker()
    async with worker.database.transaction() as connection:
        await keys.rotate(connection, over, hash_key("over 2"), "cr_abcdefgh", 0)
        await keys.rotate(connection, grace, hash_key("grace 2"), "cr_ijklmnop", 3600)
    await rebuild(worker.database, worker.redis, PREFIX)
    before = scene.rows("SELECT * FROM api_keys ORDER BY id")

    async def check() -> None:
        left = {row["hash"] for row in scene.rows("SELECT hash FROM api_key_secrets")}
        assert left == {hash_key(secret) for secret in ("over 2", "grace", "grace 2")}
        assert await scene.known("over") is None
        for secret in ("over 2", "grace", "grace 2"):
            assert await scene.known(secret) == b"active"
        assert scene.rows("SELECT * FROM api_keys ORDER BY id") == before
        (row,) = scene.rows("SELECT actor, action, subject_kind, subject_id, detail FROM audit")
        detail = row.pop("detail")
        assert detail["before"]["key_prefix"] == "cr_12345678"
        assert hash_key("over") not in str(detail)
        assert row == {
            "actor": "cleanup",
            "action": "key.expire-secret",
            "subject_kind": "key",
            "subject_id": over,
        }

    return check


async def retention(scene: Scene) -> Check:
    now = datetime.now(UTC)
    old = now - LONG_AGO
    young = make_record()
    async with scene.worker().database.transaction() as connection:
        for moment in (old, now):
            await partitions.ensure(connection, int(moment.timestamp() * 1000))
        await ledger.insert(connection, [make_record(id=ulid_at(old)), young])
        for moment, name in (old, "old"), (now, "young"):
            await audit.write(
                connection,
                audit_id=ulid_at(moment),
                actor=name,
                action="key.create",
                subject_kind="key",
                subject_id="01K",
                address="",
                detail={},
            )
            await ledger.quarantine(connection, name, "", None, b"")
            reply = idempotency.KeptReply(b"digest", "01K", 201, None)
            await idempotency.keep(connection, name, reply)
            attributes = {"id": name, "source": "/s", "type": "t", "specversion": "1.0"}
            await inspection.keep_dead_letter(connection, new_ulid(), attributes, b"")
    scene.execute("UPDATE quarantine SET received_at = %s WHERE reason = 'old'", old)
    scene.execute("UPDATE idempotent_replies SET created_at = %s WHERE token = 'old'", old)
    scene.execute("UPDATE dead_letters SET received_at = %s WHERE event_id = 'old'", old)
    totals = scene.rows("SELECT * FROM spend_totals ORDER BY scope, period")

    async def check() -> None:
        assert scene.rows("SELECT id FROM ledger") == [{"id": ulid_to_uuid(young.id)}]
        assert scene.rows("SELECT sum(requests) AS n FROM usage_rollups") == [{"n": 1}]
        assert scene.rows("SELECT * FROM spend_totals ORDER BY scope, period") == totals
        cutoff = ulid_to_uuid(first_ulid(now_ms() - RETENTION.ledger_days * 86_400_000))
        ended = "SELECT name FROM ledger_partitions WHERE until_id <= %s"
        assert scene.rows(ended, cutoff) == []
        assert f"ledger_{now:%Y_%m}" in scene.attached()
        for statement in (
            "SELECT actor AS name FROM audit",
            "SELECT reason AS name FROM quarantine",
            "SELECT token AS name FROM idempotent_replies",
            "SELECT event_id AS name FROM dead_letters",
        ):
            assert scene.rows(statement) == [{"name": "young"}]

    return check


async def reconcile(scene: Scene) -> Check:
    """Two keys whose budgets Redis knows nothing of; one of them has usage on its way."""
    worker = scene.worker()
    policy = Policy(Limits(requests_per_day=100), (Budget("total", "1"), Budget("day", "1")))
    made = [KeyRecord(id=new_ulid(), user_id="alice", policy=policy) for _ in range(2)]
    records = [make_record(key_id=record.id) for record in made]
    async with worker.database.transaction() as connection:
        await partitions.ensure(connection, now_ms())
        for number, record in enumerate(made):
            await keys.create(connection, record, None, hash_key(str(number)), "cr_12345678")
        await ledger.insert(connection, records)
    await scene.function.settle(encode(make_record(key_id=made[0].id)), now_ms())

    async def check() -> None:
        for record, nano, requests in zip(made, (b"17100", b"8550"), (b"2", b"1"), strict=True):
            (day,) = [one for one in counters_of_key(record) if not one.money]
            name = f"{PREFIX}:{day.key}"
            assert await scene.function.commands.call("HGET", name, "r") == requests
            for one in counters_of_key(record):
                if one.money:
                    name = f"{PREFIX}:{one.key}"
                    assert await scene.function.commands.call("HGET", name, "s") == nano
        assert scene.rows("SELECT * FROM counter_drifts") == []
        (cursor,) = scene.rows("SELECT after, through_at FROM task_cursors")
        assert cursor["after"] == ""
        assert cursor["through_at"] is not None

    return check


def counters_of_key(record: KeyRecord) -> list[Counter]:
    """The counters of a key's own budgets and limits."""
    return counters_of([Applied("key", key_scope(record.id), record.policy)], now_ms())


async def expiries(scene: Scene) -> Check:
    """Keys that end in 12 hours, in 3 days (one of them was told) and in 30 days."""
    ends = {"hours": 0.5, "days": 3, "told": 3, "later": 30}
    ids = {name: await scene.key(name) for name in ends}
    for name, days in ends.items():
        scene.execute(
            "UPDATE api_keys SET expires_at = now() + %s * interval '1 day' WHERE id = %s",
            days,
            ulid_to_uuid(ids[name]),
        )
    told = "INSERT INTO expiries_told SELECT id, 7, expires_at FROM api_keys WHERE id = %s"
    scene.execute(told, ulid_to_uuid(ids["told"]))

    async def check() -> None:
        rows = scene.rows("SELECT key_id, days FROM expiries_told")
        assert {(row["key_id"], row["days"]) for row in rows} == {
            (ulid_to_uuid(ids["hours"]), 1),
            (ulid_to_uuid(ids["days"]), 7),
            (ulid_to_uuid(ids["told"]), 7),
        }

    return check


SEEDS: dict[str, Callable[[Scene], Awaitable[Check]]] = {
    "account_health": account_health,
    "jobs": jobs,
    "key_expiry": key_expiry,
    "leases": leases,
    "notifications": expiries,
    "outbox": outbox,
    "partitions": partitions_ahead,
    "projection": projection,
    "reconcile": reconcile,
    "retention": retention,
}
