"""Access: whether key, user, team and organisation let this request be made at all. Pure."""

from common.domain.access import Asked
from common.domain.refusals import Reason, Refusal, Refused
from functions.relay.open_request import OpenRequest


def check_access(request: OpenRequest) -> None:
    """Endpoint, dialect, client and address must be allowed. Raises `Refused`."""
    if request.key is None or request.endpoint is None:
        raise ValueError("key and endpoint come before access")
    scope = request.endpoint.scope
    if scope is not None and not request.key.allows_scope(scope):
        message = (
            f"This API key lacks the scope {scope!r}: use a key that has it, or have it added "
            "to this one's `scopes`"
        )
        raise Refused(Refusal(Reason.SCOPE_NOT_ALLOWED, message))
    if not request.access:
        return
    dialect = request.dialect.name if request.dialect is not None else ""
    asked = Asked(scope, dialect, request.header(b"user-agent") or "", request.address)
    from common.domain.access_refusals import check_rules

    check_rules(request.access, asked)


def allows_model(request: OpenRequest, model: str, alias: str | None = None) -> bool:
    """Whether the key and all levels above it allow the model, by that alias if one is given."""
    if request.key is None:
        raise ValueError("key and body come before the model")
    return request.key.allows_model(model, alias) and all(
        one.policy.access.admits_model(model, alias) for one in request.access
    )


def check_model(request: OpenRequest, model: str, alias: str | None = None) -> None:
    """The model must be allowed. Raises `Refused`."""
    if allows_model(request, model, alias):
        return
    # What an alias stands for is nothing to who may not use it.
    named = repr(model if alias is None else alias)
    message = f"This API key may not use the model {named}"
    for one in request.access:
        if not one.policy.access.admits_model(model, alias):
            message = f"The model {named} is not allowed by the {one.level}'s rule access.models"
    message += ": ask for one that GET /v1/models lists, or have the rule changed"
    raise Refused(Refusal(Reason.MODEL_NOT_ALLOWED, message, field="model"))
