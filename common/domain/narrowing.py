"""What a key or an account may do under its old record and under its new one alike.

A change that takes rights away holds in Redis before it is committed, one that gives some only
after. Many do both: so until the commit Redis has what both allow, and of all else, such as names,
what the old record says.
"""

from typing import Literal

import msgspec

from common.domain.access import NO_ACCESS, Access, admits_all_of, admits_scope
from common.domain.accounts import AccountRecord
from common.domain.content_rules import narrowed_content
from common.domain.keys import KeyRecord
from common.domain.money import pico_from_usd
from common.domain.policies import Limits, Policy, Queue, UnpricedModels, Window
from common.domain.routing import narrowed_routing

# A scope that no endpoint asks for: an empty list would allow all of them.
NO_SCOPE = "none"
KeyStatus = Literal["active", "disabled", "revoked"]


def narrowed_key(old: KeyRecord, new: KeyRecord) -> KeyRecord:
    """The old record with what both allow; its end is the sooner one."""
    scopes = old.scopes or new.scopes
    if old.scopes and new.scopes:
        scopes = _in_both(old.scopes, new.scopes) or [NO_SCOPE]
    # More patterns admit what fewer do. Of others it is only known that both must admit.
    only_more = bool(old.models_allow) and set(old.models_allow) <= set(new.models_allow)
    return msgspec.structs.replace(
        old,
        scopes=scopes,
        models_allow_too=[] if only_more else new.models_allow,
        models_deny=list(dict.fromkeys([*old.models_deny, *new.models_deny])),
        expires_at_ms=sooner(old.expires_at_ms, new.expires_at_ms),
        activation_days=sooner(old.activation_days, new.activation_days),
        policy=narrowed_policy(old.policy, new.policy) if old.policy != new.policy else old.policy,
    )


def narrowed_policy(old: Policy, new: Policy) -> Policy:
    """What both allow: the lower of all limits, the budgets of both, unpriced models if both do.

    Where they cannot be compared (other calendars, windows of other lengths) the old ones stay.
    """
    names = ("requests_per_minute", "tokens_per_minute", "requests_per_day", "tokens_per_day")
    lower = {
        name: _lower(getattr(old.limits, name), getattr(new.limits, name))
        for name in (*names, "concurrency")
    }
    limits = Limits(
        **lower,
        window=_narrowed_window(old.limits.window, new.limits.window),
        queue=_narrowed_queue(old.limits, new.limits),
    )
    access = narrowed_access(old.access, new.access)
    unpriced = _narrowed_unpriced(old.unpriced_models, new.unpriced_models)
    narrowed = msgspec.structs.replace(
        old,
        limits=limits,
        access=access,
        unpriced_models=unpriced,
        routing=narrowed_routing(old.routing, new.routing),
        content=narrowed_content(old.content, new.content),
    )
    if not old.counts:
        return msgspec.structs.replace(narrowed, budgets=new.budgets, calendar=new.calendar)
    if old.calendar == new.calendar:
        budgets = tuple(dict.fromkeys([*old.budgets, *new.budgets]))
        return msgspec.structs.replace(narrowed, budgets=budgets)
    return narrowed


def _narrowed_unpriced(
    old: UnpricedModels | None, new: UnpricedModels | None
) -> UnpricedModels | None:
    """`deny` if either says so; what the level above says may be less than `quarantine`."""
    if "deny" in (old, new):
        return "deny"
    return old if old == new else None


def narrowed_access(old: Access, new: Access) -> Access:
    """What both admit: of globs and networks it is only known that both must admit."""
    if admits_all_of(new, old):
        return old
    return new if old == NO_ACCESS else msgspec.structs.replace(old, also=new)


def _in_both(old: list[str], new: list[str]) -> list[str]:
    held = [scope for scope in old if admits_scope(new, scope)]
    return held + [scope for scope in new if scope not in held and admits_scope(old, scope)]


def _narrowed_queue(old: Limits, new: Limits) -> Queue | None:
    """A queue belongs to its limit: where only one has that, its queue stays with it."""
    if old.concurrency is None or new.concurrency is None:
        return new.queue if old.concurrency is None else old.queue
    one, other = old.queue, new.queue
    if one is None or other is None:
        return None
    return Queue(min(one.max_waiting, other.max_waiting), min(one.timeout_ms, other.timeout_ms))


def _narrowed_window(old: Window | None, new: Window | None) -> Window | None:
    if old is None or new is None:
        return old or new
    if old.minutes != new.minutes:
        return old
    usd = [one.usd for one in (old, new) if one.usd is not None]
    return Window(
        old.minutes,
        requests=_lower(old.requests, new.requests),
        tokens=_lower(old.tokens, new.tokens),
        usd=min(usd, key=pico_from_usd, default=None),
    )


def _lower(one: int | None, other: int | None) -> int | None:
    return min((most for most in (one, other) if most is not None), default=None)


def narrowed_status(old: KeyStatus, new: KeyStatus) -> KeyStatus:
    """Active only if both are."""
    return old if new == "active" else new


def narrowed_account(old: AccountRecord, new: AccountRecord) -> AccountRecord:
    """The old record with what both allow."""
    # More names admit what fewer do. Of globs it is only known that both must admit.
    only_more = bool(old.models) and old.models.keys() <= new.models.keys()
    bounds = [bound for bound in (old.max_concurrency, new.max_concurrency) if bound]
    return msgspec.structs.replace(
        old,
        models_too={} if only_more else new.models,
        enabled=old.enabled and new.enabled,
        max_concurrency=min(bounds, default=0),
        schedulable=old.schedulable and new.schedulable,
        expires_at_ms=sooner(old.expires_at_ms, new.expires_at_ms),
        policy=narrowed_policy(old.policy, new.policy) if old.policy != new.policy else old.policy,
    )


def sooner(one: int | None, other: int | None) -> int | None:
    """The sooner of two ends, or the shorter of two times; None is no end."""
    return min((end for end in (one, other) if end is not None), default=None)
