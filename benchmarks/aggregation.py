"""Usage records into Postgres: records a second of one core, from an empty and a large ledger.

    python -m benchmarks.aggregation [--rows 20000000] [--records 20000] [--consumers 4]
        [--json FILE]

Measured as processor time of this process and of all of Postgres' processes, which a busy machine
changes little: records by events (signatures checked, 500 an event, as relay sends them) through
`common.posting` into ledger, rollups and totals, and out of a real outbox. Then with consumers at
once, who get what they get in overlapping, shuffled batches. The large ledger is made by SQL.
"""

import argparse
import asyncio
import contextlib
import json
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import psutil
import psycopg

from common.domain.ids import uuid_to_ulid
from common.domain.signature import SIGNATURE_MEMBER, sign
from common.domain.usage import Tokens, UsageRecord
from common.events.types import RECORDS_PER_EVENT_MAX
from common.identifiers import new_ulid
from common.posting import arrival_from_event, post
from common.state.client import RedisPyCommands
from common.state.outbox import Outbox
from common.store import partitions, usage
from common.store.database import Database
from common.store.migrate import migrate

EVENTS_KEY = b"a key of the benchmark, 32 bytes"
KEYS, USERS, TEAMS, MODELS = 400, 200, 20, 6
MONTHS = 4
ROUNDS = 5

Row = dict[str, Any]


@contextlib.contextmanager
def stores() -> Iterator[tuple[str, str, psutil.Process]]:
    """A Postgres and a Redis for the time of the benchmark, and Postgres' first process."""
    from tests.support.servers import PostgresServer, RedisServer

    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory,
        RedisServer(Path(directory) / "redis") as redis,
        PostgresServer(Path(directory) / "postgres") as postgres,
        postgres.database(migrated=False) as url,
    ):
        yield url, redis.url, psutil.Process(postgres.pid)


def made_records(count: int) -> list[UsageRecord]:
    """Records of now as a mixed traffic leaves them."""
    chance = random.Random(1)
    keys, accounts, teams = ([new_ulid() for _ in range(n)] for n in (KEYS, 3, TEAMS))
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def one() -> UsageRecord:
        number = int(KEYS * chance.random() ** 2)
        model = f"model-{(number + (chance.random() < 0.1)) % MODELS}"
        status = "ok" if chance.random() < 0.97 else "error"
        pico = chance.randrange(10**6, 10**9)
        return UsageRecord(
            id=new_ulid(), kind="usage", adjusts=None, occurred_at=moment, key_id=keys[number],
            user_id=f"user-{number % USERS}", team_id=teams[number % TEAMS] if number % 3 else None,
            account_id=accounts[number % 3], provider="openai", dialect="openai",
            endpoint="chat.completions", model_requested=model, model_served=f"{model}-2026",
            status=status, finish_cause="complete",
            tokens=Tokens(input=chance.randrange(9000), output=chance.randrange(900)),
            usage_source="reported", cost_usd=f"0.{pico:012d}", price_version="2026-11-25",
            latency_ms=640, first_token_ms=210, attempts=1, cache_hit=False, redactions=0,
            client="OpenAI/Python 1.99.0", error_code=None, tags=[],
        )  # fmt: skip

    return [one() for _ in range(count)]


async def fill_outbox(commands: RedisPyCommands, records: list[UsageRecord]) -> list[bytes]:
    """Put them where settle puts them; the events that relay sends of them."""
    events = []
    for start in range(0, len(records), RECORDS_PER_EVENT_MAX):
        given = []
        for record in records[start : start + RECORDS_PER_EVENT_MAX]:
            value = msgspec.to_builtins(record)
            encoded = msgspec.json.encode(record)
            outbox_id = await commands.call("XADD", "{relay}:outbox", "*", "r", encoded)
            value["outbox_id"] = outbox_id.decode()
            given.append(value | {SIGNATURE_MEMBER: sign(value, EVENTS_KEY)})
        events.append(msgspec.json.encode(given))
    return events


class Meter:
    """Processor seconds of this process and of Postgres, since it was made."""

    def __init__(self, postgres: psutil.Process) -> None:
        self._postgres = postgres
        self._began = self._now()

    def spent(self) -> tuple[float, float]:
        """Seconds of this process, seconds of Postgres."""
        own, postgres = self._now()
        return own - self._began[0], postgres - self._began[1]

    def _now(self) -> tuple[float, float]:
        processes = [self._postgres, *self._postgres.children(recursive=True)]
        seconds = 0.0
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                seconds += times.user + times.system + times.children_user + times.children_system
        return time.process_time(), seconds


