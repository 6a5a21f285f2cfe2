"""Options for routing: what keys, teams and the organisation are bound to, and fallbacks."""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import click

from cli.admin.options import replaced

_Command = TypeVar("_Command", bound=Callable[..., Any])
Level = Literal["organisation", "team", "key"]
KEY_FIELDS = ("account_id", "group_id", "regions")
FALLBACK_FIELDS = ("regions", "fallbacks")


def routing_options(level: Level, *, clearing: bool) -> Callable[[_Command], _Command]:
    """Give a command the options that `routing_members` reads; `clearing`: those that empty too."""
    options = [
        click.option(
            "--region", "regions", metavar="REGION", multiple=True,
            help="Only accounts of this region serve; repeatable.",
        ),
    ]  # fmt: skip
    if level != "organisation":
        options += [
            click.option("--account-id", metavar="ID", help="Only this account serves."),
            click.option("--group-id", metavar="ID", help="Only this group's accounts serve."),
        ]
    if level != "key":
        options.append(click.option(
            "--fallback", "fallbacks", metavar="GLOB=MODEL,…", multiple=True, callback=_fallbacks,
            help="What is asked in turn when no account can serve a model: "
            "'gpt-4o=gpt-4o-mini,claude-haiku-4-5'; repeatable.",
        ))  # fmt: skip
    if clearing:
        options.append(click.option("--all-regions", is_flag=True, help="Of whatever region."))
        if level != "organisation":
            options.append(click.option(
                "--unbound", is_flag=True, help="Neither an account nor a group of its own."
            ))  # fmt: skip
        if level != "key":
            options.append(click.option("--no-fallbacks", is_flag=True))

    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def routing_members(given: dict[str, Any]) -> dict[str, Any]:
    """The members of a body that the options say. Raises `click.UsageError`.

    A list that is given takes the old one's place, and so do all fallbacks.
    """
    body: dict[str, Any] = {}
    cleared = given.get("all_regions", False)
    regions = replaced(given["regions"], cleared, "--region", "--all-regions")
    if regions is not None:
        body["regions"] = regions
    if given.get("account_id") is not None and given.get("group_id") is not None:
        raise click.UsageError("give --account-id or --group-id, not both")
    binding = {
        name: given[name] for name in ("account_id", "group_id") if given.get(name) is not None
    }
    if given.get("unbound"):
        if binding:
            raise click.UsageError("give --account-id or --group-id, or --unbound, not both")
        binding = {"account_id": None, "group_id": None}
    fallbacks, none = given.get("fallbacks") or {}, given.get("no_fallbacks", False)
    replaced([*fallbacks], none, "--fallback", "--no-fallbacks")
    if fallbacks or none:
        body["fallbacks"] = fallbacks
    return body | binding


def _fallbacks(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for value in values:
        glob, equals, models = value.partition("=")
        if not glob or not equals or not models:
            raise click.BadParameter(f"{value!r} is not GLOB=MODEL,…, such as gpt-4o=gpt-4o-mini")
        found[glob] = models.split(",")
    return found
