"""`relayctl accounts presets`, `errors` and `users`: what is known of accounts."""

import click

from cli.admin.account_test import find_account
from cli.admin.client import one
from cli.admin.options import AdminCommand, Session
from cli.admin.output import Column, Shape, print_items

PATH = "/internal/accounts"
PRESETS = Shape(
    "presets",
    (
        Column("NAME", "name"),
        Column("KIND", "label"),
        Column("PROVIDER", "provider"),
        Column("BASE URL", "base_url"),
        Column("QUIRKS", "quirks"),
        Column("CREDENTIAL", "credential_url"),
    ),
    (
        *("name", "label", "provider", "base_url", "example_url", "credential_url"),
        *("key_begins", "model", "region", "quirks"),
    ),
)
ERRORS = Shape(
    "errors",
    (
        Column("AT", "at"),
        Column("STATUS", "status", "number"),
        Column("REASON", "reason"),
        Column("IN A ROW", "count", "number"),
        Column("MESSAGE", "message"),
    ),
    ("at", "reason", "status", "message", "count"),
)
USERS = Shape(
    "users",
    (
        Column("KIND", "kind"),
        Column("ID", "id"),
        Column("NAME", "name"),
        Column("REVOKED", "revoked"),
    ),
    ("kind", "id", "name", "revoked"),
)


@click.command(cls=AdminCommand)
@click.pass_obj
def presets(session: Session) -> None:
    """List kinds of accounts, for `relayctl accounts create --preset NAME`."""
    print_items(session.output, PRESETS, session.client.get(f"{PATH}/presets")["items"])


@click.command(cls=AdminCommand)
@click.argument("account", metavar="NAME")
@click.pass_obj
def errors(session: Session, account: str) -> None:
    """List how an account failed within 7 days, the newest first. NAME may be its id."""
    path = one(PATH, find_account(session.client, PATH, account), "/errors")
    print_items(session.output, ERRORS, session.client.get(path)["items"])


@click.command(cls=AdminCommand)
@click.argument("account", metavar="NAME")
@click.pass_obj
def users(session: Session, account: str) -> None:
    """List who names an account: groups, keys and teams. NAME may be its id."""
    path = one(PATH, find_account(session.client, PATH, account), "/users")
    print_items(session.output, USERS, session.client.get(path)["items"])
