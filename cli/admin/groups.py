"""`relayctl groups`: groups of accounts, which keys and teams can be bound to."""

from typing import Any

import click

from cli.admin.changing import send_change
from cli.admin.client import one
from cli.admin.options import AdminGroup, Session, how_many, members, paged, replaced
from cli.admin.output import Column, Shape

PATH = "/internal/groups"
SHAPE = Shape(
    "groups",
    (
        Column("ID", "id"),
        Column("NAME", "name"),
        Column("ACCOUNTS", "account_ids"),
        Column("UPDATED", "updated_at"),
    ),
    ("id", "name", "account_ids", "created_at", "updated_at"),
)
_accounts = click.option(
    "--account-id", "account_ids", metavar="ID", multiple=True, help="One of them; repeatable."
)


@click.group(cls=AdminGroup)
def groups() -> None:
    """Add, list, change and delete groups of accounts."""


@groups.command()
@click.option("--name", required=True)
@_accounts
@click.pass_obj
def create(session: Session, name: str, account_ids: tuple[str, ...]) -> None:
    """Add a group; there is one of a name, however often this is repeated."""
    body: dict[str, Any] = {"name": name, "account_ids": list(account_ids)}
    session.show(SHAPE, session.client.send("POST", PATH, body=body).body)


@groups.command("list")
@paged
@click.pass_obj
def list_groups(session: Session, limit: int | None, all_: bool) -> None:
    """List groups, the newest first."""
    session.show_list(SHAPE, PATH, {}, how_many(limit, all_))


@groups.command()
@click.argument("group_id", metavar="ID")
@click.pass_obj
def show(session: Session, group_id: str) -> None:
    """Show a group."""
    session.show(SHAPE, session.client.get(one(PATH, group_id)))


@groups.command()
@click.argument("group_id", metavar="ID")
@click.option("--name")
@_accounts
@click.option("--no-accounts", is_flag=True, help="Whoever is bound to it is refused.")
@click.pass_obj
def update(
    session: Session,
    group_id: str,
    name: str | None,
    account_ids: tuple[str, ...],
    no_accounts: bool,
) -> None:
    """Change a group; accounts that are given take the old ones' place."""
    ids = replaced(account_ids, no_accounts, "--account-id", "--no-accounts")
    send_change(session, SHAPE, one(PATH, group_id), members(name=name, account_ids=ids))


@groups.command()
@click.argument("group_id", metavar="ID")
@click.pass_obj
def delete(session: Session, group_id: str) -> None:
    """Delete a group that no key or team is bound to."""
    session.client.send("DELETE", one(PATH, group_id))
    session.show_deleted("group", group_id)
