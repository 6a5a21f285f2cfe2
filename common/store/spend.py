"""What scopes have spent, by periods in UTC."""

from datetime import datetime

from common.domain.ids import ulid_to_uuid
from common.store.database import Connection, query


async def of_key(connection: Connection, key_id: str, now: datetime) -> dict[str, str]:
    """USD, decimals with 12 places: today, this week (ISO 8601), this month, and in all."""
    periods = {
        f"day:{now:%Y-%m-%d}": "day",
        f"week:{now:%G-W%V}": "week",
        f"month:{now:%Y-%m}": "month",
        "total": "total",
    }
    scope = f"key:{ulid_to_uuid(key_id)}"
    cursor = await connection.execute(query("select_spend"), [scope, list(periods)])
    spent = dict.fromkeys(periods.values(), f"{0:.12f}")
    for row in await cursor.fetchall():
        spent[periods[row["period"]]] = f"{row['settled']:.12f}"
    return spent
