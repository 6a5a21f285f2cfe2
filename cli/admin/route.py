"""`relayctl route`: which accounts a request would take, and why."""

from typing import Any

import click

from cli.admin.options import AdminGroup, Session, members, say
from cli.admin.output import Column, Shape, print_items

PATH = "/internal/routing/explain"
ENDPOINTS = (
    *("chat.completions", "completions", "responses", "messages", "embeddings"),
    *("moderations", "images.generations", "audio.speech", "audio.transcriptions"),
    "gemini.generate",
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
        Column("SHARE", "share", "number"),
        Column("WHY", "why"),
    ),
    (
        *("tier", "account_id", "name", "provider", "region", "stands_for", "model", "fallback"),
        *("served_model", "priority", "weight", "open_requests", "most_open", "state"),
        *("rests_ms", "rests_until", "share", "why", "points"),
    ),
)


def _headers(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        name, colon, text = value.partition(":")
        if not name.strip() or not colon or not text.strip() or "\n" in value:
            raise click.BadParameter(f"{value!r} is not NAME:VALUE, such as 'x-tier: fast'")
    return values


@click.group(cls=AdminGroup)
def route() -> None:
    """Explain routing."""


@route.command()
@click.option("--model", required=True)
@click.option("--key", metavar="ID", help="The id of the key.")
@click.option("--team", metavar="ID", help="Instead: a key of that team without rules of its own.")
@click.option("--endpoint", type=click.Choice(ENDPOINTS), default="chat.completions")
@click.option("--tag", "tags", multiple=True, help="In the place of the key's; repeatable.")
@click.option(
    "--header",
    "headers",
    metavar="NAME:VALUE",
    multiple=True,
    callback=_headers,
    help="A header of the request, such as 'x-tier: fast' or 'x-session-id: 7'; repeatable.",
)
@click.option("--input-tokens", type=click.IntRange(min=0), default=0, help="How large it is.")
@click.option("--tools", is_flag=True, help="The request offers tools.")
@click.option("--images", is_flag=True, help="The request shows images.")
@click.option("--points", is_flag=True, help="All that speaks for and against each account.")
@click.pass_obj
def explain(
    session: Session, /, key: str | None, team: str | None, points: bool, **given: Any
) -> None:
    """Show which accounts a request would take at this moment, in which order and why."""
    if (key is None) == (team is None):
        raise click.UsageError("give --key or --team")
    query = members(
        model=given["model"],
        key=key,
        team=team,
        endpoint=given["endpoint"],
        tags=",".join(given["tags"]) or None,
        headers="\n".join(given["headers"]) or None,
        input_tokens=given["input_tokens"] or None,
        tools="true" if given["tools"] else None,
        images="true" if given["images"] else None,
    )
    answer = session.client.send("GET", PATH, query=query).body
    for one in answer["accounts"]:
        if points:
            one["why"] = "; ".join(point["text"] for point in one["points"])
        one["share"] = round(one["share"], 4)
    print_items(session.output, SHAPE, answer["accounts"])
    for place, rule in enumerate(answer["alias"] or (), 1):
        if rule["taken"]:
            say(f"rule {place} of the alias holds: {', '.join(rule['rule']['models'])}")
        elif rule["unmet"]:
            say(f"rule {place} of the alias does not hold: {rule['unmet']}")
    if answer["refused"]:
        say(f"it would be refused: {answer['refused']}")
