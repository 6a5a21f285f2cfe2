"""What Postgres says."""

import time
from collections.abc import Iterator
from datetime import datetime

import msgspec
import psycopg
from psycopg.rows import dict_row

from cli.doctor.finding import Finding, age, fine, warning, wrong
from common.domain.accounts import AccountRecord
from common.identifiers import now_ms
from common.store import accounts, partitions, reconciliation
from common.store.condition import Condition, Schema, clock, condition, is_too_old, schema, unpriced
from common.store.database import Connection
from common.store.reconciliation import DriftSums

# cleanup replays what was left of a change every ten minutes.
CHANGE_AGE_S_MAX = 1_200
UNPRICED_DAYS = 7
# cleanup compares counters with the ledger every hour.
LOOKED_S_MAX = 3 * 3600
MODELS_MAX = 5
CONNECT_S = 5
STATEMENT_TIMEOUT_MS = 10_000
_MIGRATE = "run `relayctl migrate` (in a cluster: `helm upgrade` runs it as a Job)"
_REACH = (
    "see that it runs, and that RELAY_DATABASE_URL (with RELAY_DATABASE_PASSWORD) names it, its "
    "user and the password"
)


class PostgresReport(msgspec.Struct):
    """The findings; the clock and the stored accounts by id, when they could be read."""

    findings: list[Finding]
    ahead_ms: float | None = None
    accounts: dict[str, AccountRecord] | None = None


async def examine_postgres(url: str) -> PostgresReport:
    """Look at everything there is to see; nothing raises but a mistake of ours."""
    report = PostgresReport([])
    try:
        # Not by the pool: only the connection itself says why it cannot be made.
        connection = await psycopg.AsyncConnection.connect(
            url,
            autocommit=True,
            connect_timeout=CONNECT_S,
            row_factory=dict_row,
            options=f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c timezone=UTC",
            application_name="relayctl",
        )
    except psycopg.OperationalError as error:
        report.findings.append(wrong("postgres", _first_line(error), _REACH))
        return report
    except psycopg.ProgrammingError:  # whose text would show parts of the URL
        report.findings.append(wrong("postgres", "RELAY_DATABASE_URL cannot be read", _REACH))
        return report
    async with connection:
        try:
            await _examine(connection, report)
        except psycopg.errors.UndefinedTable:
            report.findings.append(wrong("schema", "none, or only a part of it", _MIGRATE))
        except psycopg.Error as error:
            report.findings.append(wrong("postgres", _first_line(error), _REACH))
    return report


async def _examine(connection: Connection, report: PostgresReport) -> None:
    before = time.time()
    now = await clock(connection)
    after = time.time()
    report.ahead_ms = (now.timestamp() - (before + after) / 2) * 1000
    report.findings.append(_reached(connection, (after - before) * 1000))
    report.findings.append(_schema(await schema(connection)))
    report.findings += _waiting(await condition(connection), now)
    report.findings.append(await _partitions(connection))
    report.findings.append(
        _prices(await unpriced(connection, days=UNPRICED_DAYS, limit=MODELS_MAX))
    )
    report.findings.append(
        _counters(await reconciliation.drift_sums(connection), await _worst(connection), now)
    )
    stored = await accounts.page(connection, limit=10_000)
    report.accounts = {account.record.id: account.record for account in stored}


def _reached(connection: Connection, latency_ms: float) -> Finding:
    version = f"Postgres {connection.info.server_version // 10_000}"
    if is_too_old(connection):
        return wrong("postgres", version, "Relay needs Postgres 15 or later")
    return fine("postgres", f"{version}, answers in {latency_ms:.1f} ms")


def _schema(found: Schema) -> Finding:
    if found.unknown:
        return wrong(
            "schema",
            f"has {', '.join(found.unknown)}, which this version of Relay does not know",
            "use the version of Relay that the database belongs to, or another database",
        )
    if found.missing:
        return wrong("schema", f"lacks {', '.join(found.missing)}", _MIGRATE)
    return fine("schema", f"{found.applied} migrations, all of this version")


def _waiting(seen: Condition, now: datetime) -> Iterator[Finding]:
    if seen.quarantined:
        yield warning(
            "quarantine",
            f"{seen.quarantined} records that the ledger could not take",
            "see why: `relayctl quarantine list`; then `relayctl quarantine retry`",
        )
    else:
        yield fine("quarantine", "empty")
    if seen.dead_letters:
        yield warning(
            "dead letters",
            f"{seen.dead_letters} events that nobody took",
            "see why: `relayctl dead-letters list`; then `relayctl dead-letters retry`",
        )
    else:
        yield fine("dead letters", "none")
    if seen.oldest_change is None:
        yield fine("projection", "Redis has all changes of keys and accounts")
        return
    oldest_s = (now - seen.oldest_change).total_seconds()
    detail = f"{seen.changes} changes of keys or accounts wait for Redis, since {age(oldest_s)}"
    if oldest_s < CHANGE_AGE_S_MAX:
        yield fine("projection", detail)
    else:
        yield wrong(
            "projection",
            detail,
            "run `relayctl cleanup projection`, and see in its log why cleanup does not",
        )


async def _partitions(connection: Connection) -> Finding:
    if await partitions.bounds(connection) is None:
        return fine("partitions", "none yet: they are made with the first record")
    missing = await partitions.missing(connection, now_ms())
    if not missing:
        return fine("partitions", f"{partitions.MONTHS_AHEAD} months ahead")
    return warning(
        "partitions",
        f"none from {missing[0][0]:%Y-%m} on; cleanup should have made them",
        "run `relayctl cleanup partitions`, and see in its log why cleanup does not",
    )


def _prices(unpriced_requests: dict[str, int]) -> Finding:
    if not unpriced_requests:
        return fine("prices", f"no request of the last {UNPRICED_DAYS} days was without one")
    models = ", ".join(f"{model} ({count})" for model, count in unpriced_requests.items())
    return warning(
        "prices",
        f"none for models used in the last {UNPRICED_DAYS} days, which stand at $0: {models}",
        "give them prices (relayctl prices import, then recompute), or refuse such models "
        "(unpriced_models: deny)",
    )


async def _worst(connection: Connection) -> str:
    found = await reconciliation.drifts(connection, 1)
    return f"{found[0].scope} {found[0].period}" if found else ""


def _counters(sums: DriftSums, worst: str, now: datetime) -> Finding:
    if sums.looked_at is None:
        looked = "never yet"
    else:
        looked = f"all of them {age((now - sums.looked_at).total_seconds())} ago"
    if sums.counters:
        return warning(
            "counters",
            f"{sums.counters} figures in Redis differ from the ledger, the most of {worst}: "
            f"${sums.under_usd:.9f} too little, ${sums.over_usd:.9f} too much spent; compared "
            f"{looked}",
            "see which by `relayctl reconcile --dry-run`, and what to do in docs/operations.md, "
            "Drift and rebuild",
        )
    late = sums.looked_at is not None and (now - sums.looked_at).total_seconds() > LOOKED_S_MAX
    if late:
        return warning(
            "counters",
            f"compared with the ledger {looked}",
            "run `relayctl cleanup reconcile`, and see in its log why cleanup does not",
        )
    if sums.looked_at is None:
        return fine("counters", "not compared with the ledger yet: cleanup does it every hour")
    return fine("counters", f"agree with the ledger; compared {looked}")


def _first_line(error: psycopg.Error) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
