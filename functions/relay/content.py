"""Whether a request's key, team or organisation says anything about content."""

from common.domain.content_rules import ContentRules
from functions.relay.open_request import OpenRequest


def rules_of(request: OpenRequest) -> tuple[ContentRules, ...]:
    """What each level says that says something, nearest first; empty for most requests."""
    return request.content
