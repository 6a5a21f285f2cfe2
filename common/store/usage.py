"""Reading usage: sums by any grouping, and the ledger's own rows."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from common.domain.ids import first_uuid, last_uuid, ulid_to_uuid, uuid_to_ulid
from common.domain.periods import UnknownTimezone, zone
from common.domain.usage import TOKEN_CLASSES
from common.domain.usage_spans import LocalDays, Piece, Step, cut_for, local_days, pieces
from common.store.database import Connection, query

# What usage can be grouped by, and the column that says it or an expression of `since`. Times are
# local to the zone that the caller names.
GROUPINGS: dict[str, str] = {
    "model": "model",
    "provider": "provider",
    "endpoint": "endpoint",
    "status": "status",
    "key": "key_id",
    "user": "user_id",
    "team": "team_id",
    "account": "account_id",
    "hour": "to_char(since AT TIME ZONE %(tz)s, 'YYYY-MM-DD\"T\"HH24:00')",
    "day": "to_char(since AT TIME ZONE %(tz)s, 'YYYY-MM-DD')",
    "week": "to_char(since AT TIME ZONE %(tz)s, 'IYYY-\"W\"IW')",
    "month": "to_char(since AT TIME ZONE %(tz)s, 'YYYY-MM')",
}
# What a leaderboard counts.
METRICS = {
    "cost": "sum(cost_usd)",
    "requests": "sum(requests)",
    "tokens": "sum(input + output + cache_read + cache_write_5m + cache_write_1h)",
}
# By these there are as many sums as there are keys: the column and its type.
MEMBERS = {"key": ("key_id", "uuid"), "user": ("user_id", "text")}
_TOGETHER = 2
TIMES = frozenset({"hour", "day", "week", "month"})
# Zones whose days are those that sums are kept of.
UTC_NAMES = frozenset({"UTC", "Etc/UTC", "GMT"})
_ULID_COLUMNS = ("key_id", "team_id", "account_id", "id", "adjusts")


class UnknownTimeZone(ValueError):
    """Postgres does not know the zone."""


class Filters(msgspec.Struct, frozen=True):
    """Which usage. Times are UTC-aware, `since` inclusive, `until` exclusive; ids are ULIDs.

    `model` is the one that answered, or the one that was asked for when none did.
    """

    since: datetime | None = None
    until: datetime | None = None
    key_id: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    account_id: str | None = None
    model: str | None = None
    provider: str | None = None
    endpoint: str | None = None
    status: str | None = None
    # Of these only, for whoever sees no others.
    team_ids: Sequence[str] | None = None

    def values(self) -> dict[str, Any]:
        """As parameters of the queries."""
        return {
            "since": self.since,
            "until": self.until,
            "key_id": _uuid(self.key_id),
            "user_id": self.user_id,
            "team_id": _uuid(self.team_id),
            "account_id": _uuid(self.account_id),
            "model": self.model,
            "provider": self.provider,
            "endpoint": self.endpoint,
            "status": self.status,
            "team_ids": _uuids(self.team_ids),
        }

    def columns(self) -> set[str]:
        """Of a row, what is compared, but for its time."""
        names = {name for name, value in self.values().items() if value is not None}
        return {"team_id" if name == "team_ids" else name for name in names - {"since", "until"}}


class UsageSum(msgspec.Struct, frozen=True):
    """Sums of a group: requests, tokens by class and USD, at which some stand at 0 unpriced.

    `rated_usd` is what teams are charged: the cost times their multipliers.
    """

    group: dict[str, str | None]
    requests: int
    tokens: dict[str, int]
    cost_usd: Decimal
    rated_usd: Decimal
    unpriced_requests: int


async def sums(
    connection: Connection,
    filters: Filters,
    group_by: list[str],
    time_zone: str,
    limit: int,
    *,
    most: str | None = None,
    among: Sequence[str] | None = None,
) -> list[UsageSum]:
    """Sums by group, at most `limit`. No grouping gives one row.

    In the groups' order, or with `most` (a name of `METRICS`) who has most of it first. `among`
    leaves these of the first grouping, one of `MEMBERS`, as they are in the database.

    Read from the coarsest sums that fill the time, and from the ledger what is left at its edges.
    Raises `UnknownTimeZone`.
    """
    if most is not None and among is None and len(group_by) == 1 and group_by[0] in MEMBERS:
        # Of many the order is found by one sum, and all are made for the first ones alone.
        first = await ranking(connection, filters, group_by[0], most, limit)
        among = [member for member, _ in first]
    given = filters.values()
    columns = ", ".join(f"{GROUPINGS[name]} AS group_{name}" for name in group_by)
    summed = ", ".join({"since" if name in TIMES else GROUPINGS[name]: None for name in group_by})
    places = ", ".join(str(place + 1) for place in range(len(group_by)))
    order = places if most is None else f"{METRICS[most]} DESC, {places}"
    member, kind = MEMBERS.get(group_by[0] if group_by else "", ("NULL", "text"))
    statement = (
        query("sum_usage")
        .decode()
        .format(
            groups=f"{columns}, " if columns else "",
            columns=f"{summed}, " if summed else "",
            source=_source(filters, group_by, time_zone, given),
            member=member,
            kind=kind,
            summed=f"GROUP BY {summed}" if summed else "",
            # What was only moved to another date leaves nothing where it was.
            grouped=f"GROUP BY {places} HAVING sum(parts) > 0 ORDER BY {order}" if places else "",
        )
    )
    values = {**given, "tz": time_zone, "limit": limit, "among": among}
    try:
        cursor = await connection.execute(statement.encode(), values, prepare=False)
    except psycopg.errors.InvalidParameterValue as error:
        raise UnknownTimeZone(f"Postgres does not know the time zone {time_zone}") from error
    return [_sum(row, group_by) for row in await cursor.fetchall()]


async def ranking(
    connection: Connection, filters: Filters, by: str, metric: str, limit: int
) -> list[tuple[str, Decimal]]:
    """Who has most of one metric, one of `MEMBERS` as the database writes it, and how much."""
    values = filters.values()
    statement = (
        query("most_usage")
        .decode()
        .format(
            source=_source(filters, [by], "UTC", values),
            column=MEMBERS[by][0],
            metric=METRICS[metric],
        )
    )
    values["limit"] = limit
    cursor = await connection.execute(statement.encode(), values, prepare=False)
    return [(str(row["one"]), row["most"]) for row in await cursor.fetchall()]


async def records(
    connection: Connection,
    filters: Filters,
    *,
    model_requested: str | None = None,
    error_code: str | None = None,
    before: str | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Rows of the ledger, newest first; `before` is the last id of the page before."""
    if await served_nothing(connection, filters):
        return []
    values = filters.values()
    values |= {
        "since": first_id(filters.since),
        "until": first_id(filters.until),
        "model_requested": model_requested,
        "error_code": error_code,
        "before": _uuid(before),
        "limit": limit,
    }
    cursor = await connection.execute(newest_rows("select_records", filters), values, prepare=False)
    return [ledger_row(row) for row in await cursor.fetchall()]


