"""`/internal/spend`: what keys have spent today, this week, this month and in all."""

from datetime import UTC, datetime

from starlette.responses import Response

from common.domain.roles import READ_TEAMS
from common.store import keys, spend
from functions.key_admin.models.observed import KeySpend, SpendAnswer, SpendQuery
from functions.key_admin.operation import Call, Operation, answered


async def show(call: Call) -> Response:
    """One look for many keys, from the totals that are kept."""
    key_ids, scope = call.sent(SpendQuery).key_ids, call.scope
    async with call.services.database.transaction() as connection:
        if not scope.everything:
            seen = await keys.page(
                connection, ids=key_ids, team_ids=scope.bounds().team_ids, limit=len(key_ids)
            )
            key_ids = [key.record.id for key in seen]
        spent = await spend.of_keys(connection, key_ids, datetime.now(UTC))
    return answered(SpendAnswer(items=[KeySpend(key_id=one, **spent[one]) for one in key_ids]))


OPERATIONS = (
    Operation("GET", "/internal/spend", show, "Show what keys have spent", "Usage",
              may=READ_TEAMS, answer=SpendAnswer, query=SpendQuery),
)  # fmt: skip
