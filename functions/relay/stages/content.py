"""Content: what an organisation, a team or a key says about the text of a request.

Only for requests of those who say something: nobody else imports it. It stands between the body's
arrival and `admit`, so that bounds, budgets, translation, cache and provider see one text.
"""

from common.domain.content_rules import redaction_of
from functions.relay.content import rules_of
from functions.relay.open_request import OpenRequest
from functions.relay.services import Services


async def check(services: Services, request: OpenRequest) -> None:
    """Check the caller's text, redact it, and have it judged, in that order.

    Raises `Refused` for what a policy does not let pass.
    """
    levels = rules_of(request)
    # Content policy: size and patterns, of the caller's own text.
    redaction = redaction_of(levels)
    if redaction is not None and redaction.redaction:
        from functions.relay.stages.redact import redact_request

        await redact_request(services, request, redaction)
    # Content policy: the webhook, of the redacted text.
