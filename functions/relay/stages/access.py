"""Access: whether key, user, team and organisation let this request be made at all. Pure."""

from common.domain.access import Asked, RuleName
from common.domain.policies import Applied
from common.domain.refusals import Reason, Refusal, Refused
from functions.relay.open_request import OpenRequest

_REASONS: dict[RuleName, Reason] = {
    "scopes": Reason.SCOPE_NOT_ALLOWED,
    "dialects": Reason.DIALECT_NOT_ALLOWED,
    "clients": Reason.CLIENT_NOT_ALLOWED,
    "addresses": Reason.ADDRESS_NOT_ALLOWED,
}


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
    for one in request.access:
        rule = one.policy.access.broken_by(asked)
        if rule is not None:
            raise Refused(Refusal(_REASONS[rule], _message(one, rule, asked)))


def allows_model(request: OpenRequest, model: str) -> bool:
    """Whether the key and all levels above it allow the model."""
    if request.key is None:
        raise ValueError("key and body come before the model")
    return request.key.allows_model(model) and all(
        one.policy.access.admits_model(model) for one in request.access
    )


def check_model(request: OpenRequest, model: str) -> None:
    """The model must be allowed. Raises `Refused`."""
    if allows_model(request, model):
        return
    message = f"This API key may not use the model {model!r}"
    for one in request.access:
        if not one.policy.access.admits_model(model):
            message = f"The model {model!r} is not allowed by the {one.level}'s rule access.models"
    message += ": ask for one that GET /v1/models lists, or have the rule changed"
    raise Refused(Refusal(Reason.MODEL_NOT_ALLOWED, message, field="model"))


def _message(one: Applied, rule: RuleName, asked: Asked) -> str:
    """Says nothing of which addresses are allowed: the caller may be a thief of the key."""
    access, whose = one.policy.access, f"The {one.level}'s rule access.{rule}"
    if rule == "addresses":
        return (
            f"{whose} does not admit the address {asked.address}: call from one that it has, or "
            "have this one added"
        )
    if rule == "clients":
        named = asked.agent[:100] or "(none)"
        allowed = ", ".join(access.clients)
        return (
            f"{whose} does not admit the client {named!r}: use one of {allowed}, or have this "
            "one added"
        )
    if rule == "dialects":
        allowed = ", ".join(access.dialects)
        return f"{whose} does not admit the dialect {asked.dialect!r}: use {allowed}"
    allowed = ", ".join(access.scopes)
    return f"{whose} does not admit the scope {asked.scope!r}, only {allowed}"
