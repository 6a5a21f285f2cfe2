"""What a caller reads of limits: why one denies a request, and the figures on every answer."""

from collections.abc import Sequence
from datetime import UTC, datetime

from common.domain.admission import Denied, MinuteWindow
from common.domain.limits import Limit, RuleSet
from common.domain.rates import Rate, Unit
from common.domain.refusals import Reason, Refusal, RefusedBy
from common.identifiers import now_ms
from functions.relay.open_request import OpenRequest

_NANO_PER_USD = 10**9
_REASONS = {
    "rate": Reason.RATE_LIMITED,
    "reserved": Reason.BUDGET_RESERVED,
    "exhausted": Reason.BUDGET_EXHAUSTED,
}


def denied(answer: Denied, rules: RuleSet, moment_ms: int) -> Refusal:
    """The refusal of what admission denied."""
    if answer.reason == "cooling_down":
        message = "Every account that serves this model is resting after failures; try again."
        return Refusal(Reason.COOLING_DOWN, message, retry_after_ms=answer.retry_after_ms)
    if answer.reason == "no_capacity":
        message = "Every account that serves this model is busy; try again."
        return Refusal(Reason.NO_CAPACITY, message, retry_after_ms=answer.retry_after_ms)
    never = answer.retry_after_ms < 0
    if answer.reason == "account_limited":
        return Refusal(
            Reason.ACCOUNT_LIMITED,
            _of_accounts(answer.retry_after_ms),
            retry_after_ms=None if never else answer.retry_after_ms,
            should_retry=False if never else None,
        )
    limit = rules.limits[answer.index]
    by = RefusedBy(
        level=limit.level,
        rule=limit.name,
        limit=limit.shown,
        remaining=_shown(limit, answer.remaining),
        resets_at=None if answer.reset_ms < 0 else _time(moment_ms + answer.reset_ms),
    )
    return Refusal(
        _REASONS[answer.reason],
        _message(answer, by),
        retry_after_ms=None if never else answer.retry_after_ms,
        should_retry=False if never else None,
        by=by,
    )


def show_limits(request: OpenRequest, minutes: Sequence[MinuteWindow], tokens: int = 0) -> None:
    """Keep the headers that tell of the tightest limits per minute.

    `tokens` is what the request counts for itself; 0: it was denied and counts nothing.
    """
    if not minutes or request.dialect is None:
        return
    rates: dict[str, Rate] = {}
    for window in minutes:
        rule = request.rules.limits[window.index].rule
        unit: Unit = "tokens" if rule.unit == "t" else "requests"
        own = tokens if rule.unit == "t" else min(tokens, 1)
        rate = Rate(unit, rule.most, max(rule.most - window.used - own, 0), window.reset_ms)
        if unit not in rates or rate.remaining < rates[unit].remaining:
            rates[unit] = rate
    request.limit_headers = request.dialect.rate_limit_headers(list(rates.values()), now_ms())


def _of_accounts(retry_after_ms: int) -> str:
    """Without figures: what accounts may use is no caller's business."""
    at_limits = "Every account that serves this model is at a limit of its own"
    if retry_after_ms < 0:
        return f"{at_limits}, which does not reset by itself: ask whoever runs this Relay."
    return f"{at_limits}; try again in {retry_after_ms / 1000:.3g} s."


def _message(answer: Denied, by: RefusedBy) -> str:
    whose = f"the {by.level}'s limit of {by.limit} ({by.rule})"
    if answer.reason == "rate":
        if answer.retry_after_ms < 0:
            return f"The request alone exceeds {whose}."
        wait_s = answer.retry_after_ms / 1000
        return f"Rate limit reached: {whose}; {by.remaining} left. Try again in {wait_s:.3g} s."
    budget = f"the {by.level}'s budget of {by.limit}"
    if answer.reason == "reserved":
        return (
            f"What is left of {budget} is reserved by requests that are open: {by.remaining} is "
            "free, and this request may cost more. Try again in a moment."
        )
    until = f"It resets at {by.resets_at}." if by.resets_at else "It does not reset."
    if answer.remaining == 0:
        return f"Budget exhausted: nothing is left of {budget}. {until}"
    return (
        f"{by.remaining} is left of {budget}, and this request may cost more: ask for less output "
        f"or a larger budget. {until}"
    )


def _shown(limit: Limit, remaining: int) -> str:
    if not limit.is_money:
        return str(remaining)
    whole, part = divmod(remaining, _NANO_PER_USD)
    return f"${whole}.{part:09d}"


def _time(moment_ms: int) -> str:
    moment = datetime.fromtimestamp(moment_ms // 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
