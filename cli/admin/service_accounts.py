"""`relayctl service-accounts`: programs with a token of their own."""

from typing import Any

import click

from cli.admin.client import one
from cli.admin.options import (
    AdminGroup,
    Session,
    how_many,
    idempotent,
    members,
    paged,
    replaced,
    say,
    set_or_taken,
    something,
)
from cli.admin.output import Column, Shape, print_items

PATH = "/internal/service-accounts"
ROLES = ("viewer", "operator", "admin", "team_admin")
_FIELDS = (
    *("id", "name", "role", "team_ids", "areas", "status", "token_prefix", "old_token_ends_at"),
    *("expires_at", "created_by", "created_at", "updated_at", "revoked_at", "last_used_at"),
)
SHAPE = Shape(
    "service accounts",
    (
        Column("ID", "id"),
        Column("NAME", "name"),
        Column("ROLE", "role"),
        Column("STATUS", "status"),
        Column("TOKEN", "token_prefix"),
        Column("LAST USED", "last_used_at"),
        Column("EXPIRES", "expires_at"),
    ),
    _FIELDS,
)
AREAS = Shape("areas", (Column("AREA", "area"),), ("area",))
MADE = Shape("service accounts", SHAPE.columns, ("token", *_FIELDS))
_team = click.option(
    "--team-id",
    "team_ids",
    metavar="ID|NAME",
    multiple=True,
    help="Of a team_admin; several times.",
)
_area = click.option(
    "--area",
    "areas",
    metavar="TAG",
    multiple=True,
    help="What it is bound to, such as keys or usage (`areas` lists them); several times.",
)


@click.group("service-accounts", cls=AdminGroup)
def service_accounts() -> None:
    """Add, list, change, rotate and revoke service accounts."""


@service_accounts.command()
@click.option("--name", required=True)
@click.option("--role", required=True, type=click.Choice(ROLES))
@_team
@_area
@click.option("--expires-at", metavar="TIME", help="When its token ends (never).")
@idempotent
@click.pass_obj
def create(session: Session, /, idempotency_key: str, **given: Any) -> None:
    """Add a service account. Its token is shown this once; RELAY_ADMIN_TOKEN takes it."""
    body = members(name=given["name"], role=given["role"], expires_at=given["expires_at"])
    body |= {"team_ids": list(given["team_ids"]), "areas": list(given["areas"])}
    _show_made(session, PATH, body, idempotency_key)


@service_accounts.command("list")
@paged
@click.pass_obj
def list_accounts(session: Session, limit: int | None, all_: bool) -> None:
    """List service accounts, the newest first, revoked ones too."""
    session.show_list(SHAPE, PATH, {}, how_many(limit, all_))


@service_accounts.command("areas")
@click.pass_obj
def list_areas(session: Session) -> None:
    """List what --area may name."""
    found = session.client.get("/internal/areas")["items"]
    print_items(session.output, AREAS, [{"area": area} for area in found])


@service_accounts.command()
@click.argument("service_account_id", metavar="ID|NAME")
@click.pass_obj
def show(session: Session, service_account_id: str) -> None:
    """Show a service account without its token."""
    session.show(SHAPE, session.client.get(one(PATH, service_account_id)))


@service_accounts.command()
@click.argument("service_account_id", metavar="ID|NAME")
@click.option("--name")
@click.option("--role", type=click.Choice(ROLES))
@_team
@click.option("--no-teams", is_flag=True, help="Of no team any more.")
@_area
@click.option("--no-areas", is_flag=True, help="Bound to nothing but its role any more.")
@click.option("--expires-at", metavar="TIME")
@click.option("--no-expiry", is_flag=True, help="Its token does not end by itself.")
@click.pass_obj
def update(session: Session, /, service_account_id: str, **given: Any) -> None:
    """Change a service account; what is not given stays."""
    teams = replaced(given["team_ids"], given["no_teams"], "--team-id", "--no-teams")
    areas = replaced(given["areas"], given["no_areas"], "--area", "--no-areas")
    body = members(name=given["name"], role=given["role"], team_ids=teams, areas=areas)
    body |= set_or_taken(given, "expires_at", "no_expiry")
    path = one(PATH, service_account_id)
    session.show(SHAPE, session.client.send("PATCH", path, body=something(body)).body)


@service_accounts.command()
@click.argument("service_account_id", metavar="ID|NAME")
@click.option(
    "--grace-s",
    metavar="SECONDS",
    type=click.IntRange(min=0),
    help="How long the old one works (0).",
)
@idempotent
@click.pass_obj
def rotate(
    session: Session, service_account_id: str, grace_s: int | None, idempotency_key: str
) -> None:
    """Give a service account another token, which is shown this once."""
    _show_made(
        session, one(PATH, service_account_id, "/rotate"), members(grace_s=grace_s), idempotency_key
    )


@service_accounts.command()
@click.argument("service_account_id", metavar="ID|NAME")
@click.pass_obj
def revoke(session: Session, service_account_id: str) -> None:
    """Revoke a service account for ever; it stays listed."""
    session.client.send("DELETE", one(PATH, service_account_id))
    session.show_said(
        f"service account {service_account_id} is revoked",
        {"id": service_account_id, "revoked": True},
    )


def _show_made(session: Session, path: str, body: dict[str, Any], idempotency_key: str) -> None:
    session.show(MADE, session.create(path, body, idempotency_key))
    say("the token is shown this once: keep it now, e.g. as RELAY_ADMIN_TOKEN of a CI job")
