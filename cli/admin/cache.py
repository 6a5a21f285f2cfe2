"""`relayctl cache`: how many answers the response cache keeps, and forgetting them."""

import click

from cli.admin.options import AdminGroup, Session
from cli.admin.output import Column, Shape, print_items

PATH = "/internal/response-cache"
SHAPE = Shape(
    "kept answers",
    (
        Column("TENANT", "tenant"),
        Column("ANSWERS", "entries", "number"),
        Column("BYTES", "bytes", "number"),
    ),
    ("tenant", "entries", "bytes"),
)


@click.group(cls=AdminGroup)
def cache() -> None:
    """Look at how much the response cache keeps, and forget it."""


@cache.command()
@click.pass_obj
def show(session: Session) -> None:
    """Show how many answers are kept of each tenant (a team, or a key without one)."""
    answer = session.client.send("GET", PATH).body
    print_items(session.output, SHAPE, answer["items"], {"tenant": "all", **answer["total"]})


@cache.command()
@click.option("--team", "team_id", metavar="ID|NAME", help="The answers of a team's keys.")
@click.option("--key", "key_id", metavar="ID|NAME", help="Those made for requests of one key.")
@click.option("--all", "all_", is_flag=True, help="The answers of everybody.")
@click.pass_obj
def purge(session: Session, team_id: str | None, key_id: str | None, all_: bool) -> None:
    """Forget kept answers; the next requests ask their providers again."""
    if sum((team_id is not None, key_id is not None, all_)) != 1:
        raise click.UsageError("give one of --team, --key and --all")
    query = {"team_id": team_id, "key_id": key_id, "all": "true" if all_ else None}
    gone = session.client.send("DELETE", PATH, query=query).body
    session.show_said(f"forgot {gone['entries']} answers, {gone['bytes']} bytes", gone)
