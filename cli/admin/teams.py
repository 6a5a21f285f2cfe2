"""`relayctl teams`: the tenants."""

from typing import Any

import click

from cli.admin.changing import send_change
from cli.admin.client import one
from cli.admin.content import NAMES as CONTENT_FIELDS
from cli.admin.content import content_members, content_options
from cli.admin.levels import TENANT_FIELDS, level_members, level_options
from cli.admin.limits import client_gone_option, unpriced_member, unpriced_option
from cli.admin.options import AdminGroup, Session, how_many, members, paged
from cli.admin.output import Column, Shape
from cli.admin.routing import KEY_FIELDS, routing_members, routing_options

PATH = "/internal/teams"
MULTIPLIER = "What the team is charged for each USD of cost (1)."
SHAPE = Shape(
    "teams",
    (
        Column("ID", "id"),
        Column("NAME", "name"),
        Column("DESCRIPTION", "description"),
        Column("USERS", "users", "number"),
        Column("ACTIVE KEYS", "active_keys", "number"),
        Column("CREATED", "created_at"),
    ),
    (
        *("id", "name", "description", "users", "active_keys", "created_at", "updated_at"),
        *("unpriced_models", "price_multiplier", *KEY_FIELDS, "fallbacks"),
        *(f"self_service.{name}" for name in ("enabled", "keys_max", "expires_within_days")),
        *TENANT_FIELDS,
        *CONTENT_FIELDS,
    ),
)


_self_service = click.option(
    "--self-service",
    metavar="on|off|NAME=NUMBER,...",
    callback=lambda _context, _option, text: _rule(text),
    help="Whether people make keys of their own in the portal; NAME: keys_max, "
    "expires_within_days. Such as keys_max=3,expires_within_days=90.",
)


@click.group(cls=AdminGroup)
def teams() -> None:
    """Add, list, change and delete teams."""


@teams.command()
@click.option("--name", required=True)
@click.option("--description")
@click.option("--price-multiplier", metavar="NUMBER", help=MULTIPLIER)
@unpriced_option
@_self_service
@level_options(clearing=False)
@routing_options("team", clearing=False)
@client_gone_option(clearing=False)
@content_options(clearing=False)
@click.pass_obj
def create(session: Session, /, **given: Any) -> None:
    """Add a team; there is one of a name, however often this is repeated."""
    body = _own(given) | level_members(given) | routing_members(given)
    body |= content_members(given)
    session.show(SHAPE, session.client.send("POST", PATH, body=body).body)


@teams.command("list")
@click.option("--search", metavar="TEXT", help="A part of the name or the description.")
@paged
@click.pass_obj
def list_teams(session: Session, /, limit: int | None, all_: bool, **query: Any) -> None:
    """List teams, the newest first."""
    session.show_list(SHAPE, PATH, query, how_many(limit, all_))


@teams.command()
@click.argument("team_id", metavar="ID|NAME")
@click.pass_obj
def show(session: Session, team_id: str) -> None:
    """Show a team."""
    session.show(SHAPE, session.client.get(one(PATH, team_id)))


@teams.command()
@click.argument("team_id", metavar="ID|NAME")
@click.option("--name")
@click.option("--description")
@click.option("--price-multiplier", metavar="NUMBER", help=MULTIPLIER)
@unpriced_option
@_self_service
@level_options(clearing=True)
@routing_options("team", clearing=True)
@client_gone_option(clearing=True)
@content_options(clearing=True)
@click.pass_obj
def update(session: Session, /, team_id: str, **given: Any) -> None:
    """Change a team; what is not given stays."""
    changes = _own(given) | level_members(given) | routing_members(given)
    send_change(session, SHAPE, one(PATH, team_id), changes | content_members(given))


@teams.command()
@click.argument("team_id", metavar="ID|NAME")
@click.pass_obj
def delete(session: Session, team_id: str) -> None:
    """Delete a team that no user or key belongs to, revoked keys included."""
    session.client.send("DELETE", one(PATH, team_id))
    session.show_deleted("team", team_id)


def _own(given: dict[str, Any]) -> dict[str, Any]:
    names = ("name", "description", "price_multiplier", "self_service")
    return members(**{name: given[name] for name in names}) | unpriced_member(given)


def _rule(text: str | None) -> dict[str, Any] | None:
    """What the option says as a member; whole, in the old one's place."""
    if text is None or text in ("on", "off"):
        return None if text is None else {"enabled": text == "on"}
    rule: dict[str, Any] = {"enabled": True}
    for part in text.split(","):
        name, equals, number = part.strip().partition("=")
        if name not in ("keys_max", "expires_within_days") or not equals or not number.isdigit():
            raise click.BadParameter(
                "give on, off, or keys_max=NUMBER and expires_within_days=NUMBER with a comma"
            )
        rule[name] = int(number)
    return rule
