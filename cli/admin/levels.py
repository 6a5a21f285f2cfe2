"""What the organisation, teams and users have in common: options for limits and access rules."""

from collections.abc import Callable
from typing import Any, TypeVar

from cli.admin import access, limits

_Command = TypeVar("_Command", bound=Callable[..., Any])
FIELDS = (*limits.FIELDS, *access.FIELDS)
TENANT_FIELDS = (*limits.TENANT_FIELDS, *access.FIELDS)


def level_options(*, clearing: bool) -> Callable[[_Command], _Command]:
    """Give a command the options that `level_members` reads; `clearing`: those that empty too."""

    def decorate(command: _Command) -> _Command:
        rules = access.access_options(key=False, clearing=clearing)(command)
        return limits.limit_options(clearing=clearing)(rules)

    return decorate


def level_members(given: dict[str, Any]) -> dict[str, Any]:
    """The members of a body that the options say. Raises `click.UsageError`."""
    return limits.limit_members(given) | access.access_members(given, key=False)
