"""What an identity provider's claims say of somebody: their role, their teams, their user."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from common.domain.roles import Role

# Strongest first; of the last two the teams add up and the portal asks for nothing.
_ORDER = (Role.ADMIN, Role.OPERATOR, Role.VIEWER, Role.TEAM_ADMIN, Role.PORTAL)


class Grant(msgspec.Struct, frozen=True):
    """A role; `team` is an id or a name, for a team admin."""

    role: Role
    team: str = ""


class Granted(msgspec.Struct, frozen=True):
    """What all matching grants come to."""

    role: Role
    teams: tuple[str, ...] = ()


class ClaimsRefused(Exception):
    """Somebody is who they say, and may not come in; the text says why, `code` for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def parse_grant(text: str) -> Grant:
    """`admin`, `operator`, `viewer`, `portal` or `team_admin:<team>`. Raises `ValueError`."""
    name, _, team = text.strip().partition(":")
    role = Role(name)
    if (role is Role.TEAM_ADMIN) != bool(team.strip()):
        raise ValueError("team_admin, and no other role, names a team: team_admin:<name or id>")
    return Grant(role, team.strip())


def parse_grants(text: str) -> tuple[tuple[str, Grant], ...]:
    """`value=role` with commas: `admins=admin,blue=team_admin:Blue`. Raises `ValueError`."""
    grants = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        value, equals, grant = entry.rpartition("=")
        if not equals or not value.strip():
            raise ValueError("each is `value=role`")
        grants.append((value.strip(), parse_grant(grant)))
    return tuple(grants)


def values_at(claims: Mapping[str, Any], path: str) -> tuple[str, ...]:
    """The texts that a claim has; `path` is its name, or steps to it with dots between.

    A name that is there as it is comes first: `https://example.com/roles` has dots too. A text
    with blanks is one value.
    """
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for step in path.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return (found,)
    if isinstance(found, Sequence):
        return tuple(one for one in found if isinstance(one, str))
    return ()


def granted(
    values: Iterable[str], grants: Iterable[tuple[str, Grant]], default: Grant | None
) -> Granted | None:
    """The strongest role that the values give, else the default's; None when there is neither."""
    given = set(values)
    matching = [grant for value, grant in grants if value in given]
    if not matching and default is not None:
        matching = [default]
    for role in _ORDER:
        teams = tuple(dict.fromkeys(one.team for one in matching if one.role is role))
        if teams:
            return Granted(role, tuple(filter(None, teams)))
    return None


def is_verified(claims: Mapping[str, Any]) -> bool:
    """Whether the provider says that it has verified the address."""
    return claims.get("email_verified") in (True, "true")


def user_of(found: Sequence[tuple[str, str | None]], subject: str, user_id: str) -> str:
    """Which user somebody is, of those that they may be (id, subject). Raises `ClaimsRefused`.

    Who they were before, whatever address they have now; else the user of that id, or the only one
    of that address; else a new one, `user_id`. Nobody becomes a user that somebody else is.
    """
    bound = dict(found)
    for one, whose in found:
        if whose == subject:
            return one
    chosen = user_id if user_id in bound or len(bound) != 1 else next(iter(bound))
    if bound.get(chosen) is not None:
        raise ClaimsRefused("user_taken", f"Somebody else signs in as the user {chosen}.")
    return chosen


def checked_email(claims: Mapping[str, Any], allowed_domains: Sequence[str]) -> str:
    """The e-mail address in lower case, "" for none. Raises `ClaimsRefused`.

    `email_verified` may be missing: not every provider sends it, and the operator has named this
    one. Where it is there it must not be false.
    """
    found = claims.get("email")
    email = found.strip().lower() if isinstance(found, str) else ""
    if email and claims.get("email_verified") in (False, "false"):
        raise ClaimsRefused("email_unverified", "The provider has not verified the address.")
    if allowed_domains and email.rpartition("@")[2] not in allowed_domains:
        raise ClaimsRefused("domain_not_allowed", "Addresses of this domain may not sign in.")
    return email
