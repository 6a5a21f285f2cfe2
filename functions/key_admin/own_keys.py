"""What somebody may do with keys of their own: as their team lets them, and never more than it."""

from datetime import UTC, datetime

import msgspec

from common.domain import self_service as rules
from common.domain.self_service import OFF, SelfService
from common.store import directory, keys, routing
from common.store.database import Connection
from common.store.directory import Team, User
from common.store.keys import Key
from functions.key_admin.models.access import ModelRules
from functions.key_admin.models.keys import KeyCreate
from functions.key_admin.models.limits import counts_of
from functions.key_admin.models.self_service import Allowance, Obstacle, OwnKeyCreate
from functions.key_admin.operation import Call
from functions.key_admin.problem import FieldError, Problem, conflict

_WORDS: dict[Obstacle, str] = {
    "key": "Who came with an API key sees it and changes nothing: sign in to make keys.",
    "no_team": "You belong to no team yet: ask an administrator to add you to one.",
    "off": "Your team does not let its people make and rotate keys: ask an administrator.",
}


class Standing(msgspec.Struct, frozen=True):
    """Somebody, their team, and what it lets them do.

    `active_keys` are theirs, whoever made them; one whose end has come is none any more.
    """

    user: User | None
    team: Team | None
    keys_max: int
    active_keys: int

    @property
    def rule(self) -> SelfService:
        """The team's; off without one."""
        return OFF if self.team is None else self.team.self_service

    @property
    def obstacle(self) -> Obstacle | None:
        """Why they make no key now."""
        if self.team is None:
            return "no_team"
        if not self.rule.enabled:
            return "off"
        return "keys_max" if self.active_keys >= self.keys_max else None


async def standing_of(call: Call, connection: Connection, user_id: str | None) -> Standing:
    """How it stands with a user of the portal."""
    user = None if user_id is None else await directory.find_user(connection, user_id)
    team_id = None if user is None else user.team_id
    team = None if team_id is None else await directory.find_team(connection, team_id)
    most = call.services.settings.identity.portal_keys_max
    rule = OFF if team is None else team.self_service
    active = 0 if user is None else await keys.count_usable(connection, user.id)
    return Standing(user, team, rules.keys_allowed(rule, most), active)


def allowance_of(call: Call, standing: Standing) -> Allowance:
    """The same, as it is told."""
    obstacle: Obstacle | None = "key" if call.actor.key_id is not None else standing.obstacle
    access = None if standing.team is None else standing.team.policy.access
    return Allowance(
        may_create=obstacle is None,
        obstacle=obstacle,
        may_rotate=obstacle in (None, "keys_max"),
        keys_active=standing.active_keys,
        keys_max=standing.keys_max,
        expires_by=rules.latest_end(standing.rule, datetime.now(UTC)),
        models=ModelRules()
        if access is None
        else ModelRules(allow=list(access.models_allow), deny=list(access.models_deny)),
    )


async def own_key(
    call: Call, connection: Connection, given: OwnKeyCreate
) -> tuple[KeyCreate, Team]:
    """The key as its maker may make it, and their team. Raises `Problem` 403, 409 and 422.

    Others of theirs that are made at the same time wait, so that there are never too many.
    """
    user_id = call.scope.user_id
    if user_id is not None:
        await directory.lock_user(connection, user_id)
    standing = await standing_of(call, connection, user_id)
    _check_may_create(standing)
    if standing.team is None:
        raise Problem(403, "Not allowed", _WORDS["no_team"])
    now = datetime.now(UTC)
    rule, policy = standing.rule, standing.team.policy
    asked = counts_of(given.limits, given.budgets, given.calendar)
    faults = rules.above_team(policy, asked.limits, asked.budgets)
    if rules.models_refused(policy.access, given.models.allow):
        aliases = await routing.aliases_among(connection, given.models.allow)
        faults += rules.models_refused(policy.access, given.models.allow, aliases)
    latest = rules.latest_end(rule, now)
    if given.expires_at is not None and rules.exceeds_end(rule, given.expires_at, now):
        days = rule.expires_within_days
        faults.append(("expires_at", f"your team's keys end within {days} days: give less"))
    if faults:
        errors = [FieldError(field=field, message=message) for field, message in faults]
        named = ", ".join(field for field, _ in faults)
        raise Problem(422, "Invalid request", f"Above your team: {named}", errors=errors)
    made = KeyCreate(
        name=given.name,
        user_id=user_id,
        team_id=standing.team.id,
        models=given.models,
        tags=given.tags,
        limits=given.limits,
        budgets=given.budgets,
        calendar=given.calendar,
        expires_at=given.expires_at or latest,
    )
    return made, standing.team


async def check_rotation(connection: Connection, key: Key) -> None:
    """Whether the key's team lets its people rotate keys. Raises `Problem` 403.

    Revoking asks nobody: a key that leaked must end.
    """
    team_id = key.record.team_id
    team = None if team_id is None else await directory.find_team(connection, team_id)
    if team is None:
        detail = "The key belongs to no team: ask an administrator to rotate it."
        raise Problem(403, "Not allowed", detail)
    if not team.self_service.enabled:
        raise Problem(403, "Not allowed", _WORDS["off"])


def _check_may_create(standing: Standing) -> None:
    obstacle = standing.obstacle
    if obstacle == "keys_max":
        had, most = standing.active_keys, standing.keys_max
        raise conflict(
            f"You have {had} active keys, and {most} are allowed: revoke one that you do not need."
        )
    if obstacle is not None:
        raise Problem(403, "Not allowed", _WORDS[obstacle])
