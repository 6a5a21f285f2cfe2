"""Policies: the limits and budgets that a level sets, as stored and as projected. Pure.

Four levels apply to a request, all together: the organisation, the key's team, its user, itself.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from common.domain.access import NO_ACCESS, Access
from common.domain.content_rules import NO_CONTENT, ContentRules
from common.domain.ids import ulid_to_uuid
from common.domain.periods import Calendar, Period
from common.domain.routing import NO_ROUTING, Routing

# `default`: what the installation limits where no level does (`defaultTokenLimit`).
Level = Literal["organisation", "team", "user", "key", "default", "account"]
BudgetPolicy = Literal["clamp", "deny", "soft"]
UnpricedModels = Literal["deny", "quarantine"]
GonePolicy = Literal["cancel", "drain"]
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


class ClientGone(msgspec.Struct, frozen=True):
    """What becomes of a stream whose caller leaves.

    `cancel` stops the provider and charges what was streamed; `drain` reads on for at most
    `drain_seconds`, to learn the provider's own figures.
    """

    policy: GonePolicy = "cancel"
    drain_seconds: int = 30


class Policy(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one level sets: limits, budgets, and who may use it how.

    `unpriced_models` says what becomes of models that the price book does not know: `deny`
    refuses them, `quarantine` serves them and prices them later. None leaves it to the level
    above; only the organisation and teams say it. So it is with `client_gone`. `routing` and
    `content` are said by the organisation, teams and keys.
    """

    limits: Limits = Limits()
    budgets: tuple[Budget, ...] = ()
    calendar: Calendar = Calendar()
    access: Access = NO_ACCESS
    unpriced_models: UnpricedModels | None = None
    client_gone: ClientGone | None = None
    routing: Routing = NO_ROUTING
    content: ContentRules = NO_CONTENT

    @property
    def is_empty(self) -> bool:
        """Whether it limits and forbids nothing."""
        return (
            not self.counts
            and self.access.is_empty
            and self.routing == NO_ROUTING
            and self.content.is_empty
        )

    @property
    def counts(self) -> bool:
        """Whether it has limits or budgets, which something must be counted for."""
        return self.limits != Limits() or bool(self.budgets)

    @property
    def says_nothing(self) -> bool:
        """Whether a request is served as if there were none."""
        return self.is_empty and self.client_gone is None and self.unpriced_models is None


# The one that records leave out: what is the default is recognised by identity.
NO_POLICY = Policy()


class Applied(msgspec.Struct, frozen=True):
    """A level's policy as it applies to a request; `scope` is written as in `spend_totals`."""

    level: Level
    scope: str
    policy: Policy


class AppliedGone(msgspec.Struct, frozen=True):
    """What holds for a caller who leaves, and which level says so; None: nobody does."""

    chosen: ClientGone
    level: Level | None


DEFAULT_GONE = AppliedGone(ClientGone(), None)


class AppliedLimit(msgspec.Struct, frozen=True, omit_defaults=True):
    """One limit that held for a request: whose, its name, its figure as text; of budgets, how."""

    level: Level
    limit: str
    most: str
    policy: BudgetPolicy | None = None


class AppliedPolicy(msgspec.Struct, frozen=True, omit_defaults=True):
    """What held for one request, as its record keeps it.

    `reserved_usd` was held for its worst case. `output_cap` was sent to the provider in place of
    `output_cap_asked`, the caller's own.
    """

    limits: tuple[AppliedLimit, ...] = ()
    reserved_usd: str | None = None
    output_cap: int | None = None
    output_cap_asked: int | None = None
    client_gone: AppliedGone = DEFAULT_GONE


def client_gone_of(applied: Iterable[Applied]) -> AppliedGone:
    """What the innermost level says of callers who leave; `applied` is from the outermost in."""
    found = DEFAULT_GONE
    for one in applied:
        if one.policy.client_gone is not None:
            found = AppliedGone(one.policy.client_gone, one.level)
    return found


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
