"""Who says which service sees what is asked and answered: a content policy's webhook."""

from common.domain.content_rules import NO_CONTENT, ContentRules
from common.domain.roles import Role
from functions.key_admin.operation import Call
from functions.key_admin.problem import FieldError, Problem

FIELD = "content_policy.webhook.url"
_SAID = "is for an admin to set: that address is sent what is asked and answered"


def check_webhook(call: Call, after: ContentRules, before: ContentRules = NO_CONTENT) -> None:
    """Another address than the level had is an admin's to set. Raises `Problem` 403.

    Whoever may change the level may take it away, and change when it is asked.
    """
    if _address(after) in (None, _address(before)) or call.actor.role is Role.ADMIN:
        return
    errors = [FieldError(field=FIELD, message=_SAID)]
    raise Problem(403, "Not allowed", f"{FIELD}: {_SAID}", errors=errors)


def _address(rules: ContentRules) -> str | None:
    webhook = (rules.content_policy or {}).get("webhook") or {}
    address: str | None = webhook.get("url")
    return address
