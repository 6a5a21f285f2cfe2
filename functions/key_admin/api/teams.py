"""`/internal/teams`: the tenants. A key without a team is its own tenant."""

from typing import Any

import msgspec
import psycopg
from starlette.responses import Response

from common.domain.policies import NO_POLICY, team_scope
from common.domain.roles import OPERATE, READ_TEAMS
from common.domain.routing import NO_ROUTING
from common.domain.self_service import OFF, SelfService
from common.identifiers import new_ulid
from common.store import directory
from common.store.database import Connection
from common.store.directory import Team
from functions.key_admin.binding import check_binding
from functions.key_admin.bodies import check_id
from functions.key_admin.content_webhook import check_webhook
from functions.key_admin.in_use import NAMED_MAX, named
from functions.key_admin.models.directory import (
    SelfServiceFields,
    TeamAnswer,
    TeamCreate,
    TeamList,
    TeamName,
    TeamNames,
    TeamPage,
    TeamPatch,
)
from functions.key_admin.models.limits import (
    TenantPolicyPatch,
    patched_policy,
    policy_of,
    shown_to_tenants,
)
from functions.key_admin.models.routing import TeamRoutingPatch, shown_routing
from functions.key_admin.operation import Call, Operation, answered, etag
from functions.key_admin.problem import Problem, conflict, not_found, taken
from functions.key_admin.projecting import project_policy

PATH = "/internal/teams"
NAMES_MAX = 1_000


async def create(call: Call) -> Response:
    """201; 409 when there is one of that name."""
    given = call.sent(TeamCreate)
    team_id, policy = new_ulid(), policy_of(given)
    check_webhook(call, policy.content)
    async with call.services.database.transaction() as connection:
        await check_binding(call, connection, NO_ROUTING, policy.routing)
        try:
            await directory.create_team(
                connection,
                team_id,
                given.name,
                given.description,
                policy,
                given.price_multiplier,
                self_service_of(given.self_service),
            )
        except psycopg.errors.UniqueViolation:
            raise _name_taken(given.name) from None
        team = await _found(connection, team_id)
        await call.audit(connection, "team.create", team_id, after=_audited(team))
        await project_policy(call, connection, team_scope(team.id), NO_POLICY, team.policy)
    await _done(call)
    answer = _shown(team, 201)
    answer.headers["location"] = f"{PATH}/{team_id}"
    return answer


async def list_teams(call: Call) -> Response:
    """A page, newest first."""
    query = call.sent(TeamPage)
    seen = call.scope.bounds()
    async with call.services.database.transaction() as connection:
        found = await directory.page_of_teams(
            connection,
            team_ids=seen.team_ids,
            name=query.name,
            search=query.search,
            before=query.cursor,
            limit=query.limit + 1,
        )
    page = found[: query.limit]
    more = page[-1].id if len(found) > query.limit else None
    return answered(TeamList(items=[_answer(team) for team in page], next_cursor=more))


async def list_names(call: Call) -> Response:
    """All names at once, for lists to choose from, at a small part of what all teams cost."""
    async with call.services.database.transaction() as connection:
        found = await directory.team_names(
            connection, team_ids=call.scope.bounds().team_ids, limit=NAMES_MAX
        )
    return answered(TeamNames(items=[TeamName(id=one, name=name) for one, name in found]))


async def show(call: Call) -> Response:
    """One team."""
    async with call.services.database.transaction() as connection:
        team = await _found(connection, call.path["team_id"])
    if not call.scope.covers(team_id=team.id):
        raise _no_team(team.id)
    return _shown(team)


