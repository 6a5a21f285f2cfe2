"""Content: what an organisation, a team or a key says about the text of a request.

Only for requests of those who say something: nobody else imports it. It stands between the body's
arrival and `admit`, so that bounds, budgets, translation, cache and provider see one text.
"""

from common.domain.content_rules import (
    content_policies_of,
    redaction_of,
    response_cache_of,
)
from functions.relay.open_request import OpenRequest
from functions.relay.services import Services
from functions.relay.stages.admit import authenticate


async def follow_rules(services: Services, request: OpenRequest, *, fresh: bool) -> None:
    """Check and change the request by the rules that hold now. Raises `Refused`.

    Unless they are `fresh` the key is verified first, which costs a round trip: `admit` compares
    versions too, but what it is told is made of a body that has been changed by then. Where this
    process knew of no rules, it is `admit` that brings them, and nothing has been changed.
    """
    if not fresh:
        await authenticate(services, request)
    if request.content:
        await check(services, request)


async def check(services: Services, request: OpenRequest) -> None:
    """Check the caller's text, redact it, and have it judged, in that order.

    Raises `Refused` for what a policy does not let pass.
    """
    levels = request.content
    cached = response_cache_of(levels)
    if cached is not None and cached.response_cache is not None:
        from functions.relay.stages.cache import choose

        choose(request, cached.response_cache)
    guard = None
    if content_policies_of(levels):
        from functions.relay.stages import content_policy

        guard = await content_policy.guard_for(levels)
        await content_policy.check_input(request, guard)
    redaction = redaction_of(levels)
    if redaction is not None and redaction.redaction:
        from functions.relay.stages.redact import redact_request

        await redact_request(services, request, redaction)
    if guard is not None:
        await content_policy.judge_input(services, request, guard)
        content_policy.watch_output(services, request, guard)
