"""`/internal/self`: people's own keys, usage, limits and receipts, and nothing of anybody else.

Answers have no ids of accounts, teams or users: only of what is one's own.
"""

from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from common.domain.roles import CHANGE_OWN, PUBLIC, SEE_OWN
from common.store import directory, keys, spend, usage
from common.store.database import Connection
from common.store.keys import Key
from functions.key_admin.api import keys as key_calls
from functions.key_admin.api.limits_use import (
    Found,
    levels_of_key,
    team_level,
    user_level,
    uses_of,
    with_limits,
)
from functions.key_admin.api.usage import filters_of, summed
from functions.key_admin.bodies import PUBLIC_BODY_BYTES_MAX
from functions.key_admin.identity import cookies
from functions.key_admin.identity.sign_in import checked_key
from functions.key_admin.key_answers import members_of
from functions.key_admin.models.keys import KeyCreate, Rotation
from functions.key_admin.models.self_service import (
    KeyCheck,
    KeyChecked,
    OwnKey,
    OwnKeyCreate,
    OwnKeyList,
    OwnKeyMade,
    OwnKeyShown,
    OwnKeysPage,
    OwnLevelUse,
    OwnLimits,
    OwnLimitsQuery,
    OwnReceipt,
    OwnRecord,
    OwnRecords,
    OwnRecordsQuery,
    OwnUsageQuery,
    SelfAnswer,
    Spent,
)
from functions.key_admin.models.usage import RecordsQuery, SumsQuery, UsageAnswer
from functions.key_admin.operation import Call, Operation, answered
from functions.key_admin.own_keys import (
    allowance_of,
    check_rotation,
    own_key,
    standing_of,
)
from functions.key_admin.problem import not_found
from functions.key_admin.receipt import money, receipt_of
from functions.key_admin.recorded import find_rows
from functions.key_admin.services import Services

PATH = "/internal/self"
KEYS = f"{PATH}/keys"


async def show(call: Call) -> Response:
    """Who one is, one's team, and what it lets one do."""
    scope, actor = call.scope, call.actor
    async with call.services.database.transaction() as connection:
        standing = await standing_of(call, connection, scope.user_id)
        team = None if standing.team is None else standing.team.name
        if scope.key_id is not None:
            key = await keys.find(connection, scope.key_id)
            team = await _team_name(connection, None if key is None else key.record.team_id)
    return answered(
        SelfAnswer(
            name=actor.name,
            way=actor.way,
            team=team,
            key_id=actor.key_id,
            allowance=allowance_of(call, standing),
        )
    )


async def list_keys(call: Call) -> Response:
    """A page of one's keys, newest first, each with what it has spent."""
    query = call.sent(OwnKeysPage)
    seen = call.scope.bounds()
    async with call.services.database.transaction() as connection:
        found = await keys.page(
            connection,
            key_id=seen.key_id,
            user_id=seen.user_id,
            team_ids=seen.team_ids,
            status=query.status,
            after=query.cursor,
            limit=query.limit + 1,
        )
        page = found[: query.limit]
        items = await _shown(connection, page)
    more = page[-1].record.id if len(found) > query.limit else None
    return answered(OwnKeyList(items=items, next_cursor=more))


async def create(call: Call) -> Response:
    """201 with the key, which is shown this once; in one's team, within what it allows."""
    teams: list[str] = []

    async def given(connection: Connection) -> KeyCreate:
        made, team = await own_key(call, connection, call.sent(OwnKeyCreate))
        teams.append(team.name)
        return made

    return await key_calls.make(
        call, KEYS, given, lambda key, secret: OwnKeyMade(**_own(key, teams[0]), key=secret)
    )


async def show_key(call: Call) -> Response:
    """One key of one's own."""
    async with call.services.database.transaction() as connection:
        key = await key_calls.found(call, connection)
        return answered((await _shown(connection, [key]))[0])


async def rotate(call: Call) -> Response:
    """201 with a new secret, shown this once; the old one works until its grace ends."""
    teams: list[str | None] = []

    async def check(connection: Connection, key: Key) -> None:
        await check_rotation(connection, key)
        teams.append(await _team_name(connection, key.record.team_id))

    return await key_calls.give_secret(
        call, lambda key, secret: OwnKeyMade(**_own(key, teams[0]), key=secret), check
    )


async def revoke(call: Call) -> Response:
    """Revoked on the next request everywhere; once more changes nothing. Nobody undoes it here."""
    key = await key_calls.revoked(call)
    await call.services.bring_projection_up_to_date()
    async with call.services.database.transaction() as connection:
        return answered((await _shown(connection, [key]))[0])


async def show_limits(call: Call) -> Response:
    """What is used, reserved and left of what binds one's keys, or one of them."""
    key_id, scope = call.sent(OwnLimitsQuery).key_id or call.scope.key_id, call.scope
    async with call.services.database.transaction() as connection:
        if key_id is not None:
            key = await keys.find(connection, key_id)
            record = None if key is None else key.record
            if record is None or not scope.covers(
                team_id=record.team_id, user_id=record.user_id, key_id=record.id
            ):
                raise not_found(f"There is no key with the id {key_id}.")
            found = await levels_of_key(connection, record)
        else:
            standing = await standing_of(call, connection, scope.user_id)
            found = [
                *await team_level(connection, standing.team.id if standing.team else None),
                *await user_level(connection, scope.user_id or ""),
            ]
    return answered(OwnLimits(items=await _used(call.services, found)))


async def show_usage(call: Call) -> Response:
    """Sums of one's usage by group, and their total."""
    given = dict(call.sent(OwnUsageQuery))
    return answered(await summed(call, SumsQuery.model_construct(**given)))


