"""A request's rows in the ledger, or that they are on their way there."""

from typing import Any

from common.domain.ids import is_ulid
from common.state.unrecorded import key_of_unrecorded
from common.store import receipts
from functions.key_admin.services import Services


async def find_rows(
    parts: Services, request_id: str, key_id: str | None
) -> list[dict[str, Any]] | None:
    """The request's rows in the ledger; None while it is on its way there; empty if unknown.

    With `key_id` other keys' requests are unknown too. Raises what means that a store is away.
    """
    if not is_ulid(request_id):
        return []
    rows = await _rows(parts, request_id)
    if not rows:
        owner = await key_of_unrecorded(parts.redis, parts.settings.state_prefix, request_id)
        if owner is not None and key_id in (None, owner):
            return None
        # It may have come into the ledger between the two looks.
        rows = await _rows(parts, request_id) if owner is None else []
    return rows if rows and key_id in (None, rows[0]["key_id"]) else []


async def _rows(parts: Services, request_id: str) -> list[dict[str, Any]]:
    async with parts.database.transaction() as connection:
        return await receipts.rows_of(connection, request_id)
