"""`/internal/limits/tree`: limits of organisation, teams, users and keys, one place at a time."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from starlette.responses import Response

from common.domain.ids import is_ulid
from common.domain.policies import Level
from common.domain.roles import READ_TEAMS
from common.store import limited
from common.store.limited import Below, Limited
from functions.key_admin.api.limits_use import Found, organisation_level, uses_of
from functions.key_admin.models.accounts import LimitUse
from functions.key_admin.models.observed import LevelUse, LimitsTree, TreeQuery
from functions.key_admin.operation import Call, Operation, answered
from functions.key_admin.problem import invalid_field

# More than a numeric(24, 6) holds is no share that an answer gave.
_SHARE_MAX = Decimal(10**18)


async def show(call: Call) -> Response:
    """Teams; of a team (or of none) its users; of a user the keys there, without revoked ones.

    What is nearest to a limit comes first. Which are on a page is decided by what was spent of
    budgets in periods of UTC.
    """
    query = call.sent(TreeQuery)
    below: Below = "team"
    if query.team_id is not None or query.no_team:
        below = "user" if query.user_id is None else "key"
    seen = call.scope.bounds(query.team_id)
    hidden = seen.team_ids is not None and (query.no_team or not seen.team_ids)
    async with call.services.database.transaction() as connection:
        found = (
            []
            if hidden
            else await limited.page(
                connection,
                below,
                datetime.now(UTC),
                team_id=query.team_id,
                team_ids=seen.team_ids,
                user_id=query.user_id,
                told_of=call.scope.bounds().team_ids,
                after=_read_cursor(query.cursor, below),
                limit=query.limit + 1,
            )
        )
        top = []
        if below == "team" and query.cursor is None:
            top = await organisation_level(connection, call.scope)
    page = found[: query.limit]
    more = _cursor(page[-1]) if len(found) > query.limit else None
    items = await _used(call, [*top, *(_found(below, one) for one in page)])
    return answered(LimitsTree(items=items, next_cursor=more))


async def _used(call: Call, found: Sequence[Found]) -> list[LevelUse]:
    """With what is used of each; the organisation first, then the fullest."""
    items = await uses_of(call.services, found)
    for one in items:
        if one.use is not None:
            one.use.sort(key=_share, reverse=True)
    return sorted(items, key=lambda item: (item.level != "organisation", -_fullest(item)))


def _found(level: Level, one: Limited) -> Found:
    return level, one.scope, one.id, one.name, one.policy


def _fullest(item: LevelUse) -> Decimal:
    # What has no limits comes after what has an empty one.
    return max((_share(one) for one in item.use or []), default=Decimal(-1))


def _share(one: LimitUse) -> Decimal:
    most = Decimal(str(one.most))
    held = Decimal(str(one.used)) + Decimal(str(one.reserved or 0))
    return held / most if most else Decimal(1)


def _cursor(last: Limited) -> str:
    return urlsafe_b64encode(f"{last.share} {last.id}".encode()).decode()


def _read_cursor(text: str | None, below: Below) -> tuple[Decimal, str] | None:
    if text is None:
        return None
    try:
        share, _, last = urlsafe_b64decode(text.encode()).decode().partition(" ")
        amount = Decimal(share)
    except (binascii.Error, ValueError, InvalidOperation):
        amount, last = Decimal("NaN"), ""
    if (
        not amount.is_finite()
        or abs(amount) >= _SHARE_MAX
        or "\0" in last
        or (below != "user" and not is_ulid(last))
    ):
        raise invalid_field("cursor", "must be the next_cursor of an answer")
    return amount, last


OPERATIONS = (
    Operation("GET", "/internal/limits/tree", show, "Show limits as a tree", "Usage",
              may=READ_TEAMS, answer=LimitsTree, query=TreeQuery),
)  # fmt: skip
