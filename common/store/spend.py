"""What scopes have spent, by periods in UTC."""

from datetime import datetime

from common.domain.ids import ulid_to_uuid
from common.store.database import Connection, query


async def of_key(connection: Connection, key_id: str, now: datetime) -> dict[str, str]:
    """USD, decimals with 12 places: today, this week (ISO 8601), this month, and in all."""
    return await _of_scope(connection, f"key:{ulid_to_uuid(key_id)}", now)


async def of_organisation(connection: Connection, now: datetime) -> dict[str, str]:
    """As `of_key`, of all keys."""
    return await _of_scope(connection, "organisation", now)


async def _of_scope(connection: Connection, scope: str, now: datetime) -> dict[str, str]:
    periods = {
        f"day:{now:%Y-%m-%d}": "day",
        f"week:{now:%G-W%V}": "week",
        f"month:{now:%Y-%m}": "month",
        "total": "total",
    }
    cursor = await connection.execute(query("select_spend"), [scope, list(periods)])
    spent = dict.fromkeys(periods.values(), f"{0:.12f}")
    for row in await cursor.fetchall():
        spent[periods[row["period"]]] = f"{row['settled']:.12f}"
    return spent
