"""Options for rules of content, the same for keys, teams and the organisation."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

from cli.admin.options import set_or_taken

_Command = TypeVar("_Command", bound=Callable[..., Any])
NAMES = ("redaction", "content_policy", "response_cache")
_HELP = {
    "redaction": "What is found in texts, and what becomes of it.",
    "content_policy": "What is refused or flagged.",
    "response_cache": "Whose answers are kept.",
}
_METAVAR = "FILE|JSON"


def rule_option(name: str) -> Callable[[_Command], _Command]:
    """Give a command the option of one of the rules: a file, `-` for standard input, or JSON."""
    return click.option(_option(name), metavar=_METAVAR, callback=_rule, help=_HELP[name])


def content_options(*, clearing: bool) -> Callable[[_Command], _Command]:
    """Give a command the options that `content_members` reads; `clearing`: those that empty too."""
    options = [rule_option(name) for name in NAMES]
    if clearing:
        options += [
            click.option(f"--no{_option(name)[1:]}", is_flag=True, help="No such rules of its own.")
            for name in NAMES
        ]

    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def content_members(given: dict[str, Any]) -> dict[str, Any]:
    """The members of a body that the options say. Raises `click.UsageError`."""
    body: dict[str, Any] = {}
    for name in NAMES:
        body |= set_or_taken({f"no_{name}": False} | given, name, f"no_{name}")
    return body


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _rule(_: click.Context, __: click.Parameter, value: str | None) -> dict[str, Any] | None:
    if value is None:
        return None
    text, where = value, "it"
    if not value.lstrip().startswith("{"):
        where = value
        try:
            with click.open_file(value, encoding="utf-8") as stream:
                text = stream.read()
        except (OSError, UnicodeDecodeError) as error:
            raise click.BadParameter(f"{value} cannot be read: {error}") from None
    try:
        rule = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"{where} is no JSON: {error}") from None
    if not isinstance(rule, dict):
        raise click.BadParameter(f"{where} is no JSON object")
    return rule
