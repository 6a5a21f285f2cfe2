"""The tree of limits: teams, the users of a team, the keys of a user in it; nearest limit first."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from common.domain.ids import ulid_to_uuid, uuid_to_ulid
from common.domain.policies import Policy
from common.store import policies
from common.store.database import Connection, query

Below = Literal["team", "user", "key"]


class Limited(msgspec.Struct, frozen=True):
    """Something with limits. `share` of its fullest budget was spent, of 1; 0 without any."""

    id: str
    name: str
    scope: str
    policy: Policy
    share: Decimal


async def page(
    connection: Connection,
    below: Below,
    now: datetime,
    *,
    team_id: str | None = None,
    team_ids: Sequence[str] | None = None,
    user_id: str | None = None,
    told_of: Sequence[str] | None = None,
    after: tuple[Decimal, str] | None = None,
    limit: int,
) -> list[Limited]:
    """Those of one place; `after` is share and id of the last of the page before.

    Without `team_id`, users and keys are those without a team. Names and limits of users are told
    `told_of` these teams only.
    """
    periods = {"total": "total", "day": f"day:{now:%Y-%m-%d}", "week": f"week:{now:%G-W%V}"}
    share, last = after or (None, None)
    uuids = below != "user"
    values = {
        "team_id": None if team_id is None else ulid_to_uuid(team_id),
        "team_ids": None if team_ids is None else [ulid_to_uuid(one) for one in team_ids],
        "user_id": user_id,
        "told_of": None if told_of is None else [ulid_to_uuid(one) for one in told_of],
        "periods": Jsonb(periods | {"month": f"month:{now:%Y-%m}"}),
        "after_share": share,
        "after_id": str(ulid_to_uuid(last)) if uuids and last is not None else last,
        "limit": limit,
    }
    statement = query("select_limited").decode()
    statement = statement.replace("{below}", query(f"tree_{below}").decode())
    cursor = await connection.execute(statement.encode(), values)
    return [_limited(row, uuids) for row in await cursor.fetchall()]


async def teams(
    connection: Connection, team_ids: Sequence[str] | None, limit: int
) -> list[Limited]:
    """Teams that have limits or budgets, newest first, of `team_ids` only; without shares."""
    ids = None if team_ids is None else [ulid_to_uuid(one) for one in team_ids]
    statement = (
        query("newest_limited_teams").decode().replace("{below}", query("tree_team").decode())
    )
    cursor = await connection.execute(statement.encode(), {"team_ids": ids, "limit": limit})
    return [_limited(row, uuids=True) for row in await cursor.fetchall()]


def _limited(row: dict[str, Any], uuids: bool) -> Limited:
    return Limited(
        id=uuid_to_ulid(UUID(row["id"])) if uuids else row["id"],
        name=row["name"],
        scope=row["scope"],
        policy=policies.read(row, policies.COUNTS_COLUMNS),
        share=row["share"],
    )
