"""Keys as the admin API answers them, and as the audit trail keeps them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from common.store.keys import Key
from functions.key_admin.models.access import KeyAccessFields, ModelRules, shown_key_access
from functions.key_admin.models.content import shown_content
from functions.key_admin.models.keys import ActivationShown, KeyAnswer
from functions.key_admin.models.limits import shown_counts
from functions.key_admin.models.routing import shown_routing


def answer_of(key: Key) -> KeyAnswer:
    """A key without its secret."""
    return KeyAnswer(**members_of(key))


def members_of(key: Key) -> dict[str, Any]:
    """The members of its answer."""
    record = key.record
    return {
        "id": record.id,
        "name": record.name,
        "user_id": record.user_id,
        "team_id": record.team_id,
        "key_prefix": key.key_prefix,
        "status": _status(key),
        "scopes": record.scopes,
        "models": ModelRules(allow=record.models_allow, deny=record.models_deny),
        "access": KeyAccessFields(**shown_key_access(record.policy.access)),
        **shown_counts(record.policy),
        **shown_routing(record.policy.routing, "account_id", "group_id", "regions"),
        **shown_content(record.policy.content),
        "tags": record.tags,
        "expires_at": key.expires_at,
        "activation": _activation(key),
        "created_at": key.created_at,
        "updated_at": key.updated_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
        "old_secret_ends_at": key.old_secret_ends_at,
    }


def audited(key: Key) -> dict[str, Any]:
    """What the audit trail keeps of it."""
    left_out = {"last_used_at", "old_secret_ends_at"}
    shown: dict[str, Any] = answer_of(key).model_dump(mode="json", exclude=left_out)
    return shown


def _activation(key: Key) -> ActivationShown | None:
    days = key.record.activation_days
    if days is None:
        return None
    first = key.activated_at
    ends_at = None if first is None else first + timedelta(days=days)
    return ActivationShown(days=days, activated_at=first, expires_at=ends_at)


def _status(key: Key) -> str:
    if key.status == "active" and (ends_at := key.ends_at) is not None:
        return "expired" if ends_at <= datetime.now(UTC) else "active"
    return key.status
