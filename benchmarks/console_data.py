"""A database as it is after a year: a ledger with its sums, keys, users, teams, accounts, a trail.

What takes minutes to fill is kept in a directory outside the tree and taken again by the next run
of the same size. The ledger's rows and their sums are made by SQL (`console_fill`); days, months
and whatever else the product keeps by triggers is kept by them.
"""

import asyncio
import dataclasses
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from common.domain.accounts import credential_name
from common.domain.ids import uuid_to_ulid
from common.domain.keys import hash_key
from common.keyring import Keyring
from common.projection import rebuild
from common.state.client import RedisPyCommands
from common.store import partitions
from common.store.database import Database
from common.store.migrate import migrate
from tests.support.processes import INTERNAL_SECRET
from tests.support.servers import PostgresServer

DAYS = 400
# Of the key whose holder's pages are asked.
HOLDERS_KEY = "cr_benchmark" + 40 * "k"
PROVIDERS = ("openai", "anthropic", "gemini", "openai_compatible", "azure_openai")
_FILLED = "filled.json"
_FILL = Path(__file__).parent / "console_fill"
# What is sorted and indexed for a month at a time.
_MEMORY = "SET work_mem = '256MB'; SET maintenance_work_mem = '512MB'; SET jit = off"


@dataclasses.dataclass(frozen=True)
class Size:
    """How much there is."""

    rows: int = 10_000_000
    keys: int = 100_000
    users: int = 20_000
    teams: int = 500
    accounts: int = 50
    audit: int = 200_000
    letters: int = 5_000


SMALL = Size(50_000, 2_000, 400, 20, 10, 2_000, 200)


@contextmanager
def filled(directory: Path, size: Size) -> Iterator[tuple[PostgresServer, str]]:
    """The server and the database's URL, filled if it is not yet, migrated if it was before."""
    mark = directory / _FILLED
    with PostgresServer(directory) as server:
        url = server.url("console")
        is_filled = mark.exists() and json.loads(mark.read_text()) == dataclasses.asdict(size)
        if not is_filled:
            mark.unlink(missing_ok=True)
            with psycopg.connect(server.url(), autocommit=True) as connection:
                connection.execute("DROP DATABASE IF EXISTS console WITH (FORCE)")
                connection.execute("CREATE DATABASE console TEMPLATE template0")
        migrate(url, wait_s=3600)
        if not is_filled:
            fill(url, size)
            mark.write_text(json.dumps(dataclasses.asdict(size)))
        with _connected(url) as connection:
            for statement in (_FILL / "samples.sql").read_text().split(";\n"):
                connection.execute(statement.encode(), {"hash": hash_key(HOLDERS_KEY)})
        yield server, url


async def project(url: str, redis_url: str) -> None:
    """What Redis has of it, as a function makes that at its start."""
    database, commands = Database(url, statement_timeout_ms=0), RedisPyCommands.from_url(redis_url)
    await rebuild(database, commands, "{relay}")
    await database.close()
    await commands.close()


def fill(url: str, size: Size) -> None:
    """Into an empty database that has its tables."""
    began = time.perf_counter()

    def say(what: str) -> None:
        print(f"{time.perf_counter() - began:6.0f} s: {what}", flush=True)

    now = datetime.now(UTC)
    months = asyncio.run(_months(url, now - timedelta(days=DAYS), now))
    values = dataclasses.asdict(size) | {"days": DAYS}
    with _connected(url) as connection:
        for statement in (_FILL / "directory.sql").read_text().split(";\n"):
            connection.execute(statement.encode(), values)
        ids = _accounts(connection, size.accounts)
        for name, *_bounds in months:
            connection.execute(f"DROP TABLE {name}".encode())
    say("keys, users, teams, accounts, trail")
    given = values | {"accounts": ids}
    with ThreadPoolExecutor(2) as pool:
        for name in pool.map(lambda one: _month(url, one, given, now), months):
            say(name)
    with _connected(url) as connection:
        for name, *_bounds in months:
            connection.execute((_FILL / "sums.sql").read_text().format(name=name).encode())
            say(f"sums of {name}")
        connection.execute((_FILL / "totals.sql").read_bytes())
        say("totals")
        connection.execute("VACUUM ANALYZE")
    say("statistics")


async def _months(url: str, first: datetime, now: datetime) -> list[tuple[str, Any, Any]]:
    """The partitions that rows come into, each with its bounds; those to come are made too."""
    database = Database(url, statement_timeout_ms=0)
    count = (now.year - first.year) * 12 + now.month - first.month
    async with database.transaction() as connection:
        await partitions.ensure(
            connection, int(first.timestamp() * 1000), count + partitions.MONTHS_AHEAD
        )
        cursor = await connection.execute("SELECT * FROM ledger_partitions ORDER BY since_id")
        found = await cursor.fetchall()
    await database.close()
    this = now.strftime("ledger_%Y_%m")
    first_name = first.strftime("ledger_%Y_%m")
    return [
        (one["name"], one["since_id"], one["until_id"])
        for one in found
        if first_name <= one["name"] <= this
    ]


def _month(url: str, month: tuple[str, Any, Any], given: dict[str, Any], now: datetime) -> str:
    """Rows of a month, which get their indexes afterwards: the table is taken out meanwhile."""
    name, since, until = month
    now_ms = int(now.timestamp() * 1000)
    begins = now_ms - DAYS * 86_400_000
    step_ms = DAYS * 86_400_000 / given["rows"]
    since_ms, until_ms = max(begins, since.int >> 80), min(now_ms, until.int >> 80)
    rows = int((until_ms - since_ms) / step_ms)
    first = int((since_ms - begins) / step_ms)
    values = given | {"since_ms": since_ms, "step_ms": step_ms, "rows": rows, "first": first}
    insert = (_FILL / "ledger.sql").read_text().format(name=name)
    with _connected(url) as connection:
        connection.execute(
            f"CREATE TABLE {name} (LIKE ledger INCLUDING DEFAULTS INCLUDING CONSTRAINTS)".encode()
        )
        connection.execute(insert.encode(), values)
        connection.execute(
            f"ALTER TABLE ledger ATTACH PARTITION {name} "
            f"FOR VALUES FROM ('{since}') TO ('{until}')".encode()
        )
    return f"{name}: {rows:,} rows"


def _accounts(connection: psycopg.Connection[Any], count: int) -> list[Any]:
    """Accounts whose credentials open with the secret of the tests."""
    keyring = Keyring("", INTERNAL_SECRET)
    insert = """
        INSERT INTO accounts (id, name, provider, base_url, credential, models, priority, weight,
                              max_concurrency, enabled, version)
        VALUES (%s, %s, %s, %s, %s, %s, 50, 1, 0, true, nextval('projection_versions'))
    """
    cursor = connection.execute(
        "SELECT ('01910000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid AS id "
        "FROM generate_series(1, %s) AS n",
        [count],
    )
    ids = [row[0] for row in cursor.fetchall()]
    for place, one in enumerate(ids):
        provider = PROVIDERS[place % len(PROVIDERS)]
        sealed = keyring.seal("sk-benchmark", credential_name(uuid_to_ulid(one)))
        models = {f"{provider}-{number}": f"{provider}-{number}-2026" for number in range(4)}
        where = "https://provider.invalid/v1"
        connection.execute(
            insert, [one, f"{provider} {place}", provider, where, sealed, Jsonb(models)]
        )
    return ids


def _connected(url: str) -> psycopg.Connection[Any]:
    connection = psycopg.connect(url, autocommit=True)
    connection.execute(_MEMORY)
    connection.execute("SET synchronous_commit = off")
    return connection
