"""`relayctl route`: which accounts a request would take, and why."""

import click

from cli.admin.options import AdminGroup, Session, say
from cli.admin.output import Column, Shape, print_items

PATH = "/internal/routing/explain"
ENDPOINTS = (
    *("chat.completions", "completions", "responses", "messages", "embeddings"),
    *("moderations", "gemini.generate"),
)
SHAPE = Shape(
    "accounts",
    (
        Column("TIER", "tier", "number"),
        Column("ACCOUNT", "name"),
        Column("PROVIDER", "provider"),
        Column("MODEL", "model"),
        Column("SERVED AS", "served_model"),
        Column("OPEN", "open_requests", "number"),
        Column("STATE", "state"),
        Column("WHY", "why"),
    ),
    (
        *("tier", "account_id", "name", "provider", "model", "served_model", "weight"),
        *("open_requests", "state", "rests_ms", "why"),
    ),
)


@click.group(cls=AdminGroup)
def route() -> None:
    """Explain routing."""


@route.command()
@click.option("--model", required=True)
@click.option("--key", metavar="ID", required=True, help="The id of the key.")
@click.option("--endpoint", type=click.Choice(ENDPOINTS), default="chat.completions")
@click.pass_obj
def explain(session: Session, model: str, key: str, endpoint: str) -> None:
    """Show which accounts a request would take at this moment, in which order and why."""
    query = {"model": model, "key": key, "endpoint": endpoint}
    answer = session.client.send("GET", PATH, query=query).body
    print_items(session.output, SHAPE, answer["accounts"])
    if answer["refused"]:
        say(f"it would be refused: {answer['refused']}")
