"""Which usage: the options that all commands about the ledger have."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])
FILTERS = (
    *("since", "until", "tz", "key_id", "user_id", "team_id", "account_id", "model", "provider"),
    *("endpoint", "status"),
)
ROWS = ("model_requested", "error_code")


def filtered(command: _Command) -> _Command:
    """Which usage."""
    for option in (
        click.option("--status", type=click.Choice(["ok", "error", "cancelled", "interrupted"])),
        click.option("--endpoint", help="Such as chat.completions."),
        click.option("--provider", help="Such as openai."),
        click.option("--model", help="The model that answered; the one asked for when none did."),
        click.option("--account-id", metavar="ID"),
        click.option("--team-id", metavar="ID|NAME"),
        click.option("--user-id", metavar="ID"),
        click.option("--key-id", metavar="ID|NAME"),
        click.option("--tz", metavar="ZONE", help="Whose days are meant: Europe/Berlin (UTC)."),
        click.option("--until", metavar="TIME", help="The end, which is not in it itself."),
        click.option("--since", metavar="TIME", help="A date, or a time with its offset."),
    ):
        command = option(command)
    return command


def of_rows(command: _Command) -> _Command:
    """Which rows: the options that sums do not have."""
    for option in (
        click.option("--error-code", metavar="CODE", help="Such as rate_limited."),
        click.option(
            "--model-requested",
            metavar="MODEL",
            help="The model that was asked for, whichever answered.",
        ),
    ):
        command = option(command)
    return command


def rows_of(given: dict[str, Any]) -> dict[str, str | int | None]:
    """What the options of rows say, as parameters of a query."""
    return query_of(given) | {name: given[name] for name in ROWS}


def query_of(given: dict[str, Any]) -> dict[str, str | int | None]:
    """What the options say, as parameters of a query."""
    return {name: given[name] for name in FILTERS}
