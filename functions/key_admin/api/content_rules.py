"""`/internal/content-rules`: what holds of content, and which level says it."""

from starlette.responses import Response

from common.domain.content_rules import content_policies_of, redaction_of, response_cache_of
from common.domain.roles import READ
from functions.key_admin.content_levels import levels_of
from functions.key_admin.models.content import shown_content
from functions.key_admin.models.content_rules import (
    ContentRulesAnswer,
    ContentRulesQuery,
    LevelRules,
)
from functions.key_admin.operation import Call, Operation, answered

PATH = "/internal/content-rules"


async def show(call: Call) -> Response:
    """Redaction, content policies and response cache of a key, a team or the organisation."""
    given = call.sent(ContentRulesQuery)
    async with call.services.database.transaction() as connection:
        levels = await levels_of(connection, key_id=given.key_id, team_id=given.team_id)
    said = [one.rules for one in levels]
    names = {id(one.rules): one.level for one in levels}
    redaction, cache = redaction_of(said), response_cache_of(said)
    return answered(
        ContentRulesAnswer(
            levels=[
                LevelRules(level=one.level, id=one.id, name=one.name, **shown_content(one.rules))
                for one in levels
            ],
            redaction=None if redaction is None else names[id(redaction)],
            content_policy=[names[id(one)] for one in content_policies_of(said)],
            response_cache=None if cache is None else names[id(cache)],
        )
    )


OPERATIONS = (
    Operation("GET", PATH, show, "Show which rules of content hold", "Redaction",
              may=READ, answer=ContentRulesAnswer, query=ContentRulesQuery, refusals=(404,)),
)  # fmt: skip
