"""exporter with real stores: what they hold is scraped, and one that is away fails no scrape."""

import asyncio
import socket
import time
from datetime import UTC, datetime

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from cli.dev.ports import free_port
from common.domain.ids import ulid_to_uuid
from common.domain.usage import Tokens
from common.identifiers import now_ms
from common.store import ledger, partitions
from common.store.database import Database
from functions.exporter.watched import FRESH_S
from tests.support.event_worker import PREFIX, EventWorker
from tests.support.usage_records import make_record, ulid_at

LETTER = """
INSERT INTO dead_letters (id, event_id, event_source, event_type, attributes, body, retried_at)
VALUES (gen_random_uuid(), %s, '/s', 't', '{}', '', %s)
"""
QUARANTINED = """
INSERT INTO quarantine (fingerprint, reason, detail, record)
VALUES ('x', 'bad_signature', '', '')
"""
CHANGE = """
INSERT INTO changes (kind, subject, version, made_at)
VALUES ('key', gen_random_uuid(), 1, now() - interval '1 hour')
"""
HOUR_MS = 3_600_000
UP = "relay_exporter_up"
OF_REDIS = {
    *("relay_outbox_depth", "relay_outbox_oldest_age_seconds", "relay_leases"),
    *(
        "relay_accounts_resting",
        "relay_accounts_unhealthy",
        "relay_projection_ready",
        "relay_jobs_open",
    ),
}
OF_POSTGRES = {
    *("relay_projection_changes_waiting", "relay_projection_oldest_change_age_seconds"),
    *("relay_quarantined_records", "relay_dead_letters_waiting", "relay_ledger_cost_usd"),
    "relay_ledger_tokens_today",
}


class Exporter(EventWorker):
    """The process and its scrapes."""

    metrics_url = ""

    async def scrape(self):
        """Samples: name and label values to value."""
        answer = await self.client.get(self.metrics_url)
        assert answer.status_code == 200
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }

    async def scrape_until(self, wanted):
        """The first scrape that `wanted` holds of; answers are kept for `FRESH_S`."""
        end = time.monotonic() + 4 * FRESH_S
        while not wanted(found := await self.scrape()):
            assert time.monotonic() < end, found
            await asyncio.sleep(0.2)
        return found


@pytest.fixture
async def start(tmp_path, postgres_url, redis_url):
    begun = []

    async def begin(**environment):
        port = free_port()
        given = {"RELAY_METRICS_PORT": str(port), "RELAY_INTERNAL_SECRET": ""} | environment
        exporter = Exporter(
            "functions.exporter.main:application", tmp_path, postgres_url, redis_url, **given
        )
        begun.append(exporter)
        exporter.process.start()
        exporter.metrics_url = f"http://127.0.0.1:{port}/prometheus"
        end = time.monotonic() + 60
        while True:  # the metrics port comes a second after readiness; a scrape would be kept
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                assert time.monotonic() < end
                await asyncio.sleep(0.1)
            else:
                return exporter

    yield begin
    for exporter in begun:
        await exporter.close()


async def test_stores_that_are_new(start):
    exporter = await start()
    found = await exporter.scrape()
    assert (found[UP, "redis"], found[UP, "postgres"]) == (1, 1)
    assert {name for name, *_ in found} >= OF_REDIS | OF_POSTGRES
    assert found["relay_projection_ready",] == 0
    assert found["relay_outbox_oldest_age_seconds",] == 0
    assert found["relay_ledger_cost_usd", "total"] == 0
    assert ("relay_ledger_partitions_until_seconds",) not in found
    assert (await exporter.client.get("/")).status_code == 404
    assert exporter.process.stop() == 0


async def _fill(postgres_url, records):
    """Records into the ledger, and one of all that waits for somebody; the newest month's end."""
    database = Database(postgres_url)
    async with database.transaction() as connection:
        await partitions.ensure(connection, now_ms())
        await ledger.insert(connection, records)
        bounds = await partitions.bounds(connection)
    await database.close()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for statement, values in (
            (LETTER, ("one", None)),
            (LETTER, ("retried", datetime.now(UTC))),
            (QUARANTINED, None),
            (CHANGE, None),
        ):
            connection.execute(statement, values)
    return bounds.until


