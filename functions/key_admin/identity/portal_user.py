"""Which of Relay's users somebody in the portal is: by who they are, not by how they are called.

The first sign-in ties a user to the provider's issuer and subject; later ones find the user by
these, so that another address neither loses somebody their keys nor gets them somebody else's.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import psycopg

from common.domain.claims import ClaimsRefused, is_verified, user_of
from common.domain.ids import is_path_step
from common.identity_settings import OidcProvider
from common.store import directory
from common.store.database import Connection

TEXT_CHARACTERS_MAX = 200


class Known(NamedTuple):
    """A user by their id, and what of them was changed just now, for the trail."""

    user_id: str
    changed: Mapping[str, Any] | None = None


async def of_claims(
    connection: Connection,
    provider: OidcProvider,
    claims: Mapping[str, Any],
    email: str,
    user_id: str,
) -> Known:
    """The user, tied to this person from now on. Raises `ClaimsRefused`.

    `user_id` is what the provider's claim says. An address counts only when it is verified.
    """
    subject = f"{provider.issuer} {claims['sub']}"
    address = email if is_verified(claims) else ""
    wanted = _printable(user_id)
    if not is_path_step(wanted):
        wanted = ""
    found = await directory.users_of_person(connection, subject, wanted, address)
    chosen = user_of(found, subject, wanted)
    if (chosen, subject) in found:
        return Known(chosen)
    if provider.user_claim == "email" and not address:
        raise ClaimsRefused(
            "email_unverified",
            "The provider does not say that the address is verified: have it sent as "
            "email_verified, or name another claim as RELAY_OIDC_USER_CLAIM.",
        )
    if not chosen:
        raise ClaimsRefused("no_user", f"The claim {provider.user_claim} says no user.")
    made = await directory.ensure_user(connection, chosen)
    named = _printable(str(claims.get("name") or ""))
    try:
        tied = await directory.bind_user(connection, chosen, subject, named, address)
    except psycopg.errors.UniqueViolation:
        tied = False
    if not tied:
        raise ClaimsRefused("user_taken", f"Somebody signed in as the user {chosen} just now.")
    return Known(chosen, {"subject": subject} | ({"user_created": True} if made else {}))


def _printable(text: str) -> str:
    return "".join(one for one in text if one.isprintable())[:TEXT_CHARACTERS_MAX]