async def patch(call: Call) -> Response:
    """What was sent is changed."""
    given = call.sent(TeamPatch)
    async with call.services.database.transaction() as connection:
        before = await _found(connection, call.path["team_id"])
        call.check_version(before.version)
        levels = TenantPolicyPatch.model_fields.keys() | TeamRoutingPatch.model_fields.keys()
        own = given.model_fields_set - levels - {"unpriced_models"}
        changes: dict[str, Any] = {name: getattr(given, name) for name in own}
        if "self_service" in own:
            changes["self_service"] = self_service_of(given.self_service)
        changes["policy"] = patched_policy(before.policy, given)
        patched = msgspec.structs.replace(before, **changes)
        if patched == before:
            return _shown(before)
        check_webhook(call, patched.policy.content, before.policy.content)
        old, new = before.policy.routing, patched.policy.routing
        await check_binding(call, connection, old, new)
        try:
            written = await directory.update_team(connection, patched)
        except psycopg.errors.UniqueViolation:
            raise _name_taken(given.name) from None
        if not written:
            raise conflict("The team was changed by another call at the same time; try again.")
        scope = team_scope(before.id)
        await project_policy(call, connection, scope, before.policy, patched.policy)
        team = await _found(connection, before.id)
        await call.audit(
            connection, "team.update", team.id, before=_audited(before), after=_audited(team)
        )
    await _done(call)
    return _shown(team)


async def delete(call: Call) -> Response:
    """204; 409 while users or keys, revoked ones too, belong to the team; some are named."""
    async with call.services.database.transaction() as connection:
        team = await _found(connection, call.path["team_id"])
        members, total = await directory.members_of_team(connection, team.id, NAMED_MAX)
        if members:
            raise _in_use(named(members, total))
        try:
            await directory.delete_team(connection, team.id)
        except psycopg.errors.ForeignKeyViolation:
            raise _in_use("who came into it just now") from None
        await call.audit(connection, "team.delete", team.id, before=_audited(team))
        await project_policy(call, connection, team_scope(team.id), team.policy, NO_POLICY)
    await _done(call)
    return Response(status_code=204)


def self_service_of(given: SelfServiceFields | None) -> SelfService:
    """What was sent; null is off."""
    return OFF if given is None else SelfService(**given.model_dump())


async def _done(call: Call) -> None:
    """After the commit: what limits it is projected as it is now."""
    if call.projected_ahead:
        await call.services.bring_projection_up_to_date()


async def _found(connection: Connection, team_id: str) -> Team:
    team = await directory.find_team(connection, check_id(team_id, "team"))
    if team is None:
        raise _no_team(team_id)
    return team


def _no_team(team_id: str) -> Problem:
    return not_found(f"There is no team with the id {team_id}.")


def _shown(team: Team, status: int = 200) -> Response:
    return answered(_answer(team), status, {"etag": etag(team.version)})


def _answer(team: Team) -> TeamAnswer:
    members = msgspec.structs.asdict(team)
    del members["version"], members["policy"]
    members["self_service"] = SelfServiceFields(**msgspec.structs.asdict(team.self_service))
    policy = shown_to_tenants(team.policy)
    policy |= shown_routing(team.policy.routing, "account_id", "group_id")
    return TeamAnswer(**members, **policy, unpriced_models=team.policy.unpriced_models)


def _audited(team: Team) -> dict[str, Any]:
    shown: dict[str, Any] = _answer(team).model_dump(mode="json", exclude={"users", "active_keys"})
    return shown


def _in_use(whom: str) -> Problem:
    return conflict(
        f"The team is in use: move these first: {whom} "
        "(revoked keys count: PATCH team_id: null takes them out as they are)."
    )


def _name_taken(name: str | None) -> Problem:
    return taken("name", f"Another team is named {name!r}: names are unique.")


_ONE = f"{PATH}/{{team_id}}"
OPERATIONS = (
    Operation("POST", PATH, create, "Add a team", "Teams", may=OPERATE,
              status=201, answer=TeamAnswer, body=TeamCreate, refusals=(409,)),
    Operation("GET", PATH, list_teams, "List teams", "Teams", may=READ_TEAMS,
              answer=TeamList, query=TeamPage),
    Operation("GET", "/internal/team-names", list_names, "List teams' names", "Teams",
              may=READ_TEAMS, answer=TeamNames),
    Operation("GET", _ONE, show, "Show a team", "Teams", may=READ_TEAMS,
              answer=TeamAnswer, refusals=(404,)),
    Operation("PATCH", _ONE, patch, "Change a team", "Teams", may=OPERATE,
              answer=TeamAnswer, body=TeamPatch, versioned=True, refusals=(404, 409)),
    Operation("DELETE", _ONE, delete, "Delete a team", "Teams", may=OPERATE,
              status=204, refusals=(404, 409)),
)  # fmt: skip