async def list_requests(call: Call) -> Response:
    """A page of one's requests, newest first."""
    query = call.sent(OwnRecordsQuery)
    async with call.services.database.transaction() as connection:
        found = await usage.records(
            connection,
            filters_of(call, RecordsQuery.model_construct(**dict(query))),
            before=query.cursor,
            limit=query.limit + 1,
        )
    page = [OwnRecord(**row | {"cost_usd": money(row["cost_usd"])}) for row in found[: query.limit]]
    more = page[-1].id if len(found) > query.limit else None
    return answered(OwnRecords(items=page, next_cursor=more))


async def show_receipt(call: Call) -> Response:
    """What a request of one's own used and cost, line by line, and what held for it."""
    request_id, scope = call.path["request_id"], call.scope
    rows = await find_rows(call.services, request_id, scope.key_id)
    owners = {name: rows[0][name] for name in ("team_id", "user_id", "key_id")} if rows else {}
    if not rows or not scope.covers(**owners):
        raise not_found(
            f"No request of yours has the id {request_id[:64]!r}. One that just ended is there in "
            "a moment."
        )
    return answered(OwnReceipt(**dict(receipt_of(rows)), key_id=rows[0]["key_id"]))


async def check(call: Call) -> Response:
    """What a key used and what is left for it, for whoever presents it. 401 for any other text.

    Attempts are counted as those to sign in are.
    """
    cookies.check_origin(call.services, call.request)
    given = call.sent(KeyCheck).api_key
    _, record = await checked_key(call.services, call.request, given)
    async with call.services.database.transaction() as connection:
        key = await keys.find(connection, record.id)
        if key is None:
            raise not_found("The key is not there any more.")
        found = await levels_of_key(connection, key.record)
        spent = await spend.of_key(connection, record.id, datetime.now(UTC))
    answer = KeyChecked(
        name=key.record.name,
        key_prefix=key.key_prefix,
        expires_at=key.ends_at,
        last_used_at=key.last_used_at,
        spent=Spent(**spent),
        limits=await _used(call.services, found),
    )
    return answered(answer, headers={"cache-control": "no-store"})


async def _used(parts: Services, found: list[Found]) -> list[OwnLevelUse]:
    levels = await uses_of(parts, with_limits(found))
    # Whose key it is stands in no answer: its holder may be somebody else.
    return [
        OwnLevelUse(
            level=one.level, name=one.name if one.level == "team" else one.level, use=one.use
        )
        for one in levels
    ]


async def _shown(connection: Connection, page: list[Key]) -> list[OwnKeyShown]:
    """As they are told of; of one person, so of few teams."""
    ids = {one.record.team_id for one in page}
    teams = {one: await _team_name(connection, one) for one in ids}
    spent = await spend.of_keys(connection, [one.record.id for one in page], datetime.now(UTC))
    return [
        OwnKeyShown(**_own(one, teams[one.record.team_id]), spent=Spent(**spent[one.record.id]))
        for one in page
    ]


def _own(key: Key, team: str | None) -> dict[str, Any]:
    told = {name: value for name, value in members_of(key).items() if name in OwnKey.model_fields}
    return told | {"team": team}


async def _team_name(connection: Connection, team_id: str | None) -> str | None:
    team = None if team_id is None else await directory.find_team(connection, team_id)
    return None if team is None else team.name


_ONE = f"{KEYS}/{{key_id}}"
_TAG = "Self-service"
OPERATIONS = (
    Operation("GET", PATH, show, "Show who one is in the portal", _TAG, may=SEE_OWN,
              answer=SelfAnswer),
    Operation("GET", KEYS, list_keys, "List one's keys", _TAG, may=SEE_OWN,
              answer=OwnKeyList, query=OwnKeysPage),
    Operation("POST", KEYS, create, "Make a key of one's own", _TAG, may=CHANGE_OWN,
              status=201, answer=OwnKeyMade, body=OwnKeyCreate, idempotent_by_key=True,
              refusals=(409,)),
    Operation("GET", _ONE, show_key, "Show a key of one's own", _TAG, may=SEE_OWN,
              answer=OwnKeyShown, refusals=(404,)),
    Operation("POST", f"{_ONE}/rotate", rotate, "Give a key of one's own a new secret", _TAG,
              may=CHANGE_OWN, status=201, answer=OwnKeyMade, body=Rotation, body_required=False,
              idempotent_by_key=True, refusals=(404, 409)),
    Operation("POST", f"{_ONE}/revoke", revoke, "Revoke a key of one's own", _TAG,
              may=CHANGE_OWN, answer=OwnKeyShown, refusals=(404,)),
    Operation("GET", f"{PATH}/limits", show_limits, "Show what is left of one's limits", _TAG,
              may=SEE_OWN, answer=OwnLimits, query=OwnLimitsQuery, refusals=(404,)),
    Operation("GET", f"{PATH}/usage", show_usage, "Sum one's usage", _TAG, may=SEE_OWN,
              answer=UsageAnswer, query=OwnUsageQuery),
    Operation("GET", f"{PATH}/requests", list_requests, "List one's requests", _TAG,
              may=SEE_OWN, answer=OwnRecords, query=OwnRecordsQuery),
    Operation("GET", f"{PATH}/requests/{{request_id}}", show_receipt,
              "Show a receipt of one's own", _TAG, may=SEE_OWN,
              answer=OwnReceipt, refusals=(404,)),
    Operation("POST", f"{PATH}/check", check, "Check a key by presenting it", _TAG, may=PUBLIC,
              answer=KeyChecked, body=KeyCheck, body_bytes_max=PUBLIC_BODY_BYTES_MAX,
              refusals=(404,)),
)  # fmt: skip
