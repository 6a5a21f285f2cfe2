"""Reading a body for what it can use at most: what all dialects' readers share.

Only keys under a hard budget pay for this. A member that a provider may know and Relay does not
is never taken for harmless: kinds that are not listed count as the whole context window.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from common.dialects.bodies import loads
from common.domain.reservation import Bound

# Reads a body that its operation has parsed without complaint. Raises `Unreadable`.
ReadBound: TypeAlias = Callable[[bytes], Bound]
# Writes an output cap into a body: body, the caller's parsed request's cap fields, the provider.
SetCap: TypeAlias = Callable[[bytes, int, str], bytes]


class Uncountable(Exception):
    """The body refers to something that it does not hold."""


class Unreadable(Exception):
    """What an operation skipped in a body cannot be read: such a body has no bound."""


def read(body: bytes) -> dict[str, Any]:
    """The body as an object. Raises `Unreadable`."""
    value = loads(body)
    if not isinstance(value, dict):
        raise Unreadable
    return value


def parts_of(content: Any) -> Iterator[dict[str, Any]]:
    """The parts of a message's content; a plain text has none. Raises `Uncountable`."""
    if content is None or isinstance(content, str):
        return
    if not isinstance(content, list):
        raise Uncountable
    for part in content:
        if isinstance(part, str):
            continue
        if not isinstance(part, dict):
            raise Uncountable
        yield part


def items_of(value: Any) -> list[dict[str, Any]]:
    """The objects of a list. Raises `Uncountable` for anything else in it."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise Uncountable
    return value


def whole(value: Any, default: int = 1) -> int:
    """A number, `2.0` as well as `2`, rounded up; or the default for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return default
    return math.ceil(value)


def first_unknown_tool(tools: Any, known: Callable[[dict[str, Any]], bool]) -> str | None:
    """The name of the first tool that is run by the provider: it may cost what nobody can bound."""
    if not isinstance(tools, list):
        return None
    for index, tool in enumerate(tools):
        if not isinstance(tool, dict) or not known(tool):
            kind = tool.get("type") if isinstance(tool, dict) else None
            return f"tools[{index}] ({kind})"
    return None
