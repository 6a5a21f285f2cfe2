"""Limits as rules: the policies that apply to a request, compiled for the moment it came. Pure.

`common/state/lua/rules.lua` says what a rule's members are; it checks and counts them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from common.domain.money import PICO_PER_NANO, pico_from_usd
from common.domain.periods import NEVER_MS, Calendar, Period, Span, span_of
from common.domain.policies import (
    Applied,
    AppliedLimit,
    Budget,
    BudgetPolicy,
    Level,
    Limits,
    Window,
)

Kind = Literal["c", "w", "d", "m"]
Unit = Literal["r", "t", "n"]
MINUTE_MS = 60_000
# The largest integer that Lua's numbers hold exactly.
AMOUNT_MAX = 2**53 - 1
# How long a counter outlives its period, for settles that come late.
COUNTER_KEPT_MS = 2 * 24 * 3600 * 1000
_HARD: dict[BudgetPolicy, int] = {"soft": 0, "deny": 1, "clamp": 2}
POLICY_OF_HARD: dict[int, BudgetPolicy] = {hard: policy for policy, hard in _HARD.items()}


class Rule(msgspec.Struct, frozen=True, array_like=True):
    """One rule as admission counts it; its members are those that rules.lua names."""

    kind: Kind
    key: str
    unit: Unit
    most: int
    time_ms: int
    hard: int = 0
    posts: int = 1
    marks: tuple[int, ...] = ()


class Limit(msgspec.Struct, frozen=True):
    """A rule with what a caller is told of it: whose it is, its name, its figure as text."""

    rule: Rule
    level: Level
    name: str
    shown: str
    period: str = ""

    @property
    def is_money(self) -> bool:
        """Whether its figures are nano-USD."""
        return self.rule.unit == "n"


class RuleSet(msgspec.Struct, frozen=True):
    """All rules of a request. `packed` is what admission takes, empty for no rule.

    Valid for moments from `since_ms` until `until_ms` (0 = for ever). `hard_money` says that
    what a request may cost must be bounded; `money` that its cost is counted. `applied` is what
    records say of them, `wait_ms` how long a request may wait for concurrency, 0 for not at all.
    """

    limits: tuple[Limit, ...]
    packed: bytes
    since_ms: int
    until_ms: int
    money: bool
    hard_money: bool
    applied: tuple[AppliedLimit, ...] = ()
    wait_ms: int = 0

    def holds_at(self, moment_ms: int) -> bool:
        """Whether these are the rules of that moment."""
        return self.since_ms <= moment_ms and (
            self.until_ms == NEVER_MS or moment_ms < self.until_ms
        )


NO_MARKS: Mapping[Level, tuple[int, ...]] = {}
NO_RULES = RuleSet((), b"", 0, NEVER_MS, money=False, hard_money=False)


class Count(NamedTuple):
    """What a counter of a period is to show at least; forgotten at `forget_ms` (0 = never)."""

    key: str
    field: str
    amount: int
    forget_ms: int


def compile_rules(
    applied: Iterable[Applied], moment_ms: int, marks: Mapping[Level, tuple[int, ...]] = NO_MARKS
) -> RuleSet:
    """The rules of all levels at that moment. Raises `UnknownTimezone`.

    `marks` are the percents of budgets that events tell of (`common.domain.thresholds`).
    """
    limits: list[Limit] = []
    spans: list[Span] = []
    for one in applied:
        if one.policy.counts:
            calendar = one.policy.calendar
            day = span_of("day", moment_ms, calendar)
            found = [*_of_rates(one, day), *_of_budgets(one, moment_ms, marks.get(one.level, ()))]
            limits += [limit for limit, _ in found]
            spans += [span for _, span in found if span is not None]
    if not limits:
        return NO_RULES
    limits.sort(key=lambda limit: _place(limit.rule))
    limits = list(_each_key_posted_once(limits))
    ends = [span.end_ms for span in spans if span.end_ms != NEVER_MS]
    return RuleSet(
        limits=tuple(limits),
        packed=packed_rules(limits),
        since_ms=max((span.start_ms for span in spans), default=0),
        until_ms=min(ends, default=NEVER_MS),
        money=any(limit.is_money for limit in limits),
        hard_money=any(_is_hard(limit.rule) for limit in limits),
        applied=tuple(_applied(limit) for limit in limits),
        wait_ms=min((one.rule.time_ms for one in limits if _has_queue(one.rule)), default=0),
    )


def packed_rules(limits: Iterable[Limit]) -> bytes:
    """The rules of these limits as admission takes them; empty for none."""
    rules = [limit.rule for limit in limits]
    return msgspec.msgpack.encode(rules) if rules else b""


def joined(packed: bytes, more: bytes) -> bytes:
    """Two packed lists of rules as one."""
    if not packed or not more:
        return packed or more
    decode = msgspec.msgpack.decode
    return msgspec.msgpack.encode([*decode(packed), *decode(more)])


def nano_of(usd: str) -> int:
    """A budget's amount in nano-USD, rounded down: never more than was set."""
    return min(pico_from_usd(usd) // PICO_PER_NANO, AMOUNT_MAX)


def money_key(scope: str, period_id: str) -> str:
    """Where admission counts the money of a scope and period, without the prefix."""
    return f"money:{scope}:{period_id}"


def count_key(scope: str, day_id: str) -> str:
    """Where admission counts the requests and tokens of a day, without the prefix."""
    return f"count:{scope}:{day_id}"


def forget_ms(span: Span) -> int:
    """When a period's counter may be forgotten, in ms since 1970; 0 = never."""
    return NEVER_MS if span.end_ms == NEVER_MS else span.end_ms + COUNTER_KEPT_MS


def _place(rule: Rule) -> int:
    """Counts come first, then money: what only counts, what clamps, what denies."""
    if rule.unit != "n":
        return 0
    return 3 if rule.kind == "w" else {0: 1, 2: 2, 1: 3}[rule.hard]


def _applied(limit: Limit) -> AppliedLimit:
    policy = POLICY_OF_HARD[limit.rule.hard] if limit.rule.kind == "m" else None
    return AppliedLimit(limit.level, limit.name, limit.shown, policy)


def _has_queue(rule: Rule) -> bool:
    return rule.kind == "c" and rule.hard != 0


def _is_hard(rule: Rule) -> bool:
    return rule.unit == "n" and (rule.kind == "w" or rule.hard != 0)


def _of_rates(one: Applied, day: Span) -> Iterator[tuple[Limit, Span | None]]:
    limits, level, scope = one.policy.limits, one.level, one.scope
    if limits.concurrency is not None:
        waiting, wait_ms = (0, 0)
        if limits.queue is not None:
            waiting, wait_ms = limits.queue.max_waiting, limits.queue.timeout_ms
        rule = Rule("c", scope, "r", limits.concurrency, wait_ms, waiting)
        yield Limit(rule, level, "concurrency", f"{limits.concurrency} at once"), None
    for limit in _of_windows(limits, level, scope):
        yield limit, None
    key = count_key(scope, day.id)
    if limits.requests_per_day is not None:
        rule = Rule("d", key, "r", limits.requests_per_day, day.end_ms)
        shown = f"{limits.requests_per_day} requests per day"
        yield Limit(rule, level, "requests_per_day", shown, day.id), day
    if limits.tokens_per_day is not None:
        rule = Rule("d", key, "t", limits.tokens_per_day, day.end_ms)
        shown = f"{limits.tokens_per_day} tokens per day"
        yield Limit(rule, level, "tokens_per_day", shown, day.id), day


def _of_windows(limits: Limits, level: Level, scope: str) -> Iterator[Limit]:
    minute = Window(1, limits.requests_per_minute, limits.tokens_per_minute)
    for window, names in (
        (minute, ("requests_per_minute", "tokens_per_minute", "")),
        (limits.window, ("window.requests", "window.tokens", "window.usd")),
    ):
        if window is None:
            continue
        units: tuple[Unit, ...] = ("r", "t", "n")
        usd = None if window.usd is None else nano_of(window.usd)
        for unit, name, most in zip(
            units, names, (window.requests, window.tokens, usd), strict=True
        ):
            if most is not None:
                key = f"window:{scope}:{window.minutes}:{unit}"
                rule = Rule("w", key, unit, most, window.minutes * MINUTE_MS)
                yield Limit(rule, level, name, _of_window(window, unit))


def _of_window(window: Window, unit: Unit) -> str:
    span = "minute" if window.minutes == 1 else f"{window.minutes} minutes"
    what = {"r": f"{window.requests} requests", "t": f"{window.tokens} tokens"}
    return f"{what.get(unit, f'${window.usd}')} per {span}"


def _of_budgets(
    one: Applied, moment_ms: int, marks: tuple[int, ...]
) -> Iterator[tuple[Limit, Span | None]]:
    for budget in one.policy.budgets:
        span = span_of(budget.period, moment_ms, one.policy.calendar)
        key = money_key(one.scope, span.id)
        hard = _HARD[budget.policy]
        rule = Rule("m", key, "n", nano_of(budget.usd), span.end_ms, hard, marks=marks)
        yield Limit(rule, one.level, f"budget.{budget.period}", _of_budget(budget), span.id), span


def _of_budget(budget: Budget) -> str:
    return f"${budget.usd} {'in total' if budget.period == 'total' else f'per {budget.period}'}"


def _each_key_posted_once(limits: Sequence[Limit]) -> Iterator[Limit]:
    """Two rules may look at one counter (a soft and a hard budget): only one counts on it."""
    seen: set[tuple[str, str]] = set()
    for limit in limits:
        rule = limit.rule
        if (rule.key, rule.unit) in seen:
            yield msgspec.structs.replace(limit, rule=msgspec.structs.replace(rule, posts=0))
        else:
            seen.add((rule.key, rule.unit))
            yield limit


def living_periods(one: Applied, moment_ms: int) -> list[tuple[Period, Span]]:
    """The periods whose spending a level's budgets look at."""
    calendar: Calendar = one.policy.calendar
    return [(budget.period, span_of(budget.period, moment_ms, calendar))
            for budget in one.policy.budgets]  # fmt: skip
