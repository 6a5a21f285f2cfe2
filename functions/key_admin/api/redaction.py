"""`/internal/redaction/try`: what rules of content make of a text."""

from starlette.responses import Response

from common.domain.content_rules import ContentRules, content_policies_of, redaction_of
from common.domain.field_errors import InvalidPolicy
from common.domain.roles import OPERATE
from functions.key_admin.content_levels import levels_of
from functions.key_admin.content_trial import try_rules
from functions.key_admin.models.content import kept_rule
from functions.key_admin.models.content_trial import ContentTrial, ContentTried
from functions.key_admin.operation import Call, Operation, answered
from functions.key_admin.problem import invalid_field

PATH = "/internal/redaction/try"


async def try_text(call: Call) -> Response:
    """What is found in the text, what a provider would see of it, and what refuses it.

    By the rules that are sent, or by those that hold for a key, a team or the organisation.
    Nothing is changed, kept or logged.
    """
    given = call.sent(ContentTrial)
    levels = await _levels(call, given)
    redaction = redaction_of(levels)
    told = [one.content_policy for one in content_policies_of(levels) if one.content_policy]
    try:
        tried = await try_rules(
            given.text,
            None if redaction is None else redaction.redaction,
            told,
            call.services.model_finder,
        )
    except InvalidPolicy as error:
        # One that another release kept.
        raise invalid_field("body", f"a level's rules cannot be followed: {error}") from None
    return answered(tried)


async def _levels(call: Call, given: ContentTrial) -> list[ContentRules]:
    """What is said of content, nearest first. Raises `Problem`."""
    if given.of_nobody:
        redaction = kept_rule("redaction", given.policy)
        return [ContentRules(redaction, kept_rule("content_policy", given.content_policy))]
    async with call.services.database.transaction() as connection:
        found = await levels_of(connection, key_id=given.key_id, team_id=given.team_id)
    return [one.rules for one in found]


OPERATIONS = (
    Operation("POST", PATH, try_text, "Try rules of content on a text", "Redaction",
              may=OPERATE, answer=ContentTried, body=ContentTrial, refusals=(404,)),
)  # fmt: skip
