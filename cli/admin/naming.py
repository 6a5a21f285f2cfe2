"""Names in the place of ids: of teams, keys and service accounts, where one alone has the name."""

from collections.abc import Iterable
from typing import Any

from cli.admin.client import Client
from cli.admin.errors import Refused
from common.domain.ids import is_ulid

# A command's parameter -> what it names.
NAMED = {
    "team_id": "team",
    "team_ids": "team",
    "key_id": "key",
    "key_ids": "key",
    "service_account_id": "service account",
}
_PATHS = {
    "team": "/internal/teams",
    "key": "/internal/api-keys",
    "service account": "/internal/service-accounts",
}
_SHOWN_MAX = 5


def with_ids(client: Client, what: str, given: Any) -> Any:
    """The id of what has that name, or of each of several; an id stays. Raises `Refused`."""
    if isinstance(given, tuple | list):
        return tuple(with_ids(client, what, one) for one in given)
    if given is None or is_ulid(given):
        return given
    found = [one["id"] for one in _like(client, what, given) if one["name"] == given]
    if not found:
        raise Refused(f"there is no {what} with the name or id {given!r}")
    if len(found) > 1:
        more = ", …" if len(found) > _SHOWN_MAX else ""
        shown = ", ".join(found[:_SHOWN_MAX])
        raise Refused(f"{len(found)} {what}s have the name {given!r}: give an id: {shown}{more}")
    return found[0]


def _like(client: Client, what: str, name: str) -> Iterable[dict[str, Any]]:
    query = {"team": {"name": name}, "key": {"search": name}}.get(what, {})
    found = client.items(_PATHS[what], query, None)
    # A revoked service account's name may be another's again.
    return (one for one in found if what != "service account" or one["status"] != "revoked")