async def consume(
    database: Database, outbox: Outbox, events: list[bytes], consumers: int
) -> tuple[int, int]:
    """Post all events by so many at once; how many records were new, and how many came again."""
    # Each has its own order, and one event of four comes to a second one as well.
    chance = random.Random(2)
    shares: list[list[bytes]] = [events[number::consumers] for number in range(consumers)]
    if consumers > 1:
        for share in shares:
            share.extend(chance.sample(events, len(events) // (4 * consumers)))
            chance.shuffle(share)

    async def consumer(share: list[bytes]) -> tuple[int, int]:
        new = again = 0
        for event in share:
            arrivals = [arrival_from_event(one, EVENTS_KEY) for one in msgspec.json.decode(event)]
            posted = await post(database, outbox, arrivals)
            new, again = new + posted.inserted, again + posted.duplicate
        return new, again

    results = await asyncio.gather(*(consumer(share) for share in shares))
    return sum(new for new, _ in results), sum(again for _, again in results)


async def measure(
    name: str, stores: tuple[str, str, psutil.Process], count: int, consumers: int
) -> Row:
    """One line of the table. Raises `RuntimeError` should a record be missing or a lock circle."""
    url, redis_url, postgres = stores
    commands = RedisPyCommands.from_url(redis_url)
    database, outbox = Database(url), Outbox(commands, "{relay}")
    events = await fill_outbox(commands, made_records(count))
    async with database.transaction() as connection:
        await partitions.ensure(connection, int(time.time() * 1000))
    meter, began = Meter(postgres), time.perf_counter()
    new, again = await consume(database, outbox, events, consumers)
    own_s, postgres_s = meter.spent()
    took_s = time.perf_counter() - began
    async with database.transaction() as connection:
        found = await connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        )
        row = await found.fetchone()
    if new != count or row is None or row["deadlocks"] or (await outbox.depth())[0]:
        raise RuntimeError(f"{new} of {count} are new, {row}")
    await database.close()
    await commands.close()
    return {
        "case": name,
        "consumers": consumers,
        "records": count,
        "again": again,
        "function_us": own_s / (new + again) * 1e6,
        "postgres_us": postgres_s / (new + again) * 1e6,
        "records_per_core_s": (new + again) / (own_s + postgres_s),
        "seconds": took_s,
    }


async def make_rows(url: str, rows: int) -> None:
    """A ledger of so many rows in the last months, with the sums that belong to them.

    A month's rows are written before it is attached, which makes its indexes: 20 million take
    minutes so.
    """
    database, began = Database(url, statement_timeout_ms=0), time.perf_counter()
    here = Path(__file__).parent
    insert = (here / "large_ledger.sql").read_text()
    first_ms = int((datetime.now(UTC) - timedelta(days=30 * (MONTHS - 1))).timestamp() * 1000)
    async with database.transaction() as connection:
        await partitions.ensure(connection, first_ms, MONTHS + 1)
        found = await connection.execute("SELECT * FROM ledger_partitions ORDER BY since_id")
        months = (await found.fetchall())[1 : MONTHS + 1]
    for month in months:
        name, each = month["name"], rows // len(months)
        since_ms = month["since_id"].int >> 80
        until_ms = min(month["until_id"].int >> 80, int(time.time() * 1000))
        values = {"since_ms": since_ms, "step_us": (until_ms - since_ms) * 1000 // each}
        make = f"""
            SET LOCAL maintenance_work_mem = '1GB';
            DROP TABLE {name};
            CREATE TABLE {name} (LIKE ledger INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
        """
        attach = f"""
            ALTER TABLE ledger ATTACH PARTITION {name}
            FOR VALUES FROM ('{month["since_id"]}') TO ('{month["until_id"]}')
        """
        async with database.transaction() as connection:
            await connection.execute(make.encode())
            await connection.execute(insert.format(name=name).encode(), values | {"rows": each})
            await connection.execute(attach.encode())
        print(f"{name}: {each:,} rows, {time.perf_counter() - began:.0f} s", flush=True)
    print(f"sums, {time.perf_counter() - began:.0f} s", flush=True)
    for part in (here / "large_ledger_sums.sql").read_text().split(";"):
        async with database.transaction() as connection:
            await connection.execute("SET LOCAL work_mem = '1GB'")
            await connection.execute(part.encode())
    await database.close()


async def reports(url: str, when: str) -> list[Row]:
    """What the usage report asks: the best time in Postgres, and what is read for it.

    Raises `RuntimeError` for one that reads the ledger.
    """
    database = Database(url)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    month = today - timedelta(days=30)
    async with database.transaction() as connection:
        found = await connection.execute("SELECT key_id FROM usage_rollups LIMIT 1")
        key_id = uuid_to_ulid(((await found.fetchone()) or {})["key_id"])
    berlin = ZoneInfo("Europe/Berlin")
    there = datetime.combine(month.date(), datetime.min.time(), berlin)
    recent, of_key = usage.Filters(since=month), usage.Filters(since=month, key_id=key_id)
    asked: dict[str, tuple[usage.Filters, list[str], str]] = {
        "today by model": (usage.Filters(since=today), ["model"], "UTC"),
        "30 days by model and day": (recent, ["model", "day"], "UTC"),
        "30 days by key": (recent, ["key"], "UTC"),
        "30 days of one key by day": (of_key, ["day"], "UTC"),
        "all time by model": (usage.Filters(), ["model"], "UTC"),
        "all time by key and month": (usage.Filters(), ["key", "month"], "UTC"),
        "30 days of Berlin by model": (usage.Filters(since=there), ["model"], berlin.key),
        "30 days of Berlin by day": (usage.Filters(since=there), ["day"], berlin.key),
    }
    rows = []
    for name, (filters, groups, zone) in asked.items():
        async with database.transaction() as connection:
            best_ms = 1e9
            for _ in range(ROUNDS):
                explaining = Explaining(connection)
                await usage.sums(explaining, filters, groups, zone, 9999)  # type: ignore[arg-type]
                best_ms = min(best_ms, explaining.took_ms)
        if "ledger" in explaining.plan:
            raise RuntimeError(f"{name} reads the ledger:\n{explaining.plan}")
        rows.append({"case": f"{when}, {name}", "report_ms": best_ms})
    await database.close()
    return rows


class Explaining:
    """A connection that explains what it is given: its plan and time are kept."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.plan = ""
        self.took_ms = 0.0

    async def execute(self, statement: bytes, values: Any) -> Any:
        explain = b"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + statement
        cursor = await self._connection.execute(explain, values)
        (found,) = (await cursor.fetchone())["QUERY PLAN"]
        self.plan, self.took_ms = json.dumps(found), found["Execution Time"]
        return await self._connection.execute(statement, values)


async def rows_of(arguments: argparse.Namespace) -> list[Row]:
    """All lines, in the order in which they are measured."""
    with stores() as (url, redis_url, postgres):
        migrate(url)
        at = (url, redis_url, postgres)
        table = [await measure("empty ledger", at, arguments.records, 1)]
        table.append(await measure("empty ledger", at, arguments.records, arguments.consumers))
        if arguments.rows:
            # Into a database of its own: what is measured above is not in it.
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            migrate(url)
            began = time.perf_counter()
            await make_rows(url, arguments.rows)
            print(f"{arguments.rows:,} rows made in {time.perf_counter() - began:.0f} s")
            name = f"{arguments.rows:,} rows"
            table += await reports(url, name)
            table.append(await measure(name, at, arguments.records, 1))
            table.append(await measure(name, at, arguments.records, arguments.consumers))
        return table


def show(table: list[Row]) -> None:
    """As text."""
    head = ("function us", "postgres us", "records/s/core", "report ms")
    print(f"{'case':48} {'consumers':>9} {' '.join(f'{name:>15}' for name in head)}")
    for row in table:
        figures = ("function_us", "postgres_us", "records_per_core_s", "report_ms")
        cells = " ".join(f"{row[name]:>15.1f}" if name in row else " " * 15 for name in figures)
        print(f"{row['case']:48} {row.get('consumers', ''):>9} {cells}")


def main(arguments: list[str] | None = None) -> list[Row]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the large ledger; 0: none")
    parser.add_argument("--records", type=int, default=20_000, help="for each line")
    parser.add_argument("--consumers", type=int, default=4)
    parser.add_argument("--json", type=Path, help="write the lines there as well")
    options = parser.parse_args(arguments)
    table = asyncio.run(rows_of(options))
    show(table)
    if options.json is not None:
        options.json.write_text(json.dumps({"benchmark": "aggregation", "rows": table}, indent=1))
    return table


if __name__ == "__main__":
    main()
