"""Options for limits and budgets, the same for keys, users, teams and the organisation."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from cli.admin.options import replaced

_Command = TypeVar("_Command", bound=Callable[..., Any])
RATES = (
    "requests_per_minute",
    "tokens_per_minute",
    "requests_per_day",
    "tokens_per_day",
    "concurrency",
)
WINDOW = ("requests", "tokens", "usd")
PERIODS = ("total", "day", "week", "month")
POLICIES = ("clamp", "deny", "soft")
GONE_POLICIES = ("cancel", "drain")
# The fields that a level's answer has for them.
FIELDS = (
    *(f"limits.{name}" for name in (*RATES, "window", "queue")),
    "budgets",
    *("calendar.timezone", "calendar.week_starts_on", "calendar.day_starts_at"),
)
# Of a team and the organisation also these.
TENANT_FIELDS = (*FIELDS, "client_gone.policy", "client_gone.drain_seconds")


UNPRICED = ("deny", "quarantine", "inherit")


def unpriced_option(command: _Command) -> _Command:
    """Give a command the option that `unpriced_member` reads."""
    return click.option(
        "--unpriced-models",
        type=click.Choice(UNPRICED),
        help="Models without a price: refuse them, or serve them and price them later.",
    )(command)


def unpriced_member(given: dict[str, Any]) -> dict[str, Any]:
    """The member of a body that the option says; `inherit` is null."""
    value = given["unpriced_models"]
    return {} if value is None else {"unpriced_models": None if value == "inherit" else value}


# Those of an account, which has no queue.
ACCOUNT_FIELDS = tuple(name for name in FIELDS if name != "limits.queue")


def limit_options(*, clearing: bool, queue: bool = True) -> Callable[[_Command], _Command]:
    """Give a command the options that `limit_members` reads; `clearing`: those that empty too."""
    options = [
        click.option(
            "--limit", "limits", metavar="NAME=NUMBER", multiple=True, callback=_limits,
            help=f"Repeatable; NAME: {', '.join(RATES)}.",
        ),
        click.option(
            "--window", metavar="MINUTES:NAME=NUMBER,…", callback=_window,
            help="A sliding window, such as 5:requests=100,usd=0.50.",
        ),
        click.option(
            "--budget", "budgets", metavar="PERIOD=USD[:POLICY]", multiple=True,
            callback=_budgets,
            help=f"Repeatable; PERIOD: {', '.join(PERIODS)}; POLICY: {', '.join(POLICIES)}.",
        ),
        click.option("--timezone", metavar="NAME", help="Of its days and weeks (UTC)."),
        click.option("--week-starts-on", metavar="WEEKDAY", help="(monday)"),
        click.option("--day-starts-at", metavar="HOUR", type=click.IntRange(0, 23), help="(0)"),
    ]  # fmt: skip
    if queue:
        options.append(click.option(
            "--queue", metavar="WAITING:MILLISECONDS", callback=_queue,
            help="How many requests may wait for --limit concurrency, and how long: 100:5000.",
        ))  # fmt: skip
    if clearing:
        options += [
            click.option("--no-limits", is_flag=True, help="No limits of rate of its own."),
            click.option("--no-budgets", is_flag=True, help="No budgets of its own."),
        ]

    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def client_gone_option(*, clearing: bool) -> Callable[[_Command], _Command]:
    """Give a command `--client-gone`, which `limit_members` reads too."""
    inherited = "; inherit: as the organisation says" if clearing else ""
    return click.option(
        "--client-gone", metavar="POLICY[:SECONDS]", callback=_client_gone,
        help="What becomes of a stream whose caller leaves. cancel: the provider is stopped; "
        f"drain:SECONDS: read on for its own figures{inherited}.",
    )  # fmt: skip


def limit_members(given: dict[str, Any]) -> dict[str, Any]:
    """The members of a body that the options say. Raises `click.UsageError`.

    Budgets that are given take the place of all old ones; see `cli.admin.changing` for the rest.
    """
    body: dict[str, Any] = {}
    limits = dict(given["limits"])
    if given["window"] is not None:
        limits["window"] = given["window"]
    if given.get("queue") is not None:
        limits["queue"] = given["queue"]
    if limits and given.get("no_limits"):
        raise click.UsageError("give --limit or --no-limits, not both")
    if limits or given.get("no_limits"):
        body["limits"] = limits
    budgets = replaced(given["budgets"], given.get("no_budgets", False), "--budget", "--no-budgets")
    if budgets is not None:
        body["budgets"] = budgets
    names = ("timezone", "week_starts_on", "day_starts_at")
    calendar = {name: given[name] for name in names if given[name] is not None}
    if calendar:
        body["calendar"] = calendar
    client_gone = given.get("client_gone")
    if client_gone is not None:
        body["client_gone"] = client_gone or None
    return body


def _limits(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, int]:
    found: dict[str, int] = {}
    for value in values:
        name, number = _pair(value, RATES)
        if name in found:
            raise click.BadParameter(f"{name} is given twice")
        found[name] = _whole(number)
    return found


def _window(_: click.Context, __: click.Parameter, value: str | None) -> dict[str, Any] | None:
    if value is None:
        return None
    minutes, colon, rest = value.partition(":")
    if not colon or not rest:
        raise click.BadParameter(f"{value!r} is not such as 5:requests=100,usd=0.50")
    window: dict[str, Any] = {"minutes": _whole(minutes)}
    for part in rest.split(","):
        name, number = _pair(part, WINDOW)
        window[name] = number if name == "usd" else _whole(number)
    return window


def _budgets(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> list[dict[str, str]]:
    found = []
    for value in values:
        period, amount = _pair(value, PERIODS)
        usd, colon, policy = amount.partition(":")
        if colon and policy not in POLICIES:
            raise click.BadParameter(f"{policy!r} is none of {', '.join(POLICIES)}")
        found.append({"period": period, "usd": usd} | ({"policy": policy} if policy else {}))
    return found


def _client_gone(_: click.Context, __: click.Parameter, value: str | None) -> dict[str, Any] | None:
    """None: not given; empty: what the level around it says."""
    if value is None:
        return None
    policy, colon, seconds = value.partition(":")
    if value == "inherit":
        return {}
    if policy not in GONE_POLICIES or (colon and policy == "cancel"):
        raise click.BadParameter(f"{value!r} is not cancel, drain, drain:SECONDS or inherit")
    return {"policy": policy} | ({"drain_seconds": _whole(seconds)} if colon else {})


def _queue(_: click.Context, __: click.Parameter, value: str | None) -> dict[str, int] | None:
    if value is None:
        return None
    waiting, colon, timeout = value.partition(":")
    if not colon:
        raise click.BadParameter(f"{value!r} is not such as 100:5000")
    return {"max_waiting": _whole(waiting), "timeout_ms": _whole(timeout)}


def _pair(text: str, names: tuple[str, ...]) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not value or name not in names:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE with one of {', '.join(names)}")
    return name, value


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise click.BadParameter(f"{text!r} is no whole number")
    return int(text)