async def served_nothing(connection: Connection, filters: Filters) -> bool:
    """Whether filters leave nothing of which each may leave much: no index says so of two."""
    columns = filters.columns()
    if len(columns) < _TOGETHER or cut_for(columns, "month") != "served":
        return False
    cursor = await connection.execute(query("served_nothing"), filters.values(), prepare=False)
    row = await cursor.fetchone()
    return row is not None and bool(row["nothing"])


# Of several teams a page of each: by the index of teams, as nothing else has that order. So one
# that had no request for long is not looked for through all the others'.
_EACH_TEAM = "unnest(%(team_ids)s::uuid[]) AS theirs (team) CROSS JOIN LATERAL"
_OF_EACH_TEAM = """AND team_id IS NOT NULL
      AND (team_id, id) >= (theirs.team, '00000000-0000-0000-0000-000000000000'::uuid)
      AND (team_id, id) <= (theirs.team, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)"""


def newest_rows(name: str, filters: Filters) -> bytes:
    """A query of the ledger's newest rows, as it reads them for the teams of the filters."""
    teams, team, order = "", "", "id DESC"
    if filters.team_ids is not None:
        team = "AND team_id = ANY (%(team_ids)s)"
        if len(filters.team_ids) == 1:
            team = "AND team_id = (%(team_ids)s::uuid[])[1]"
        elif filters.key_id is None and filters.user_id is None:
            teams, team, order = _EACH_TEAM, _OF_EACH_TEAM, "team_id DESC, id DESC"
    return query(name).decode().format(teams=teams, team=team, order=order).encode()