async def test_what_postgres_holds(start, postgres_url):
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    records = [
        make_record(id=ulid_at(midnight), cost_usd="0.500000000000"),
        make_record(status="error", provider="anthropic", tokens=Tokens(input=5)),
        make_record(id=ulid_at(midnight.replace(day=1)), cost_usd="0.250000000000"),
    ]
    today = [record for record in records if record.occurred_at >= f"{midnight:%Y-%m-%d}"]
    until = await _fill(postgres_url, records)
    found = await (await start()).scrape()
    assert found["relay_projection_changes_waiting",] == 1
    assert 3600 <= found["relay_projection_oldest_change_age_seconds",] < 3700
    assert found["relay_quarantined_records",] == 1
    assert found["relay_dead_letters_waiting",] == 1
    for period, counted in (("total", records), ("month", records), ("day", today)):
        cost = sum(float(record.cost_usd) for record in counted)
        assert found["relay_ledger_cost_usd", period] == pytest.approx(cost)
    tokens = sum(record.tokens.input for record in today)
    assert found["relay_ledger_tokens_today", "input"] == tokens
    assert found["relay_ledger_requests_today", "anthropic", "error"] == 1
    assert found["relay_ledger_requests_today", "openai", "ok"] == len(today) - 1
    newest = datetime.fromtimestamp(found["relay_ledger_partitions_until_seconds",], UTC)
    assert (newest.day, newest.hour) == (1, 0)
    # Their first 48 bits are the time.
    assert ulid_to_uuid(ulid_at(newest)).bytes[:6] == until.bytes[:6]


async def test_what_redis_holds(start):
    exporter = await start()
    await exporter.settle(b"x", now_ms() - HOUR_MS)
    call = exporter.commands.call
    await call("SET", f"{PREFIX}:epoch", "01EPOCH")
    await call("ZADD", f"{PREFIX}:leases", now_ms() - HOUR_MS, "over", now_ms() + HOUR_MS, "open")
    until, past = now_ms() + HOUR_MS, now_ms() - HOUR_MS
    ill = f"{until} 900000 0 {past} unauthorized -"
    await call("HSET", f"{PREFIX}:cooldowns", "a", until, "b", past, "c", ill)
    await call("HSET", f"{PREFIX}:jobs", "r1", "{}", "r2", "{}")
    found = await exporter.scrape_until(lambda seen: seen["relay_outbox_depth",] == 1)
    assert 3600 <= found["relay_outbox_oldest_age_seconds",] < 3700
    assert (found["relay_leases", "open"], found["relay_leases", "over"]) == (1, 1)
    assert found["relay_accounts_resting",] == 2
    assert found["relay_accounts_unhealthy", "cooling"] == 1
    assert found["relay_accounts_unhealthy", "unauthorized"] == 1
    assert found["relay_jobs_open",] == 2
    assert found["relay_projection_ready",] == 1


async def test_a_redis_that_is_away_takes_only_its_gauges_along(start, redis_server):
    exporter = await start()
    assert (await exporter.scrape())[UP, "redis"] == 1
    redis_server.stop()
    found = await exporter.scrape_until(lambda seen: seen[UP, "redis"] == 0)
    assert found[UP, "postgres"] == 1
    names = {name for name, *_ in found}
    assert names >= OF_POSTGRES
    assert not OF_REDIS & names
    redis_server.start()
    await exporter.scrape_until(lambda seen: seen[UP, "redis"] == 1)
    assert [line["store"] for line in exporter.lines("store_away")] == ["redis"]
    assert [line["store"] for line in exporter.lines("store_answers")] == ["redis"]


async def test_no_store_at_all(start):
    nowhere = {
        "RELAY_DATABASE_URL": f"postgresql://relay:secret@127.0.0.1:{free_port()}/relay",
        "RELAY_REDIS_URL": f"redis://:secret@127.0.0.1:{free_port()}/0",
    }
    exporter = await start(**nowhere)
    found = await exporter.scrape()
    assert (found[UP, "redis"], found[UP, "postgres"]) == (0, 0)
    assert not (OF_REDIS | OF_POSTGRES) & {name for name, *_ in found}
    assert "secret" not in exporter.log.read_text()


async def test_a_database_without_schema(start, empty_database_url):
    exporter = await start(RELAY_DATABASE_URL=empty_database_url)
    assert (await exporter.scrape())[UP, "postgres"] == 0
    assert "relayctl migrate" in exporter.lines("store_away")[0]["error"]


async def test_a_store_that_hangs_holds_up_no_scrape(start):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it accepts, and says nothing
        address = f"postgresql://relay@127.0.0.1:{silent.getsockname()[1]}/relay"
        exporter = await start(RELAY_DATABASE_URL=address)
        # Within the time that Prometheus gives a scrape by default.
        answer = await exporter.client.get(exporter.metrics_url, timeout=10)
        assert answer.status_code == 200
        found = await exporter.scrape()
    assert (found[UP, "redis"], found[UP, "postgres"]) == (1, 0)
