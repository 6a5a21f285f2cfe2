"""A page of the ledger, or of keys, looks at about as many rows as it shows, whatever is asked."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from common.domain.ids import uuid_to_ulid
from common.identifiers import new_ulid
from common.store import keys, partitions, timings, usage
from common.store.usage import Filters

ROWS, KEYS, PAGE = 12_000, 3_000, 51
# An index's page or two more than is shown, and nothing like a tenth of what there is.
LOOKED_AT_MAX = 500
NOW = datetime(2026, 11, 20, tzinfo=UTC)

KEY = "01920000-0000-7000-8000-000000000000"
# Teams, accounts, models and endpoints of their own at the ledger's beginning, and none since.
FILL = f"""
INSERT INTO teams (id, name, version)
SELECT ('01930000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Team ' || n, n
FROM generate_series(0, 4) AS n;
INSERT INTO api_keys (id, name, user_id, team_id, version)
SELECT ('01920000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Key ' || md5(n::text), 'u',
       ('01930000-0000-7000-8000-' || lpad((n % 4)::text, 12, '0'))::uuid, n
FROM generate_series(0, {KEYS - 1}) AS n;
INSERT INTO ledger (
    id, kind, occurred_at, key_id, user_id, team_id, account_id, provider, dialect, endpoint,
    model_requested, model_served, status, finish_cause, input, output, cache_read, cache_write_5m,
    cache_write_1h, reasoning, audio_input, audio_output, usage_source, cost_usd, price_version,
    latency_ms, attempts, cache_hit, redactions, tags, error_code
)
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
           || substr(md5(n::text), 1, 20))::uuid,
       'usage', at, ('01920000-0000-7000-8000-' || lpad((n % 100 + old)::text, 12, '0'))::uuid,
       'user-' || n % 7 + old,
       ('01930000-0000-7000-8000-' || lpad((n % 2 + old * 2)::text, 12, '0'))::uuid,
       ('01940000-0000-7000-8000-' || lpad((n % 3 + old)::text, 12, '0'))::uuid,
       'provider-' || old, 'openai', 'endpoint-' || old, 'm', 'model-' || n % 5 + old,
       CASE WHEN old > 0 THEN 'interrupted' ELSE 'ok' END, 'complete', 1, 1, 0, 0, 0, 0, 0, 0,
       'reported', 0.001, 'v', 5, 1, false, 0, '{{}}',
       CASE WHEN n < 20 THEN 'rare' WHEN n % 3 = 0 THEN 'common' END
FROM generate_series(0, {ROWS - 1}) AS n
CROSS JOIN LATERAL (
    SELECT timestamptz '{NOW - timedelta(days=60)}' + n * interval '60 days' / {ROWS} AS at,
           CASE WHEN n < 20 THEN 1000 ELSE 0 END AS old
) AS given;
INSERT INTO usage_rollups
SELECT date_bin('15 minutes', min(occurred_at), '2000-01-01Z'), '{KEY}', 'u', NULL, account_id,
       provider, model_served, endpoint, status, count(*), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
FROM ledger
GROUP BY account_id, provider, model_served, endpoint, status;
"""


class Looking:
    """A connection that counts the rows which its last statement looked at in the tables."""

    def __init__(self, connection):
        self._connection = connection
        self.looked_at = 0

    async def execute(self, statement, values, **options):
        explain = b"EXPLAIN (ANALYZE, FORMAT JSON) " + statement
        cursor = await self._connection.execute(explain, values, **options)
        found = (await cursor.fetchone())["QUERY PLAN"]
        self.looked_at = rows_of(found[0]["Plan"])
        self.plan = json.dumps(found)
        return await self._connection.execute(statement, values, **options)


def rows_of(node) -> int:
    own = 0
    if "Relation Name" in node:
        rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        own = int(rows * node["Actual Loops"])
    return own + sum(rows_of(one) for one in node.get("Plans", ()))


@pytest.fixture
async def looking(database):
    async with database.transaction() as connection:
        first = NOW - timedelta(days=60)
        await partitions.ensure(connection, int(first.timestamp() * 1000), 6)
        for statement in FILL.split(";\n"):
            if statement.strip():
                await connection.execute(statement.encode())
        await connection.execute("ANALYZE")
        yield Looking(connection)


def ulid_of(kind: str, number: int) -> str:
    return uuid_to_ulid(UUID(f"019{kind}0000-0000-7000-8000-{number:012d}"))


ASKED = {
    "everything": {},
    "a key": {"key_id": ulid_of("2", 5)},
    "a key without use": {"key_id": ulid_of("2", 900)},
    "a user of long ago": {"user_id": "user-1001"},
    "a team of long ago": {"team_id": ulid_of("3", 2000)},
    "one team of long ago": {"team_ids": [ulid_of("3", 2000)]},
    "teams of long ago": {"team_ids": [ulid_of("3", 2000), ulid_of("3", 2001)]},
    "an account of long ago": {"account_id": ulid_of("4", 1001)},
    "no account": {"account_id": new_ulid()},
    "a model of long ago": {"model": "model-1001"},
    "no model": {"model": "none"},
    "a provider of long ago": {"provider": "provider-1000"},
    "an endpoint of long ago": {"endpoint": "endpoint-1000"},
    "a status of long ago": {"status": "interrupted"},
    "no such status": {"status": "cancelled"},
    "what was never served so": {"provider": "provider-0", "endpoint": "endpoint-1000"},
    "days": {"since": NOW - timedelta(days=30), "until": NOW - timedelta(days=29)},
}


async def test_a_page_costs_what_it_shows(looking):
    """One ledger for all that is asked, since filling it takes a second."""
    await first_pages(looking)
    await pages_of_errors(looking)
    await last_pages(looking)
    for sort in ("newest", "oldest", "name"):
        await pages_of_keys(looking, sort)


async def first_pages(looking):
    for what, members in ASKED.items():
        filters = Filters(**members)
        for _ in range(2):
            await usage.records(looking, filters, before=None, limit=PAGE)
            assert looking.looked_at <= LOOKED_AT_MAX, (what, looking.plan)
        await timings.timings(looking, filters, PAGE)
        assert looking.looked_at <= LOOKED_AT_MAX, (what, looking.plan)


async def pages_of_errors(looking):
    for error, status in (("common", "ok"), ("rare", "interrupted"), ("none", "ok")):
        await usage.records(
            looking, Filters(status=status), error_code=error, before=None, limit=PAGE
        )
        assert looking.looked_at <= LOOKED_AT_MAX, (error, looking.plan)


async def last_pages(looking):
    last = uuid_to_ulid((await (await looking._connection.execute(
        "SELECT id FROM ledger ORDER BY id OFFSET 30 LIMIT 1"
    )).fetchone())["id"])  # fmt: skip
    for members in ({}, {"status": "interrupted"}, {"team_ids": [ulid_of("3", 0)]}):
        await usage.records(looking, Filters(**members), before=last, limit=PAGE)
        assert looking.looked_at <= LOOKED_AT_MAX, looking.plan


async def pages_of_keys(looking, sort):
    shown = []
    after = None
    for _ in range(3):
        page = await keys.page(looking, sort=sort, after=after, limit=PAGE)
        assert looking.looked_at <= LOOKED_AT_MAX, looking.plan
        shown += page
        after = page[-1].record.id
    assert len({key.record.id for key in shown}) == 3 * PAGE
    order = await looking._connection.execute(
        f"SELECT id FROM api_keys ORDER BY {keys._ORDERS[sort][1].replace('keys.', '')} LIMIT "
        f"{3 * PAGE}".encode()
    )
    expected = [uuid_to_ulid(row["id"]) for row in await order.fetchall()]
    assert [key.record.id for key in shown] == expected
