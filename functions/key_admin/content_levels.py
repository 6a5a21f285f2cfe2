"""The levels that say something of one's content: a key's, its team's and the organisation's."""

from typing import Literal

import msgspec

from common.domain.content_rules import ContentRules
from common.domain.policies import ORGANISATION
from common.store import directory, keys, policies
from common.store.database import Connection
from functions.key_admin.problem import not_found

LevelName = Literal["key", "team", "organisation"]


class LevelOfContent(msgspec.Struct, frozen=True):
    """One level, and what it says itself."""

    level: LevelName
    id: str
    name: str
    rules: ContentRules


async def levels_of(
    connection: Connection, *, key_id: str | None = None, team_id: str | None = None
) -> list[LevelOfContent]:
    """All levels that hold for a key, a team, or everybody, nearest first. Raises `Problem` 404."""
    found: list[LevelOfContent] = []
    if key_id is not None:
        key = await keys.find(connection, key_id)
        if key is None:
            raise not_found(f"There is no key with the id {key_id}.")
        record = key.record
        found.append(LevelOfContent("key", record.id, record.name, record.policy.content))
        team_id = record.team_id
    if team_id is not None:
        team = await directory.find_team(connection, team_id)
        # A key's team may go while it is looked at.
        if team is None and key_id is None:
            raise not_found(f"There is no team with the id {team_id}.")
        if team is not None:
            found.append(LevelOfContent("team", team.id, team.name, team.policy.content))
    organisation = (await policies.organisation(connection)).policy.content
    return [*found, LevelOfContent("organisation", ORGANISATION, ORGANISATION, organisation)]
