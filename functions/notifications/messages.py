"""What an event says in plain words: what happened, what to do, where. Pure.

No message has a secret or anything that a caller has sent; names are what administrators gave.
"""

from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal
from typing import Any, NamedTuple

import msgspec

from common.domain.notices import Kind, Notice, Severity
from common.events.receive import Event, data_as
from common.events.types import (
    ACCOUNT_HEALTH,
    BUDGET_THRESHOLD,
    KEYS_EXPIRING,
    LOGIN_FAILURES,
    SPEND_DRIFT,
    AccountHealth,
    BudgetThreshold,
    KeysExpiring,
    LoginFailures,
    SpendDrift,
)
from common.store.notifications import Subject

TYPED_MAX = 64
_CENT = Decimal("0.01")
_CAUSES = {
    "rate_limited": "the provider limits its rate",
    "overloaded": "the provider is overloaded",
    "failing": "its requests fail",
    "unreachable": "the provider cannot be reached",
    "timed_out": "the provider does not answer in time",
    "unauthorized": "the provider refuses its credential",
    "quota_exhausted": "its quota at the provider is used up",
}
_CURE = {
    "unauthorized": "Give the account a new credential: relayctl accounts update {id}",
    "quota_exhausted": "Raise its quota or pay at the provider; the next request tries it again.",
}


class Told(NamedTuple):
    """What a message says, before the event's own attributes."""

    kind: Kind
    severity: Severity
    title: str
    lines: tuple[str, ...]


class About(NamedTuple):
    """Whom an event speaks of: a level (or `account`) and what events call the subject."""

    scope: str
    id: str


def data_of(event: Event) -> msgspec.Struct | None:
    """The data of an event that people are told of; None for any other. Raises `MalformedEvent`."""
    shape = _SHAPES.get(event.type)
    data = None if shape is None else data_as(event, shape)
    if isinstance(data, BudgetThreshold) and data.threshold_percent < data.highest_percent:
        # One message says it all: that of the highest mark that was passed at once.
        return None
    return data


def about(data: msgspec.Struct) -> About | None:
    """Whose name belongs into the message."""
    match data:
        case BudgetThreshold() | SpendDrift():
            return About(data.scope, data.scope_id)
        case AccountHealth():
            return About("account", data.account_id)
        case KeysExpiring(team_id=str() as team_id):
            return About("team", team_id)
        case _:
            return None


def notice_of(event: Event, data: msgspec.Struct, subject: Subject) -> Notice:
    """The message of an event whose data that is, and whose subject is called so."""
    told = _TELLERS[type(data)](data, subject)
    return Notice(
        event_id=event.id,
        kind=told.kind,
        severity=told.severity,
        title=told.title,
        text="\n".join(told.lines),
        time=event.time or "",
        team_id=subject.team_id,
        data=msgspec.to_builtins(data),
    )


def _budget(data: BudgetThreshold, subject: Subject) -> Told:
    percent = data.threshold_percent
    whose = _whose(data.scope, data.scope_id, subject)
    period = "for all time" if data.period == "total" else f"of this {data.period}"
    spent, budget = _usd(data.spent_usd), _usd(data.budget_usd)
    happened = f"{whose} has spent {spent} of its budget of {budget} {period}."
    if data.period_ends_at:
        happened += f" The {data.period} ends at {data.period_ends_at}."
    if percent >= 100:
        to_do = (
            "What to do: where the budget is not soft, requests are refused until it ends or is "
            "raised. Raise it, or leave it."
        )
    else:
        to_do = "What to do: look at what is spent; raise the budget if it is right so."
    severity: Severity = "critical" if percent >= 100 else "warning" if percent >= 80 else "info"
    title = f"{whose}: {percent} % of the {data.period} budget spent"
    where = f"Where: {_command(data.scope, data.scope_id)}; relayctl usage sums --group-by model"
    return Told("budget.threshold", severity, title, (happened, to_do, where))


def _health(data: AccountHealth, subject: Subject) -> Told:
    name = f"Account {subject.name or data.account_id}" + (
        f" ({data.provider})" if data.provider else ""
    )
    where = f"Where: relayctl accounts show {data.account_id}"
    if data.status == "ok":
        lines = (f"{name} serves again.", "What to do: nothing.", where)
        return Told("account.health", "info", f"{name} serves again", lines)
    cause = _CAUSES.get(data.cause or "", "its requests fail")
    happened = f"{name} does not serve since {data.since or 'now'}: {cause}."
    if data.until:
        happened += f" It is tried again at {data.until} at the latest."
    to_do = _CURE.get(data.status, "Nothing, if other accounts serve its models meanwhile.")
    severity: Severity = "warning" if data.status == "cooling" else "critical"
    lines = (happened, "What to do: " + to_do.format(id=data.account_id), where)
    return Told("account.health", severity, f"{name} does not serve: {cause}", lines)


