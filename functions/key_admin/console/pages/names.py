"""Names for the ids that lists show."""

from collections.abc import Iterable
from typing import Any

from functions.key_admin.console.view import View

TEAMS_MAX = 500
# What somebody has who may not see a list.
_HIDDEN: dict[str, Any] = {"items": []}


async def of_keys(view: View, key_ids: Iterable[str]) -> dict[str, str]:
    """Each key's name by its id; a key that is not there any more has none."""
    ids = sorted(set(key_ids))
    if not ids:
        return {}
    page = await view.api.get("/internal/api-keys", ids=",".join(ids), limit=len(ids))
    return {one["id"]: one["name"] for one in page["items"]}


async def of_teams(view: View) -> dict[str, str]:
    """Each team's name by its id, in the order of names."""
    found = await view.api.get("/internal/team-names")
    return {one["id"]: one["name"] for one in found["items"]}


async def accounts(view: View) -> list[dict[str, Any]]:
    """The accounts; none, for somebody who may not see them."""
    page = await view.api.get_if_admitted("/internal/accounts", _HIDDEN, limit=TEAMS_MAX)
    found: list[dict[str, Any]] = page["items"]
    return found


async def of_accounts(view: View) -> dict[str, str]:
    """Each account's name by its id."""
    return {one["id"]: one["name"] for one in await accounts(view)}


async def of_groups(view: View) -> dict[str, str]:
    """Each group's name by its id, in the order of names."""
    page = await view.api.get_if_admitted("/internal/groups", _HIDDEN, limit=TEAMS_MAX)
    return {one["id"]: one["name"] for one in by_name(page["items"])}


def by_name(things: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """In the order in which people look for a name."""
    return sorted(things, key=lambda one: one["name"].lower())


def of_models(known: Iterable[dict[str, Any]], accounts: Iterable[dict[str, Any]]) -> set[str]:
    """Models to choose from: what is known of, and what accounts name."""
    found = {one["name"] for one in known}
    return found | {name for one in accounts for name in one["models"] if "*" not in name}
