"""Access rules: what a caller reads whom one of them keeps out. Pure."""

from collections.abc import Iterable

from common.domain.access import Asked, RuleName
from common.domain.policies import Applied
from common.domain.refusals import Reason, Refusal, Refused

_REASONS: dict[RuleName, Reason] = {
    "scopes": Reason.SCOPE_NOT_ALLOWED,
    "dialects": Reason.DIALECT_NOT_ALLOWED,
    "clients": Reason.CLIENT_NOT_ALLOWED,
    "addresses": Reason.ADDRESS_NOT_ALLOWED,
}


def check_rules(applied: Iterable[Applied], asked: Asked) -> None:
    """All levels' rules must admit the request. Raises `Refused` of the first that does not."""
    for one in applied:
        rule = one.policy.access.broken_by(asked)
        if rule is not None:
            raise Refused(Refusal(_REASONS[rule], _message(one, rule, asked)))


def check_address(applied: Iterable[Applied], address: str) -> None:
    """All levels must admit the address; which client and dialect is no matter. As above."""
    for one in applied:
        if not one.policy.access.admits_address(address):
            asked = Asked(None, "", "", address)
            raise Refused(Refusal(_REASONS["addresses"], _message(one, "addresses", asked)))


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