def _expiring(data: KeysExpiring, subject: Subject) -> Told:
    count = len(data.keys)
    ending = "1 key ends" if count == 1 else f"{count} keys end"
    whose = f"Team {subject.name or data.team_id}" if data.team_id else "No team"
    within = "1 day" if data.days == 1 else f"{data.days} days"
    keys = tuple(
        f"- {key.name} ({key.key_prefix}…, user {key.user_id}) at {key.expires_at}"
        for key in data.keys
    )
    lines = (
        f"{whose}: {ending} within {within}, and will be refused then:",
        *keys,
        "What to do: give those that are still needed a later end, or replace them.",
        "Where: relayctl keys update ID --expires-at TIME (the ids: relayctl keys list)",
    )
    severity: Severity = "warning" if data.days <= 1 else "info"
    return Told("keys.expiring", severity, f"{whose}: {ending} within {within}", lines)


def _drift(data: SpendDrift, subject: Subject) -> Told:
    whose = _whose(data.scope, data.scope_id, subject)
    what = {"spent": "spending", "reserved": "reserved money"}.get(data.figure, data.figure)
    happened = (
        f"The counter of {what} of {whose} ({data.period_id}) was {data.counted}, the ledger says "
        f"{data.expected}: a difference of {data.difference}."
    )
    if data.repaired:
        to_do = "What to do: nothing, it was put right. Should it come again, report it."
    else:
        to_do = "What to do: it was left as it is. See with relayctl reconcile --dry-run why."
    severity: Severity = "info" if data.repaired else "warning"
    title = f"A counter of {whose} differed from the ledger"
    return Told("spend.drift", severity, title, (happened, to_do, "Where: relayctl doctor"))


def _logins(data: LoginFailures, subject: Subject) -> Told:
    del subject
    # What was typed into a form: anybody's text, of any length.
    how = f"as user {_tame(data.user)}" if data.user else "with a master key or an API key"
    happened = (
        f"{data.failures} attempts to sign in {how} failed since {data.since}, from the address "
        f"{data.address}."
    )
    if data.locked_until:
        happened += f" More are refused until {data.locked_until}."
    lines = (
        happened,
        "What to do: ask whether that was somebody of yours. If not, block the address before "
        "Relay, and see that the password or key is not one that others know.",
        "Where: relayctl audit list",
    )
    return Told("login.failures", "warning", f"Repeated failures to sign in {how}", lines)


_SHAPES: dict[str, type[msgspec.Struct]] = {
    BUDGET_THRESHOLD: BudgetThreshold,
    ACCOUNT_HEALTH: AccountHealth,
    KEYS_EXPIRING: KeysExpiring,
    SPEND_DRIFT: SpendDrift,
    LOGIN_FAILURES: LoginFailures,
}
_TELLERS: dict[type[msgspec.Struct], Callable[[Any, Subject], Told]] = {
    BudgetThreshold: _budget,
    AccountHealth: _health,
    KeysExpiring: _expiring,
    SpendDrift: _drift,
    LoginFailures: _logins,
}


def _tame(text: str) -> str:
    """One line without what messengers make links and calls to everybody of."""
    return "".join(one if one.isalnum() or one in " ._+-" else "?" for one in text[:TYPED_MAX])


def _whose(scope: str, subject_id: str, subject: Subject) -> str:
    if scope in ("organisation", "default"):
        return "The organisation"
    return f"{scope.capitalize()} {subject.name or subject_id}"


def _command(scope: str, subject_id: str) -> str:
    if scope in ("organisation", "default"):
        return "relayctl organisation show"
    return f"relayctl {scope}s show {subject_id}"


def _usd(text: str) -> str:
    """Cents; below a dollar three digits, lest 0.017 of 0.02 be read as half of it."""
    amount = Decimal(text)
    if not 0 < amount < 1:
        return f"${amount.quantize(_CENT, ROUND_DOWN):,}"
    digits = amount.quantize(Decimal(1).scaleb(amount.adjusted() - 2), ROUND_DOWN).normalize()
    return f"${digits.quantize(_CENT) if digits == digits.quantize(_CENT) else digits:f}"
