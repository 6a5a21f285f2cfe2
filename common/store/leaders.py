"""Who used most, of as many keys as there may be, without summing up all of them each time.

Of the days that are over the first ones are kept with what the last of them has: nobody who is
not among them has more. They hold for as long as the sum over everybody stays what it was. Of the
rest of the time the first ones are found anew, which is little. All figures are then summed up of
both alone; should somebody else be able to have as much as the last of the board, of everybody.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from common.domain.usage_spans import cut_for, is_begin
from common.store import usage
from common.store.database import Connection
from common.store.usage import Filters, UsageSum

# Of fewer days the first ones are found as soon as what was kept of them.
DAYS_MIN = 2
# For each one of the board so many are kept, so that those after them have little.
_KEPT_FOR_ONE, _KEPT_MIN = 4, 24


class Kept(msgspec.Struct, frozen=True):
    """The first ones of a time that is over, and what nobody else has more of.

    `total` is the sum over everybody that they belong to.
    """

    total: str
    members: tuple[str, ...]
    least: str


def over_until(filters: Filters, by: str, now: datetime) -> datetime | None:
    """Until when the first ones can be kept: the last midnight of UTC; None: not of this."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    over = today if filters.until is None else min(today, filters.until)
    enough = filters.since is None or over - filters.since >= timedelta(days=DAYS_MIN)
    return over if by in usage.MEMBERS and enough and _is_cheap(filters, over) else None


async def leaders(
    connection: Connection,
    filters: Filters,
    by: str,
    metric: str,
    limit: int,
    over: datetime,
    kept: Kept | None,
) -> tuple[list[UsageSum], Kept]:
    """The board, most first, and what may be kept for the next time of the same question."""
    before = msgspec.structs.replace(filters, until=over)
    count = max(_KEPT_MIN, limit * _KEPT_FOR_ONE)
    total = await _total(connection, before)
    if kept is None or kept.total != total:
        ranking = await usage.ranking(connection, before, by, metric, count)
        members = tuple(one for one, _ in ranking)
        kept = Kept(total, members, str(_least(ranking, count)))
    since = msgspec.structs.replace(filters, since=over)
    lately: list[tuple[str, Decimal]] = []
    if filters.until is None or over < filters.until:
        lately = await usage.ranking(connection, since, by, metric, count)
    among = sorted({*kept.members, *(one for one, _ in lately)})
    board = await usage.sums(connection, filters, [by], "UTC", limit, most=metric, among=among)
    others = Decimal(kept.least) + _least(lately, count)
    knows_all = len(kept.members) < count and len(lately) < count
    is_sure = len(board) == limit and _figure(board[-1], metric) > others
    if not (knows_all or is_sure):
        board = await usage.sums(connection, filters, [by], "UTC", limit, most=metric)
    return board, kept


async def _total(connection: Connection, filters: Filters) -> str:
    (total,) = await usage.sums(connection, filters, [], "UTC", 1)
    return f"{total.requests} {total.cost_usd} {sorted(total.tokens.items())}"


def _least(ranking: Sequence[tuple[str, Decimal]], count: int) -> Decimal:
    """What nobody who is not on it has more of: nothing, where all are."""
    return ranking[-1][1] if len(ranking) == count else Decimal()


def _figure(one: UsageSum, metric: str) -> Decimal:
    tokens = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
    return {
        "cost": one.cost_usd,
        "requests": Decimal(one.requests),
        "tokens": Decimal(sum(one.tokens[name] for name in tokens)),
    }[metric]


def _is_cheap(filters: Filters, over: datetime) -> bool:
    """Whether the sum over everybody is kept without keys, of a time that is asked for again."""
    bounds = [over] if filters.since is None else [filters.since, over]
    return all(is_begin(one, "quarter") for one in bounds) and (
        cut_for(filters.columns(), "day") is not None
    )
