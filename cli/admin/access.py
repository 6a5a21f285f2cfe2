"""Options for access rules: of keys, and of what stands above them."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from cli.admin.options import replaced

_Command = TypeVar("_Command", bound=Callable[..., Any])
_LISTS = ("dialects", "clients", "addresses")
KEY_FIELDS = tuple(f"access.{name}" for name in _LISTS)
FIELDS = (*KEY_FIELDS, "access.models.allow", "access.models.deny", "access.scopes")


def access_options(*, key: bool, clearing: bool) -> Callable[[_Command], _Command]:
    """Give a command the options that `access_members` reads; a key's has scopes and models apart.

    `clearing`: the one that takes all rules away, too.
    """
    options = [
        click.option(
            "--dialect", "dialects", metavar="NAME", multiple=True,
            help="openai or anthropic; repeatable.",
        ),
        click.option(
            "--client", "clients", metavar="CLIENT", multiple=True,
            help="openai-sdk, anthropic-sdk, claude-code, curl, or a glob of the user-agent; "
            "repeatable. A courtesy, not security.",
        ),
        click.option(
            "--address", "addresses", metavar="CIDR", multiple=True,
            help="Where its requests come from; repeatable.",
        ),
    ]  # fmt: skip
    if not key:
        options += [
            click.option(
                "--allow", metavar="GLOB", multiple=True,
                help="Models that its keys may use; repeatable.",
            ),
            click.option(
                "--deny", metavar="GLOB", multiple=True,
                help="Models that its keys may not use; repeatable, wins.",
            ),
            click.option(
                "--scope", "scopes", metavar="SCOPE", multiple=True,
                help="What its keys may be used for; repeatable.",
            ),
        ]  # fmt: skip
    if clearing:
        options.append(click.option("--no-access", is_flag=True, help="No access rules."))

    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def access_members(given: dict[str, Any], *, key: bool) -> dict[str, Any]:
    """The member of a body that the options say. Raises `click.UsageError`.

    A list that is given takes the old one's place.
    """
    names = _LISTS if key else (*_LISTS, "scopes")
    rules: dict[str, Any] = {name: list(given[name]) for name in names if given[name]}
    if not key:
        models = {name: list(given[name]) for name in ("allow", "deny") if given[name]}
        rules |= {"models": models} if models else {}
    cleared = given.get("no_access", False)
    replaced([*rules], cleared, "rules of access", "--no-access")
    if not rules and not cleared:
        return {}
    return {"access": rules or None}
