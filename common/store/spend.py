"""What scopes have spent, by periods in UTC."""

from collections.abc import Sequence
from datetime import datetime

from common.domain.ids import ulid_to_uuid
from common.store.database import Connection, query

_NOTHING = f"{0:.12f}"


async def of_key(connection: Connection, key_id: str, now: datetime) -> dict[str, str]:
    """USD, decimals with 12 places: today, this week (ISO 8601), this month, and in all."""
    return await _of_scope(connection, f"key:{ulid_to_uuid(key_id)}", now)


async def of_organisation(connection: Connection, now: datetime) -> dict[str, str]:
    """As `of_key`, of all keys."""
    return await _of_scope(connection, "organisation", now)


async def of_keys(
    connection: Connection, key_ids: Sequence[str], now: datetime
) -> dict[str, dict[str, str]]:
    """As `of_key`, of many keys in one look."""
    scopes = {f"key:{ulid_to_uuid(one)}": one for one in key_ids}
    periods = _periods(now)
    spent = {one: dict.fromkeys(periods.values(), _NOTHING) for one in key_ids}
    cursor = await connection.execute(query("read_totals"), [list(scopes), list(periods)])
    for row in await cursor.fetchall():
        amount = row["pico"].scaleb(-12)
        spent[scopes[row["scope"]]][periods[row["period"]]] = f"{amount:.12f}"
    return spent


async def _of_scope(connection: Connection, scope: str, now: datetime) -> dict[str, str]:
    periods = _periods(now)
    cursor = await connection.execute(query("select_spend"), [scope, list(periods)])
    spent = dict.fromkeys(periods.values(), _NOTHING)
    for row in await cursor.fetchall():
        spent[periods[row["period"]]] = f"{row['settled']:.12f}"
    return spent


def _periods(now: datetime) -> dict[str, str]:
    return {
        f"day:{now:%Y-%m-%d}": "day",
        f"week:{now:%G-W%V}": "week",
        f"month:{now:%Y-%m}": "month",
        "total": "total",
    }
