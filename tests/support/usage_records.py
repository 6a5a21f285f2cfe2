"""Usage records for tests: honest ones, made now, and signed as `relay` signs them."""

import asyncio
import os
from datetime import UTC, datetime
from typing import Any

import msgspec

from common import secrets
from common.domain.ids import encode_ulid, ulid_time_ms
from common.domain.signature import SIGNATURE_MEMBER, sign
from common.domain.usage import Tokens, UsageRecord
from common.identifiers import new_ulid, now_ms
from common.store import ledger, partitions
from common.store.database import Database
from tests.support.processes import INTERNAL_SECRET

EVENTS_KEY = secrets.derive(INTERNAL_SECRET, "usage-events")
KEY_ID = "01ARYZ6S41TSV4RRFFQ69G5FAW"
ACCOUNT_ID = "0000000000VYK9M2XQ3R5T7V9W"


def ulid_at(moment: datetime) -> str:
    """A fresh ULID of that moment."""
    return encode_ulid(int(moment.timestamp() * 1000), os.urandom(10))


def make_record(**changes: Any) -> UsageRecord:
    """An honest record; `id` gives it its time, unless `occurred_at` is there too."""
    identifier = changes.get("id") or new_ulid()
    try:
        moment = datetime.fromtimestamp(ulid_time_ms(identifier) / 1000, UTC)
    except ValueError:
        moment = datetime.fromtimestamp(now_ms() / 1000, UTC)
    members: dict[str, Any] = {
        "id": identifier,
        "kind": "usage",
        "adjusts": None,
        "occurred_at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "key_id": KEY_ID,
        "user_id": "alice",
        "team_id": None,
        "account_id": ACCOUNT_ID,
        "provider": "openai",
        "dialect": "openai",
        "endpoint": "chat.completions",
        "model_requested": "gpt-4o-mini",
        "model_served": "gpt-4o-mini-2024-07-18",
        "status": "ok",
        "finish_cause": "complete",
        "tokens": Tokens(input=9, output=12),
        "usage_source": "reported",
        "cost_usd": "0.000008550000",
        "price_version": "1",
        "latency_ms": 640,
        "first_token_ms": 210,
        "attempts": 1,
        "cache_hit": False,
        "redactions": 0,
        "client": None,
        "error_code": None,
        "tags": [],
    }
    return UsageRecord(**(members | changes))


def make_adjustment(of: UsageRecord, **changes: Any) -> UsageRecord:
    """A record that takes one output token and a millionth of a dollar from another."""
    members = {
        "kind": "adjustment",
        "adjusts": of.id,
        "tokens": Tokens(output=-1),
        "cost_usd": "-0.000001000000",
    }
    return make_record(**(members | changes))


def signed(record: UsageRecord, outbox_id: str | None = None, **changes: Any) -> dict[str, Any]:
    """The object of an event, signed with `changes`, as an honest relay would send it."""
    value = msgspec.to_builtins(record) | changes
    if outbox_id is not None:
        value["outbox_id"] = outbox_id
    return value | {SIGNATURE_MEMBER: sign(value, EVENTS_KEY)}


def post_records(database_url: str, *records: UsageRecord) -> None:
    """What usage_aggregation does with records, into the ledger alone."""

    async def insert() -> None:
        database = Database(database_url)
        async with database.transaction() as connection:
            for record in records:
                made = datetime.fromisoformat(record.occurred_at)
                await partitions.ensure(connection, int(made.timestamp() * 1000))
            await ledger.insert(connection, records)
        await database.close()

    asyncio.run(insert())
