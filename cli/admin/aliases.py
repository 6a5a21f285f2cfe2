"""`relayctl aliases`: names that stand for models, for all keys."""

import json
from typing import Any

import click

from cli.admin.client import one
from cli.admin.options import AdminGroup, Session, how_many, paged
from cli.admin.output import Column, Shape

PATH = "/internal/aliases"
SHAPE = Shape(
    "aliases",
    (Column("NAME", "name"), Column("RULES", "rules"), Column("UPDATED", "updated_at")),
    ("name", "rules", "created_at", "updated_at"),
)


@click.group(cls=AdminGroup)
def aliases() -> None:
    """Set, list and delete aliases of models."""


@aliases.command("set")
@click.argument("name")
@click.option(
    "--model",
    "models",
    metavar="MODEL[=WEIGHT]",
    multiple=True,
    help="What it stands for; of several each gets its weight's part; repeatable.",
)
@click.option(
    "--rules-file",
    metavar="FILE",
    help="Rules with conditions, as JSON, the first that holds; before --model. `-`: stdin.",
)
@click.pass_obj
def set_alias(session: Session, name: str, models: tuple[str, ...], rules_file: str | None) -> None:
    """Let a name stand for models, whatever it stood for before."""
    rules = [] if rules_file is None else _rules(rules_file)
    if models:
        rules.append({"models": dict(_weighted(model) for model in models)})
    if not rules:
        raise click.UsageError("give --model or --rules-file")
    session.show(SHAPE, session.client.send("PUT", one(PATH, name), body={"rules": rules}).body)


@aliases.command("list")
@paged
@click.pass_obj
def list_aliases(session: Session, limit: int | None, all_: bool) -> None:
    """List aliases, by name."""
    session.show_list(SHAPE, PATH, {}, how_many(limit, all_))


@aliases.command()
@click.argument("name")
@click.pass_obj
def show(session: Session, name: str) -> None:
    """Show an alias."""
    session.show(SHAPE, session.client.get(one(PATH, name)))


@aliases.command()
@click.argument("name")
@click.pass_obj
def delete(session: Session, name: str) -> None:
    """Delete an alias."""
    session.client.send("DELETE", one(PATH, name))
    session.show_deleted("alias", name)


def _rules(file: str) -> list[Any]:
    try:
        with click.open_file(file, encoding="utf-8") as stream:
            rules = json.load(stream)
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"--rules-file: {file} cannot be read: {error}") from None
    except ValueError as error:
        raise click.UsageError(f"--rules-file: {file} is no JSON: {error}") from None
    if not isinstance(rules, list):
        raise click.UsageError("--rules-file: it must be a list of rules")
    return rules


def _weighted(model: str) -> tuple[str, int]:
    name, equals, weight = model.partition("=")
    if not name or (equals and not weight.isdecimal()):
        raise click.UsageError(f"--model: {model!r} is not MODEL or MODEL=WEIGHT")
    return name, int(weight) if equals else 1
