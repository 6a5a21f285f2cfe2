"""Content: what an organisation, a team or a key says about the text of a request.

Only for requests of those who say something: nobody else imports it. It stands between the body's
arrival and `admit`, so that bounds, budgets, translation, cache and provider see one text.
"""

from common.domain.content_rules import (
    content_policies_of,
    redaction_of,
    response_cache_of,
)
from common.domain.refusals import Reason, Refusal, Refused
from functions.relay.content import rules_of
from functions.relay.open_request import OpenRequest
from functions.relay.services import Services


async def check(services: Services, request: OpenRequest) -> None:
    """Check the caller's text, redact it, and have it judged, in that order.

    Raises `Refused` for what a policy does not let pass.
    """
    levels = rules_of(request)
    if request.upload is not None and (redaction_of(levels) or content_policies_of(levels)):
        # They were set while it arrived.
        message = "The rules of this API key changed while the request arrived: send it again"
        raise Refused(Refusal(Reason.STATE_UNAVAILABLE, message, retry_after_ms=0))
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
