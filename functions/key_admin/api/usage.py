"""`/internal/usage`: sums of the ledger, who used most, and the ledger's rows."""

import contextlib
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from starlette.responses import Response

from common.domain.roles import READ_TEAMS
from common.domain.usage import TOKEN_CLASSES
from common.state import kept_boards
from common.state.commands import RedisUnavailable
from common.store import leaders, usage
from common.store.usage import Filters, UnknownTimeZone, UsageSum
from functions.key_admin.models.receipts import AdminReceipt
from functions.key_admin.models.usage import (
    Leaderboard,
    LeaderboardItem,
    LeaderboardQuery,
    Record,
    RecordList,
    RecordsQuery,
    SumsQuery,
    Tokens,
    Total,
    UsageAnswer,
    UsageItem,
    UsageQuery,
)
from functions.key_admin.operation import Call, Operation, answered
from functions.key_admin.problem import invalid_field, not_found
from functions.key_admin.receipt import admin_receipt_of, money
from functions.key_admin.recorded import find_rows

PATH = "/internal/usage"
GROUPS_MAX = 10_000
_OWNERS = ("team_id", "user_id", "key_id")


async def show_sums(call: Call) -> Response:
    """Sums by group, and their total."""
    return answered(await summed(call, call.sent(SumsQuery)))


async def summed(call: Call, query: SumsQuery) -> UsageAnswer:
    """Sums of what the caller sees. Raises `Problem` 422."""
    sums = await _sums(call, query, query.group_by, GROUPS_MAX + 1)
    if len(sums) > GROUPS_MAX:
        message = f"gives more than {GROUPS_MAX} groups: narrow since and until, or group by less"
        raise invalid_field("group_by", message)
    items = [UsageItem(group=one.group, **_figures(one)) for one in sums]
    return UsageAnswer(items=items if query.group_by else [], total=_total(sums))


async def show_leaderboard(call: Call) -> Response:
    """Who used most, most first."""
    query = call.sent(LeaderboardQuery)
    filters = filters_of(call, query)
    over = leaders.over_until(filters, query.by, datetime.now(UTC))
    if over is None:
        sums = await _sums(call, query, [query.by], query.limit, most=query.metric)
    else:
        sums = await _leaders(call, query, filters, over)
    items = [
        LeaderboardItem(rank=place + 1, group=one.group, **_figures(one))
        for place, one in enumerate(sums)
    ]
    return answered(Leaderboard(items=items))


async def _leaders(
    call: Call, query: LeaderboardQuery, filters: Filters, over: datetime
) -> list[UsageSum]:
    """With what was kept of the days that are over; Redis need not be there for it."""
    redis, prefix = call.services.redis, call.services.settings.state_prefix
    bounded = msgspec.structs.replace(filters, until=over)
    question = f"{query.by} {query.metric} {query.limit} {bounded}"
    held: leaders.Kept | None = None
    with contextlib.suppress(RedisUnavailable, msgspec.DecodeError):
        if (found := await kept_boards.read(redis, prefix, question)) is not None:
            held = msgspec.json.decode(found, type=leaders.Kept)
    async with call.services.database.transaction() as connection:
        board, kept = await leaders.leaders(
            connection, filters, query.by, query.metric, query.limit, over, held
        )
    if kept is not held:
        with contextlib.suppress(RedisUnavailable):
            await kept_boards.keep(redis, prefix, question, msgspec.json.encode(kept))
    return board


async def list_records(call: Call) -> Response:
    """A page of the ledger, newest first."""
    query = call.sent(RecordsQuery)
    async with call.services.database.transaction() as connection:
        found = await usage.records(
            connection,
            filters_of(call, query),
            model_requested=query.model_requested,
            error_code=query.error_code,
            before=query.cursor,
            limit=query.limit + 1,
        )
    page = [
        Record(**record | {name: money(record[name]) for name in ("cost_usd", "rated_usd")})
        for record in found[: query.limit]
    ]
    more = page[-1].id if len(found) > query.limit else None
    return answered(RecordList(items=page, next_cursor=more))


async def show_receipt(call: Call) -> Response:
    """What one request used and cost, line by line, and what held for it."""
    request_id = call.path["request_id"]
    scope = call.scope
    rows = await find_rows(call.services, request_id, None)
    if rows is None and scope.everything:
        raise not_found(
            f"The request {request_id} is not in the ledger yet: it is open, or on its way there. "
            "Ask again in a moment."
        )
    seen = rows and scope.covers(**{name: rows[0][name] for name in _OWNERS})
    if not rows or not seen:
        raise not_found(f"There is no request with the id {request_id[:64]!r}.")
    return answered(admin_receipt_of(rows))


async def _sums(
    call: Call, query: UsageQuery, group_by: list[str], limit: int, *, most: str | None = None
) -> list[UsageSum]:
    try:
        async with call.services.database.transaction() as connection:
            return await usage.sums(
                connection, filters_of(call, query), group_by, query.tz, limit, most=most
            )
    except UnknownTimeZone as error:
        raise invalid_field("tz", str(error)) from None


def filters_of(call: Call, query: UsageQuery) -> Filters:
    """What a query asks for, of what the caller may see. Raises `Problem` 422."""
    since, until = query.moment(query.since), query.moment(query.until)
    if since is not None and until is not None and since >= until:
        raise invalid_field("until", "must be later than since")
    seen = call.scope.bounds(query.team_id, query.user_id, query.key_id)
    return Filters(
        since=since,
        until=until,
        key_id=seen.key_id,
        user_id=seen.user_id,
        team_ids=seen.team_ids,
        account_id=query.account_id,
        model=query.model,
        provider=query.provider,
        endpoint=query.endpoint,
        status=query.status,
    )


def _figures(one: UsageSum) -> dict[str, Any]:
    return {
        "requests": one.requests,
        "tokens": one.tokens,
        "cost_usd": money(one.cost_usd),
        "rated_usd": money(one.rated_usd),
        "unpriced_requests": one.unpriced_requests,
    }


def _total(sums: list[UsageSum]) -> Total:
    tokens = Counter(dict.fromkeys(TOKEN_CLASSES, 0))
    for one in sums:
        tokens.update(one.tokens)
    return Total(
        requests=sum(one.requests for one in sums),
        tokens=Tokens(**tokens),
        cost_usd=money(sum((one.cost_usd for one in sums), Decimal())),
        rated_usd=money(sum((one.rated_usd for one in sums), Decimal())),
        unpriced_requests=sum(one.unpriced_requests for one in sums),
    )


OPERATIONS = (
    Operation("GET", PATH, show_sums, "Sum usage", "Usage", may=READ_TEAMS,
              answer=UsageAnswer, query=SumsQuery),
    Operation("GET", f"{PATH}/leaderboard", show_leaderboard, "Who used most", "Usage",
              may=READ_TEAMS,
              answer=Leaderboard, query=LeaderboardQuery),
    Operation("GET", f"{PATH}/records", list_records, "List the ledger's rows", "Usage",
              may=READ_TEAMS,
              answer=RecordList, query=RecordsQuery),
    Operation("GET", f"{PATH}/requests/{{request_id}}/receipt", show_receipt,
              "Show a request's receipt", "Usage", may=READ_TEAMS,
              answer=AdminReceipt, refusals=(404,)),
)  # fmt: skip
