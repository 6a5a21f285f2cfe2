"""`relayctl models`: what is known of models."""

from typing import Any

import click

from cli.admin.client import one
from cli.admin.options import AdminGroup, Session, how_many, members, paged
from cli.admin.output import Column, Shape

PATH = "/internal/models"
CAPABILITIES = ("tools", "vision", "structured_output", "thinking")
SHAPE = Shape(
    "models",
    (
        Column("NAME", "name"),
        Column("CONTEXT", "context_window", "number"),
        Column("OUTPUT", "max_output_tokens", "number"),
        Column("CAPABILITIES", "capabilities"),
        Column("DEPRECATED", "deprecated_on"),
        Column("SUCCESSOR", "successor"),
        Column("OWN", "own"),
    ),
    (
        *("name", "context_window", "max_output_tokens", "capabilities", "deprecated_on"),
        *("successor", "own"),
    ),
)


@click.group(cls=AdminGroup)
def models() -> None:
    """List what is known of models, and say what you know better."""


@models.command("list")
@paged
@click.pass_obj
def list_models(session: Session, limit: int | None, all_: bool) -> None:
    """List them, by name."""
    session.show_list(SHAPE, PATH, {}, how_many(limit, all_))


@models.command()
@click.argument("name")
@click.pass_obj
def show(session: Session, name: str) -> None:
    """Show what is known of a model."""
    session.show(SHAPE, session.client.get(one(PATH, name)))


@models.command("set")
@click.argument("name")
@click.option("--context-window", metavar="TOKENS", type=click.IntRange(min=0))
@click.option("--max-output-tokens", metavar="TOKENS", type=click.IntRange(min=0))
@click.option(
    "--capability", "capabilities", type=click.Choice(CAPABILITIES), multiple=True,
    help="What it can do; repeatable. What is not named it cannot.",
)  # fmt: skip
@click.option("--no-capabilities", is_flag=True, help="It can do none of these.")
@click.option("--deprecated-on", metavar="DATE", help="Its answers then say so.")
@click.option("--successor", metavar="MODEL", help="What is to be used instead.")
@click.pass_obj
def set_model(session: Session, /, name: str, no_capabilities: bool, **given: Any) -> None:
    """Say what is known of a model, in the place of all that was known."""
    body = members(**{field: value for field, value in given.items() if field != "capabilities"})
    if given["capabilities"] or no_capabilities:
        body["capabilities"] = list(given["capabilities"])
    session.show(SHAPE, session.client.send("PUT", one(PATH, name), body=body).body)


@models.command()
@click.argument("name")
@click.pass_obj
def delete(session: Session, name: str) -> None:
    """Take back what was said of a model; what Relay knows of it holds again."""
    session.client.send("DELETE", one(PATH, name))
    session.show_deleted("model", name)
