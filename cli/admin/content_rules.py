"""`relayctl content-rules`: which rules of content hold, and which level says them."""

from collections.abc import Iterator
from typing import Any

import click

from cli.admin.content import NAMES
from cli.admin.options import AdminGroup, Session
from cli.admin.output import Column, Item, Shape, print_items
from cli.admin.text import json_text

PATH = "/internal/content-rules"
SHAPE = Shape(
    "rules of content",
    (
        Column("RULE", "rule"),
        Column("LEVEL", "level"),
        Column("NAME", "name"),
        Column("IN FORCE", "in_force"),
        Column("SAYS", "says"),
    ),
    ("rule", "level", "id", "name", "in_force", "says"),
)


@click.group("content-rules", cls=AdminGroup)
def content_rules() -> None:
    """Which rules of content hold."""


@content_rules.command()
@click.option("--key", "key_id", metavar="ID", help="What holds for a key.")
@click.option("--team", "team_id", metavar="ID", help="What holds for a team.")
@click.pass_obj
def show(session: Session, key_id: str | None, team_id: str | None) -> None:
    """Show what each level says, nearest first, and whether it holds; without an ID for all."""
    if key_id is not None and team_id is not None:
        raise click.UsageError("give --key or --team, not both")
    answer = session.client.send("GET", PATH, query={"key_id": key_id, "team_id": team_id}).body
    if session.output == "json":
        session.show(SHAPE, answer)
        return
    print_items(session.output, SHAPE, _said(answer))


def _said(answer: dict[str, Any]) -> Iterator[Item]:
    """A row for each rule that a level has."""
    for name in NAMES:
        for level in answer["levels"]:
            if level[name] is None:
                continue
            holds = level["level"] in (answer[name] or ())
            if isinstance(answer[name], str):
                holds = level["level"] == answer[name]
            yield {"rule": name, "in_force": holds, "says": json_text(level[name], indent=None)} | {
                member: level[member] for member in ("level", "id", "name")
            }
