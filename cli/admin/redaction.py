"""`relayctl redaction`: what rules of content make of a text."""

import sys
from typing import Any

import click

from cli.admin.content import rule_option
from cli.admin.errors import EXIT_NOT_SEARCHED
from cli.admin.options import AdminGroup, Session, members, say
from cli.admin.output import Column, Shape, print_items
from cli.admin.text import printable

PATH = "/internal/redaction/try"
SHAPE = Shape(
    "findings",
    (
        Column("START", "start", "number"),
        Column("END", "end", "number"),
        Column("ENTITY", "entity"),
        Column("ACTION", "action"),
        Column("SCORE", "score", "number"),
    ),
    ("start", "end", "entity", "action", "score"),
)


@click.group(cls=AdminGroup)
def redaction() -> None:
    """Try rules of content."""


@redaction.command("try")
@click.argument("file", metavar="[FILE]", default="-")
@rule_option("redaction")
@rule_option("content_policy")
@click.option("--key", "key_id", metavar="ID|NAME", help="The rules that hold for this key.")
@click.option("--team", "team_id", metavar="ID|NAME", help="The rules that hold for this team.")
@click.option("--organisation", is_flag=True, help="The rules that hold for everybody.")
@click.pass_obj
def try_text(session: Session, /, file: str, **given: Any) -> None:
    """Show what is found in a text (FILE, or standard input) and what a provider would see of it.

    The text is neither kept nor logged. Placeholders are made up. Where the rules want the
    function pii and it gives no answer, the exit code is 5: names were not searched for.
    """
    sent = members(policy=given["redaction"], content_policy=given["content_policy"])
    whose = members(
        key_id=given["key_id"],
        team_id=given["team_id"],
        organisation=given["organisation"] or None,
    )
    if bool(sent) + len(whose) != 1:
        raise click.UsageError(
            "give --redaction, --content-policy or both; or one of --key, --team, --organisation"
        )
    answer = session.client.send("POST", PATH, body={"text": _text(file), **sent, **whose}).body
    _show(session, answer)
    if answer["model"] == "not_asked":
        say("the function pii gave no answer: the text was not searched for names, and these are")
        say("the findings of the patterns alone; meanwhile on_failure holds: deny refuses (503),")
        say("allow sends all of it unsearched")
        sys.exit(EXIT_NOT_SEARCHED)


def _show(session: Session, answer: dict[str, Any]) -> None:
    if session.output == "json":
        session.show(SHAPE, answer)
        return
    print_items(session.output, SHAPE, answer["findings"])
    if session.output == "table" and answer["redacted_text"] is not None:
        click.echo("")
        for line in answer["redacted_text"].split("\n"):
            click.echo(printable(line))
    for one in answer["verdicts"]:
        say(f"{one['verdict']}: {one['rule']} ({one['by']}, {one['where']})")
    if answer["redacted_text"] is None:
        say("a request with this text would be refused")


def _text(file: str) -> str:
    try:
        with click.open_file(file, encoding="utf-8") as stream:
            text: str = stream.read()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file} cannot be read: {error}") from None
    return text
