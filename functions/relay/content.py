"""What the levels say of a request's content, and when it is followed.

Imported only for requests whose levels say something.
"""

from common.domain.content_rules import ContentRules
from functions.relay.open_request import OpenRequest
from functions.relay.services import Services
from functions.relay.stages.admit import authenticate


def rules_of(request: OpenRequest) -> tuple[ContentRules, ...]:
    """What key, team and organisation say, nearest first; those that say nothing are left out.

    Empty before the key is known. Which holds: `common/domain/content_rules.py`.
    """
    return request.content


async def follow_rules(services: Services, request: OpenRequest, *, fresh: bool) -> None:
    """Check and change the request by the rules that hold now. Raises `Refused`.

    Unless they are `fresh` the key is verified first, which costs a round trip: `admit` compares
    versions too, but what it is told is made of a body that has been changed by then. Where this
    process knew of no rules, it is `admit` that brings them, and nothing has been changed.
    """
    if not fresh:
        await authenticate(services, request)
    if request.content:
        from functions.relay.stages.content import check

        await check(services, request)
