"""What a team lets its people do by themselves with keys of their own. Pure.

Limits, budgets and models of a key hold beside its team's, so none of them can loosen anything. One
that is above the team's would never be reached, and is refused, so that nobody relies on it.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from common.domain.access import Access, admits_model
from common.domain.globs import is_glob
from common.domain.policies import Budget, Limits, Policy

EXPIRES_DAYS_MAX = 3650
KEYS_MAX = 1000
_COUNTS = (
    *("requests_per_minute", "tokens_per_minute", "requests_per_day", "tokens_per_day"),
    "concurrency",
)
Faults = list[tuple[str, str]]


class SelfService(msgspec.Struct, frozen=True, omit_defaults=True):
    """`keys_max` active keys each (None: as the settings have it), which end within so many days.

    `expires_within_days` None: they need no end.
    """

    enabled: bool = False
    keys_max: int | None = None
    expires_within_days: int | None = None


OFF = SelfService()


def keys_allowed(rule: SelfService, installation_max: int) -> int:
    """How many active keys somebody may have; the installation's bound holds too."""
    return installation_max if rule.keys_max is None else min(rule.keys_max, installation_max)


def latest_end(rule: SelfService, now: datetime) -> datetime | None:
    """When a key that is made now ends at the latest; None: never."""
    days = rule.expires_within_days
    return None if days is None else now + timedelta(days=days)


def exceeds_end(rule: SelfService, ends_at: datetime, now: datetime) -> bool:
    """Whether a key would outlive what the rule allows."""
    latest = latest_end(rule, now)
    return latest is not None and ends_at > latest


def above_team(team: Policy, limits: Limits, budgets: Sequence[Budget]) -> Faults:
    """Fields of a key's limits that are above its team's, each with what to do about it."""
    found: Faults = []
    for name in _COUNTS:
        most, given = getattr(team.limits, name), getattr(limits, name)
        if most is not None and given is not None and given > most:
            found.append((f"limits.{name}", f"your team has {most}: give at most that"))
    amounts = {one.period: Decimal(one.usd) for one in team.budgets if one.policy != "soft"}
    for place, budget in enumerate(budgets):
        usd = amounts.get(budget.period)
        if usd is not None and Decimal(budget.usd) > usd:
            words = f"your team has {usd:f} a {budget.period}: give at most that"
            found.append((f"budgets[{place}].usd", words))
    return found


def models_refused(team: Access, allow: Sequence[str], aliases: Collection[str] = ()) -> Faults:
    """Models by name that the team may not ask for; of patterns nothing is known, and both hold.

    Of an alias only what denies it by its name: what it stands for may be allowed.
    """

    def admits(model: str) -> bool:
        if model in aliases:
            return admits_model((), team.models_deny, model)
        return team.admits_model(model)

    return [
        (f"models.allow[{place}]", "your team may not use this model")
        for place, model in enumerate(allow)
        if not is_glob(model) and not admits(model)
    ]