def coarsest(group_by: Sequence[str], time_zone: str) -> Step:
    """The longest step whose sums can be grouped so."""
    times = TIMES.intersection(group_by)
    if not times:
        return "month"
    if "hour" in times or time_zone not in UTC_NAMES:
        return "quarter"
    return "month" if times == {"month"} else "day"


def _source(
    filters: Filters, group_by: Sequence[str], time_zone: str, values: dict[str, Any]
) -> str:
    """Rows to be summed; the bounds of each part are added to the values."""
    columns = {GROUPINGS[name] for name in group_by if name not in TIMES} | filters.columns()
    local = _local_days(filters, group_by, time_zone, columns)
    if local is None:
        found = pieces(filters.since, filters.until, coarsest(group_by, time_zone))
        return " UNION ALL ".join(_rows(piece, columns, values) for piece in found)
    days = _rows(Piece("day", local.since, local.until), columns, values)
    texts = [query("usage_at_noon").decode().format(days=days)]
    if local.moved:
        values["moved"] = list(local.moved)
        quarters = _rows(Piece("quarter", None, None), columns, values)
        quarters += " AND since = ANY (%(moved)s::timestamptz[])"
        texts.append(query("usage_moved").decode().format(quarters=quarters))
    for since, until in ((filters.since, local.since), (local.until, filters.until)):
        texts += [_rows(piece, columns, values) for piece in pieces(since, until, "quarter")]
    return " UNION ALL ".join(texts)


def _local_days(
    filters: Filters, group_by: Sequence[str], time_zone: str, columns: set[str]
) -> LocalDays | None:
    """Days of UTC that days of another zone are made of, where all their quarters are many."""
    if (
        filters.since is None
        or "hour" in group_by
        or coarsest(group_by, time_zone) != "quarter"
        or cut_for(columns, "quarter") is not None
    ):
        return None
    try:
        return local_days(filters.since, filters.until or datetime.now(UTC), zone(time_zone))
    except UnknownTimezone:  # Postgres may know it
        return None


def _rows(piece: Piece, columns: set[str], values: dict[str, Any]) -> str:
    """The rows of a piece; its bounds are added to the values."""
    bounds = ids = ""
    number = len(values)
    # By ids only a time's partitions are read; they tell milliseconds, a bound may tell more.
    if piece.since is not None:
        values |= {f"since_{number}": piece.since, f"first_{number}": first_uuid(piece.since)}
        bounds += f" AND since >= %(since_{number})s"
        ids += f" AND id >= %(first_{number})s"
    if piece.until is not None:
        values |= {f"until_{number}": piece.until, f"last_{number}": last_uuid(piece.until)}
        bounds += f" AND since < %(until_{number})s"
        ids += f" AND id <= %(last_{number})s"
    kept = query(_kept(columns, piece.step)).decode()
    return kept.format(step=piece.step, cut=cut_for(columns, piece.step), ids=ids) + bounds


def _kept(columns: set[str], step: Step) -> str:
    """The query of the smallest sums that know these columns; of records, themselves."""
    if cut_for(columns, step) is not None:
        return "usage_of_cuts"
    return {"record": "ledger_as_rollups", "quarter": "usage_of_quarters"}.get(
        step, "usage_of_periods"
    )


def _sum(row: dict[str, Any], group_by: list[str]) -> UsageSum:
    return UsageSum(
        group={name: _text(row[f"group_{name}"]) for name in group_by},
        requests=int(row["requests"]),
        tokens={name: int(row[name]) for name in TOKEN_CLASSES},
        cost_usd=row["cost_usd"],
        rated_usd=row["rated_usd"],
        unpriced_requests=int(row["unpriced_requests"]),
    )


def _text(value: Any) -> str | None:
    if isinstance(value, UUID):
        return uuid_to_ulid(value)
    return None if value is None else str(value)


def ledger_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the ledger with ids as ULIDs and its tokens as one member."""
    record = dict(row)
    record["tokens"] = {name: record.pop(name) for name in TOKEN_CLASSES}
    for name in _ULID_COLUMNS:
        record[name] = _text(record[name])
    return record


def first_id(moment: datetime | None) -> UUID | None:
    """The bound of ids that a time is."""
    return None if moment is None else first_uuid(moment)


def _uuid(ulid: str | None) -> UUID | None:
    return None if ulid is None else ulid_to_uuid(ulid)


def _uuids(ulids: Sequence[str] | None) -> list[UUID] | None:
    return None if ulids is None else [ulid_to_uuid(one) for one in ulids]
