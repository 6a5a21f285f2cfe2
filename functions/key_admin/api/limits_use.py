"""`/internal/limits`: what is used, reserved and left of limits and budgets at this moment."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from starlette.responses import Response

from common.domain.keys import KeyRecord
from common.domain.limit_figures import figures
from common.domain.limits import Limit, compile_rules, packed_rules
from common.domain.policies import (
    ORGANISATION,
    Applied,
    Level,
    Policy,
    key_scope,
    team_scope,
    user_scope,
)
from common.domain.roles import EVERYTHING, READ_TEAMS, Scope
from common.identifiers import now_ms
from common.state.admission import Admission
from common.state.commands import RedisUnavailable
from common.store import directory, keys, limited, policies
from common.store.database import Connection
from functions.key_admin.models.accounts import LimitUse
from functions.key_admin.models.observed import LevelUse, LimitsAnswer, LimitsQuery
from functions.key_admin.operation import Call, Operation, answered
from functions.key_admin.problem import not_found
from functions.key_admin.services import Services

TEAMS_MAX = 200
# Levels in one look, so that Redis has others' calls between two.
AT_ONCE = 50
Found = tuple[Level, str, str, str, Policy]


async def show(call: Call) -> Response:
    """Each level that has limits, with what is used of each."""
    query = call.sent(LimitsQuery)
    async with call.services.database.transaction() as connection:
        found = await _levels(connection, query, call.scope)
    return answered(LimitsAnswer(items=await uses_of(call.services, with_limits(found))))


async def _levels(connection: Connection, query: LimitsQuery, scope: Scope) -> list[Found]:
    """Those that are asked for, as far as the caller sees them; the organisation's is all's."""
    if query.key_id is not None:
        key = await keys.find(connection, query.key_id)
        record = None if key is None else key.record
        if record is None or not scope.covers(
            team_id=record.team_id, user_id=record.user_id, key_id=record.id
        ):
            raise not_found(f"There is no key with the id {query.key_id}.")
        return [
            *await organisation_level(connection, scope),
            *await levels_of_key(connection, record, scope),
        ]
    if query.user_id is not None:
        return await user_level(connection, query.user_id, scope)
    if query.team_id is not None:
        return (
            await team_level(connection, query.team_id)
            if scope.covers(team_id=query.team_id)
            else []
        )
    teams = await limited.teams(connection, scope.bounds().team_ids, TEAMS_MAX)
    return [
        *await organisation_level(connection, scope),
        *(("team", one.scope, one.id, one.name, one.policy) for one in teams),
    ]


async def levels_of_key(
    connection: Connection, record: KeyRecord, scope: Scope = EVERYTHING
) -> list[Found]:
    """What holds for a key: its team's, its user's if they are seen, and its own."""
    own: Found = ("key", key_scope(record.id), record.id, record.name, record.policy)
    return [
        *await team_level(connection, record.team_id),
        *await user_level(connection, record.user_id, scope),
        own,
    ]


async def organisation_level(connection: Connection, scope: Scope) -> list[Found]:
    """The organisation's, for those who see everything."""
    if not scope.everything:
        return []
    policy = (await policies.organisation(connection)).policy
    return [("organisation", ORGANISATION, ORGANISATION, ORGANISATION, policy)]


async def team_level(connection: Connection, team_id: str | None) -> list[Found]:
    """That of a team, if it is there."""
    team = None if team_id is None else await directory.find_team(connection, team_id)
    return [] if team is None else [("team", team_scope(team.id), team.id, team.name, team.policy)]


async def user_level(
    connection: Connection, user_id: str, scope: Scope = EVERYTHING
) -> list[Found]:
    """That of a user, if they are there and seen."""
    user = await directory.find_user(connection, user_id)
    if user is None or not scope.covers(team_id=user.team_id, user_id=user.id):
        return []
    return [("user", user_scope(user.id), user.id, user.name or user.id, user.policy)]


def with_limits(found: Iterable[Found]) -> list[Found]:
    """Those levels that have any."""
    return [one for one in found if one[4].counts]


async def uses_of(parts: Services, found: Sequence[Found]) -> list[LevelUse]:
    """What is used now of each level's limits; nothing, of one without any."""
    some = [found[start : start + AT_ONCE] for start in range(0, len(found), AT_ONCE)]
    answers = await asyncio.gather(*(_uses_of(parts, levels) for levels in some))
    return [one for levels in answers for one in levels]


async def _uses_of(parts: Services, levels: Sequence[Found]) -> list[LevelUse]:
    """Of several in one look at Redis."""
    moment = now_ms()
    rules = [
        compile_rules((Applied(level, scope, policy),), moment).limits
        for level, scope, _, _, policy in levels
    ]
    packed = packed_rules(limit for limits in rules for limit in limits)
    admission = Admission(parts.redis, parts.settings.state_prefix)
    counted: Iterator[tuple[int, int]] | None
    try:
        counted = iter(await admission.read_rules(packed) if packed else [])
    except RedisUnavailable:
        counted = None
    return [
        _use(one, limits, None if counted is None else list(islice(counted, len(limits))))
        for one, limits in zip(levels, rules, strict=True)
    ]


def _use(found: Found, limits: Sequence[Limit], counted: list[tuple[int, int]] | None) -> LevelUse:
    level, _, identifier, name, _ = found
    if counted is None:
        return LevelUse(level=level, id=identifier, name=name, use=None)
    # Whose they are is said once, of the level.
    use = [
        LimitUse(**{member: value for member, value in one.items() if member != "level"})
        for one in figures(limits, counted)
    ]
    return LevelUse(level=level, id=identifier, name=name, use=use)


OPERATIONS = (
    Operation("GET", "/internal/limits", show, "Show what is used of limits", "Usage",
              may=READ_TEAMS, answer=LimitsAnswer, query=LimitsQuery, refusals=(404,)),
)  # fmt: skip
