"""Policies: the limits and budgets that a level sets, as stored and as projected. Pure.

Four levels apply to a request, all together: the organisation, the key's team, its user, itself.
"""

from typing import Literal

import msgspec

from common.domain.access import NO_ACCESS, Access
from common.domain.ids import ulid_to_uuid
from common.domain.periods import Calendar, Period

# `default`: what the installation limits where no level does (`defaultTokenLimit`).
Level = Literal["organisation", "team", "user", "key", "default", "account"]
BudgetPolicy = Literal["clamp", "deny", "soft"]
ORGANISATION = "organisation"


class Window(msgspec.Struct, frozen=True, omit_defaults=True):
    """A sliding window of some minutes: at most so many requests, tokens, USD (decimal text)."""

    minutes: int
    requests: int | None = None
    tokens: int | None = None
    usd: str | None = None


class Queue(msgspec.Struct, frozen=True):
    """At most so many requests wait for a place among a level's concurrent ones, and how long."""

    max_waiting: int
    timeout_ms: int


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """Limits of rate and concurrency; None is no limit."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    requests_per_day: int | None = None
    tokens_per_day: int | None = None
    concurrency: int | None = None
    window: Window | None = None
    queue: Queue | None = None


class Budget(msgspec.Struct, frozen=True):
    """At most so much money (USD, decimal text) in each period.

    `clamp` lowers a request's output cap to what is left, `deny` refuses what may cost more,
    `soft` only counts.
    """

    period: Period
    usd: str
    policy: BudgetPolicy = "clamp"


class Policy(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one level sets: limits, budgets, and who may use it how."""

    limits: Limits = Limits()
    budgets: tuple[Budget, ...] = ()
    calendar: Calendar = Calendar()
    access: Access = NO_ACCESS

    @property
    def is_empty(self) -> bool:
        """Whether it limits and forbids nothing."""
        return not self.counts and self.access.is_empty

    @property
    def counts(self) -> bool:
        """Whether it has limits or budgets, which something must be counted for."""
        return self.limits != Limits() or bool(self.budgets)


# The one that records leave out: what is the default is recognised by identity.
NO_POLICY = Policy()


class Applied(msgspec.Struct, frozen=True):
    """A level's policy as it applies to a request; `scope` is written as in `spend_totals`."""

    level: Level
    scope: str
    policy: Policy


def team_scope(team_id: str) -> str:
    """The scope of a team's totals. The id is a ULID."""
    return f"team:{ulid_to_uuid(team_id)}"


def account_scope(account_id: str) -> str:
    """Where admission counts what an account uses, open requests too. The id is a ULID."""
    return f"account:{account_id}"


def user_scope(user_id: str) -> str:
    """The scope of a user's totals."""
    return f"user:{user_id}"


def key_scope(key_id: str) -> str:
    """The scope of a key's totals. The id is a ULID."""
    return f"key:{ulid_to_uuid(key_id)}"
