"""Books of prices as operators import them, and records in the ledger that they price."""

import asyncio
import uuid
from datetime import datetime

from common.store import ledger, partitions
from common.store.database import Database

MODEL = "our-llama"
ENTRY = {
    "input": "1",
    "output": "4",
    "cache_read": "0.1",
    "cache_write_5m": "1",
    "cache_write_1h": "1",
    "context_window": 128_000,
    "max_output_tokens": 4_096,
    "source": "our own machines",
}


def book(name=None, **models):
    """An importable book, of one model unless others are given."""
    models = models or {MODEL: ENTRY}
    return {
        "version": name or f"acme-{uuid.uuid4().hex[:8]}",
        "providers": {"openai_compatible": models},
    }


def post(served, records):
    """Put records into the ledger of a running key_admin."""

    async def insert():
        database = Database(served.database_url)
        async with database.transaction() as connection:
            times = [datetime.fromisoformat(record.occurred_at) for record in records]
            for moment in times:
                await partitions.ensure(connection, int(moment.timestamp() * 1000))
            await ledger.insert(connection, records)
        await database.close()

    asyncio.run(insert())
