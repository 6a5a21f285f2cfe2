"""Who may do what in the admin API: roles, what each sees, and the rule that a call declares.

Three roles see the whole organisation, each may do what the one before it may: viewer, operator,
admin. Two see a part of it: a team admin what belongs to named teams, a portal user what is their
own.
"""

from enum import StrEnum
from typing import Literal

import msgspec

Way = Literal["master-key", "password", "oidc", "service-account", "api-key"]


class Role(StrEnum):
    """What somebody is; the order of the first three is that of their rights."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    TEAM_ADMIN = "team_admin"
    PORTAL = "portal"


_RANKS = {Role.VIEWER: 0, Role.OPERATOR: 1, Role.ADMIN: 2}


class Scope(msgspec.Struct, frozen=True):
    """Which part somebody sees: things of these teams, of this user; None is no bound."""

    team_ids: frozenset[str] | None = None
    user_id: str | None = None
    key_id: str | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing is hidden."""
        return self.team_ids is None and self.user_id is None and self.key_id is None

    def covers(
        self, *, team_id: str | None, user_id: str | None = None, key_id: str | None = None
    ) -> bool:
        """Whether a thing of this team, user and key is seen; a bound needs the thing's own."""
        return (
            (self.team_ids is None or team_id in self.team_ids)
            and (self.user_id is None or user_id == self.user_id)
            and (self.key_id is None or key_id == self.key_id)
        )

    def bounds(
        self, team_id: str | None = None, user_id: str | None = None, key_id: str | None = None
    ) -> "Bounds":
        """What a filter by these leaves of what is seen."""
        teams = None if self.team_ids is None else sorted(self.team_ids)
        if not self.covers(
            team_id=team_id if team_id is not None else next(iter(teams or []), None),
            user_id=user_id if user_id is not None else self.user_id,
            key_id=key_id if key_id is not None else self.key_id,
        ):
            teams = []
        elif team_id is not None:
            teams = [team_id]
        return Bounds(teams, user_id or self.user_id, key_id or self.key_id)


class Bounds(msgspec.Struct, frozen=True):
    """Filters of a list; None is none, and of no team at all is nothing."""

    team_ids: list[str] | None
    user_id: str | None
    key_id: str | None


EVERYTHING = Scope()
_NOTHING = Scope(team_ids=frozenset())


class Actor(msgspec.Struct, frozen=True):
    """Who calls. `name` is for people, `subject` is what tells one person from another.

    `areas` are tags of operations that a service account is bound to; empty: no bound. `key_id` is
    set for who came with an API key: that key is all they see.
    """

    name: str
    way: Way
    role: Role
    subject: str
    team_ids: frozenset[str] = frozenset()
    user_id: str | None = None
    key_id: str | None = None
    session_id: str | None = None
    csrf_token: str = ""
    areas: frozenset[str] = frozenset()

    @property
    def scope(self) -> Scope:
        """What of the organisation they see; of a role without its bound: nothing."""
        match self.role:
            case Role.TEAM_ADMIN:
                return Scope(team_ids=self.team_ids)
            case Role.PORTAL if self.key_id is not None:
                return Scope(key_id=self.key_id)
            case Role.PORTAL:
                return _NOTHING if self.user_id is None else Scope(user_id=self.user_id)
            case _:
                return EVERYTHING

    @property
    def label(self) -> str:
        """As the audit trail names them."""
        return "master-key" if self.way == "master-key" else f"{self.way}:{self.name}"


class Rule(msgspec.Struct, frozen=True):
    """Who may make a call: `least` of those who see everything, and who of the others, in scope.

    `least` None: none of those who see everything, for they have nothing of their own.

    `with_key` says whether who came with an API key may, beside portal users. `shared` says that
    all whom it admits get the same answer; else those who see a part are answered by their scope.
    `public` asks nobody.
    """

    least: Role | None
    teams: bool = False
    own: bool = False
    with_key: bool = False
    shared: bool = False
    public: bool = False

    def __post_init__(self) -> None:
        """Raises `ValueError` for a rule that names no rank."""
        if self.least is not None and self.least not in _RANKS:
            raise ValueError(f"{self.least} is no rank: a rule names viewer, operator or admin")

    def admits(self, actor: Actor, area: str = "") -> bool:
        """Whether the actor may call at all; what of it they see is their scope's."""
        if actor.areas and area not in actor.areas and self != SIGNED_IN:
            return False
        match actor.role:
            case Role.TEAM_ADMIN:
                return self.teams
            case Role.PORTAL:
                return self.own and (actor.key_id is None or self.with_key)
            case _:
                return self.least is not None and _RANKS[actor.role] >= _RANKS[self.least]

    @property
    def words(self) -> str:
        """The roles that it admits, for documents and refusals."""
        if self.public:
            return "anybody"
        least = len(_RANKS) if self.least is None else _RANKS[self.least]
        named = [role.value for role, rank in _RANKS.items() if rank >= least]
        named += ["team_admin (of its teams)"] if self.teams else []
        named += ["portal (their own)"] if self.own else []
        return ", ".join(named)


READ = Rule(Role.VIEWER)
# The same for all: names and prices that whoever makes keys has to know.
SHARED = Rule(Role.VIEWER, teams=True, own=True, shared=True)
READ_TEAMS = Rule(Role.VIEWER, teams=True)
OPERATE = Rule(Role.OPERATOR)
OPERATE_TEAMS = Rule(Role.OPERATOR, teams=True)
ADMINISTER = Rule(Role.ADMIN)
PUBLIC = Rule(Role.VIEWER, public=True)
# What is one's own: seen by people and by who came with a key, changed by people.
SEE_OWN = Rule(None, own=True, with_key=True)
CHANGE_OWN = Rule(None, own=True)
SIGNED_IN = Rule(Role.VIEWER, teams=True, own=True, with_key=True, shared=True)
