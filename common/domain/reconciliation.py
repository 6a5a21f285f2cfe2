"""What counters must show by the ledger, what is on its way to it and what is open. Pure.

`common/reconciliation.py` says how the parts are read so that they belong to one moment.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec

from common.domain.ids import ulid_time_ms
from common.domain.limits import count_key, forget_ms, living_periods, money_key
from common.domain.money import PICO_PER_NANO, nano_ceiling, pico_from_usd, usd_text
from common.domain.periods import Span, in_default_calendar, span_of
from common.domain.policies import (
    ORGANISATION,
    Applied,
    account_scope,
    key_scope,
    team_scope,
    user_scope,
)
from common.domain.usage import UsageRecord

Figure = Literal["spent", "reserved", "requests", "tokens"]
# Which field of a counter's hash a figure is (common/state/lua/rules.lua).
FIELDS: dict[Figure, str] = {"spent": "s", "reserved": "r", "requests": "r", "tokens": "t"}


class Counter(msgspec.Struct, frozen=True):
    """A counter of a period, as `common.domain.limits` names it.

    `figures` are those that a limit looks at. `in_totals` says whether the store's totals have its
    period, which are in UTC.
    """

    key: str
    scope: str
    span: Span
    figures: tuple[Figure, ...]
    in_totals: bool = False

    @property
    def money(self) -> bool:
        """Whether it counts nano-USD."""
        return "spent" in self.figures

    @property
    def forget_ms(self) -> int:
        """When it may be forgotten, ms since 1970; 0 = never."""
        return forget_ms(self.span)


class Entry(msgspec.Struct, frozen=True):
    """A settled record that is, or was a moment ago, in the outbox: what it adds, and where.

    `counted` says that it was settled before the counters were read; `posted` that the ledger has
    it, as it was read.
    """

    scopes: frozenset[str]
    time_ms: int
    pico: int
    tokens: int
    requests: int
    counted: bool
    posted: bool


class Sums(NamedTuple):
    """What the ledger has for a counter: exact pico-USD, how many records, requests, tokens."""

    pico: int = 0
    records: int = 0
    requests: int = 0
    tokens: int = 0


class Seen(NamedTuple):
    """A counter as Redis has it: its fields, and what open leases hold on it (None: not known)."""

    spent: int = 0
    reserved_or_requests: int = 0
    tokens: int = 0
    held: int | None = 0
    held_tokens: int | None = 0


class Drift(msgspec.Struct, frozen=True):
    """A figure that is not what it should be. Money in nano-USD.

    `slack` is by how much rounding may move the difference from one look to the next.
    """

    counter: Counter
    figure: Figure
    counted: int
    expected: int
    slack: int = 0

    @property
    def difference(self) -> int:
        """How much too much is counted; negative: too little."""
        return self.counted - self.expected

    @property
    def name(self) -> str:
        """Counter and figure, as the store remembers it."""
        return f"{self.counter.key} {self.figure}"

    def written(self, amount: int) -> str:
        """An amount of the figure as text: USD where it is money, else a count."""
        return usd_text(amount * PICO_PER_NANO) if self.counter.money else str(amount)

    def same_as(self, earlier: "Drift | None") -> bool:
        """Whether an earlier look saw the same difference: then nothing that moves explains it."""
        if earlier is None or (self.difference < 0) != (earlier.difference < 0):
            return False
        moved = abs(self.difference - earlier.difference)
        return moved <= max(self.slack - earlier.slack, 0)


def counters_of(applied: Iterable[Applied], moment_ms: int) -> list[Counter]:
    """The counters of living periods that these levels' budgets and daily limits look at."""
    found: dict[str, Counter] = {}
    for one in applied:
        calendar = one.policy.calendar
        for period, span in living_periods(one, moment_ms):
            key = money_key(one.scope, span.id)
            in_totals = one.level != "account" and in_default_calendar(period, calendar)
            found[key] = Counter(key, one.scope, span, ("spent", "reserved"), in_totals)
        if figures := _of_day(one):
            day = span_of("day", moment_ms, calendar)
            key = count_key(one.scope, day.id)
            found[key] = Counter(key, one.scope, day, figures)
    return list(found.values())


def _of_day(one: Applied) -> tuple[Figure, ...]:
    limits = one.policy.limits
    found: list[Figure] = []
    # An account counts requests that it failed, too; the ledger has them at who served them.
    if limits.requests_per_day is not None and one.level != "account":
        found.append("requests")
    if limits.tokens_per_day is not None:
        found.append("tokens")
    return tuple(found)


def entry_of(record: UsageRecord, *, counted: bool, posted: bool) -> Entry:
    """What a record adds to counters, by the time of its id as the ledger has it."""
    scopes = {ORGANISATION, key_scope(record.key_id), user_scope(record.user_id)}
    scopes.add(account_scope(record.account_id))
    if record.team_id is not None:
        scopes.add(team_scope(record.team_id))
    return Entry(
        frozenset(scopes),
        ulid_time_ms(record.id),
        pico_from_usd(record.cost_usd),
        record.tokens.total,
        int(record.kind == "usage"),
        counted,
        posted,
    )


def drifts_of(
    counters: Iterable[Counter],
    seen: Mapping[str, Seen],
    ledger: Mapping[str, Sums],
    entries: Iterable[Entry],
) -> list[Drift]:
    """Which figures differ from what they must be. `seen` and `ledger` are by counter.

    A counter rounds each record up to a nano-USD, so its money may be above the exact sum by as
    many nano-USD as there are records, and never below it. All else is exact.
    """
    moving = [one for one in entries if one.counted != one.posted]
    found: list[Drift] = []
    for counter in counters:
        there = seen.get(counter.key, Seen())
        sums = _with_moving(counter, ledger.get(counter.key, Sums()), moving)
        if counter.money:
            found += _of_money(counter, there, sums)
        else:
            found += _of_counts(counter, there, sums)
    return found


def _with_moving(counter: Counter, sums: Sums, moving: Iterable[Entry]) -> Sums:
    """The ledger's sums as of the moment at which the counters were read."""
    for one in moving:
        if counter.scope in one.scopes and counter.span.holds(one.time_ms):
            sign = 1 if one.counted else -1
            records = sign if one.pico else 0
            sums = Sums(
                sums.pico + sign * one.pico,
                sums.records + records,
                sums.requests + sign * one.requests,
                sums.tokens + sign * one.tokens,
            )
    return sums


def _of_money(counter: Counter, there: Seen, sums: Sums) -> Iterable[Drift]:
    above_pico = there.spent * PICO_PER_NANO - sums.pico
    if not 0 <= above_pico <= max(sums.records, 1) * PICO_PER_NANO:
        expected = nano_ceiling(sums.pico)
        yield Drift(counter, "spent", there.spent, expected, sums.records)
    if there.held is not None and there.reserved_or_requests != there.held:
        yield Drift(counter, "reserved", there.reserved_or_requests, there.held)


def _of_counts(counter: Counter, there: Seen, sums: Sums) -> Iterable[Drift]:
    if there.held is None or there.held_tokens is None:
        return
    requests, tokens = sums.requests + there.held, sums.tokens + there.held_tokens
    if "requests" in counter.figures and there.reserved_or_requests != requests:
        yield Drift(counter, "requests", there.reserved_or_requests, requests)
    if "tokens" in counter.figures and there.tokens != tokens:
        yield Drift(counter, "tokens", there.tokens, tokens)
