"""`relayctl users`: those whom usage belongs to."""

from typing import Any

import click

from cli.admin.changing import send_change
from cli.admin.client import one
from cli.admin.levels import FIELDS, level_members, level_options
from cli.admin.options import (
    AdminGroup,
    Session,
    how_many,
    members,
    paged,
    set_or_taken,
)
from cli.admin.output import Column, Shape

PATH = "/internal/users"
SHAPE = Shape(
    "users",
    (
        Column("ID", "id"),
        Column("NAME", "name"),
        Column("EMAIL", "email"),
        Column("TEAM", "team_id"),
        Column("ACTIVE KEYS", "active_keys", "number"),
        Column("CREATED", "created_at"),
    ),
    (
        *("id", "name", "email", "team_id", "subject", "active_keys", "created_at", "updated_at"),
        *FIELDS,
    ),
)


@click.group(cls=AdminGroup)
def users() -> None:
    """Add, list, change and delete users."""


@users.command()
@click.argument("user_id", metavar="ID")
@click.option("--name")
@click.option("--email")
@click.option("--team-id", metavar="ID|NAME")
@level_options(clearing=False)
@click.pass_obj
def create(session: Session, /, user_id: str, **given: Any) -> None:
    """Add a user; ID is your own, and there is one user of it, however often this is repeated."""
    body = members(id=user_id, name=given["name"], email=given["email"], team_id=given["team_id"])
    body |= level_members(given)
    session.show(SHAPE, session.client.send("POST", PATH, body=body).body)


@users.command("list")
@click.option("--team-id", metavar="ID|NAME")
@click.option("--search", metavar="TEXT", help="A part of the id, the name or the e-mail.")
@paged
@click.pass_obj
def list_users(session: Session, /, limit: int | None, all_: bool, **query: Any) -> None:
    """List users by their ids."""
    session.show_list(SHAPE, PATH, query, how_many(limit, all_))


@users.command()
@click.argument("user_id", metavar="ID")
@click.pass_obj
def show(session: Session, user_id: str) -> None:
    """Show a user."""
    session.show(SHAPE, session.client.get(one(PATH, user_id)))


@users.command()
@click.argument("user_id", metavar="ID")
@click.option("--name")
@click.option("--email")
@click.option("--team-id", metavar="ID|NAME")
@click.option("--no-team", is_flag=True, help="Take the user out of the team.")
@click.option(
    "--no-subject",
    is_flag=True,
    help="Forget who signs in to the portal as this user: the next one of its id or address does.",
)
@level_options(clearing=True)
@click.pass_obj
def update(session: Session, /, user_id: str, **given: Any) -> None:
    """Change a user; what is not given stays."""
    body = members(name=given["name"], email=given["email"])
    body |= set_or_taken(given, "team_id", "no_team") | level_members(given)
    body |= {"subject": None} if given["no_subject"] else {}
    send_change(session, SHAPE, one(PATH, user_id), body)


@users.command()
@click.argument("user_id", metavar="ID")
@click.pass_obj
def delete(session: Session, user_id: str) -> None:
    """Delete a user without active keys; usage of the past keeps the id."""
    session.client.send("DELETE", one(PATH, user_id))
    session.show_deleted("user", user_id)
