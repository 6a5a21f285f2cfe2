"""Faults that a request asks for: in the header `x-echo-fault`, or in its last user message.

The message carries directives such as `[[echo status=429 retry_after=2]]`, because a header may
not survive the way through a gateway. README.md has the table of all of them.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from echo_provider.refusals import Refusal

HEADER = "x-echo-fault"
_DIRECTIVE = re.compile(r"\[\[echo(?:\s+([^\]]*))?\]\]\s*")
_SEPARATOR = re.compile(r"[\s,;]+")
_STATUS_MIN, _STATUS_MAX = 200, 599
# Tags of `times` that are remembered; the least recently used is forgotten.
TAGS_MAX = 10_000
# Those that change what is generated, where text is, and where Claude's answers are.
AMOUNTS = frozenset({"words", "bytes", "chunks", "huge_event"})
TEXT_FAULTS = AMOUNTS | {"usage", "cached", "reasoning", "thoughts"}
CLAUDE_FAULTS = TEXT_FAULTS | {"cache_write", "cache_write_1h"}


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong. None, False and 0 mean: nothing. README.md says what each does."""

    status: int | None = None
    retry_after: str | None = None
    code: str | None = None
    delay_ms: float = 0
    chunk_delay_ms: float = 0
    chunks: int | None = None
    words: int | None = None
    bytes: int | None = None
    huge_event: int | None = None
    cut_after: int | None = None
    stall_after: int | None = None
    reset_after: int | None = None
    error_after: int | None = None
    garbage_after: int | None = None
    half_json: str | None = None
    garbage: str | None = None
    redirect: str | None = None
    reset: bool = False
    empty_body: bool = False
    error_body: bool = False
    usage: str | None = None
    cached: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    thoughts: int = 0
    failed: str | None = None
    background_ms: float = 0


NO_FAULTS = Faults()


class Times:
    """How often each tag of `times=N` has come."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, int] = OrderedDict()

    def first(self, times: int, tag: str) -> bool:
        """Count one more; whether it is still one of the first `times`."""
        seen = self._seen.pop(tag, 0) + 1
        self._seen[tag] = seen
        if len(self._seen) > TAGS_MAX:
            self._seen.popitem(last=False)
        return seen <= times

    def forget(self) -> None:
        """Begin counting again."""
        self._seen.clear()


def split_directives(text: str) -> tuple[list[str], str]:
    """The directives in a text, and the text without them."""
    found = [match.group(1) or "" for match in _DIRECTIVE.finditer(text)]
    return (found, _DIRECTIVE.sub("", text).rstrip()) if found else ([], text)


def parse_faults(groups: list[str], times: Times) -> Faults:
    """Faults from groups such as `status=500,times=2,tag=a`; later groups win.

    Raises `Refusal` (400) on a name or value that does not exist: a misspelt fault in a test
    would otherwise be a test of nothing.
    """
    merged: dict[str, Any] = {}
    for group in groups:
        values = _parse_group(group)
        wanted = values.pop("times", None)
        tag = values.pop("tag", group)
        if wanted is None or times.first(wanted, tag):
            merged |= values
    return Faults(**merged) if merged else NO_FAULTS


def _parse_group(group: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for item in _SEPARATOR.split(group.strip()):
        if not item:
            continue
        name, has_value, value = item.partition("=")
        parse = _PARSERS.get(name)
        if parse is None:
            raise Refusal(400, f"echo: no fault is named {name!r}; README.md lists them")
        try:
            values[name] = parse(value if has_value else None)
        except ValueError as error:
            raise Refusal(400, f"echo: fault {item!r}: {error}") from error
    return values


def _whole(least: int) -> Callable[[str | None], int]:
    def parse(value: str | None) -> int:
        if value is None or not value.isdecimal() or int(value) < least:
            raise ValueError(f"give a whole number of at least {least}, as in name={least + 1}")
        return int(value)

    return parse


def _status(value: str | None) -> int:
    status = int(value) if value and value.isdecimal() else 0
    if not _STATUS_MIN <= status <= _STATUS_MAX:
        raise ValueError(f"give a status from {_STATUS_MIN} to {_STATUS_MAX}")
    return status


def _milliseconds(value: str | None) -> float:
    try:
        milliseconds = float(value or "")
    except ValueError:
        milliseconds = -1
    if not 0 <= milliseconds <= 3_600_000:
        raise ValueError("give milliseconds, at most an hour")
    return milliseconds


def _flag(value: str | None) -> bool:
    if value not in {None, "", "1", "true"}:
        raise ValueError("takes no value")
    return True


def _one_of(*choices: str) -> Callable[[str | None], str]:
    """The first choice is what the bare name means; without one a value is needed."""

    def parse(value: str | None) -> str:
        chosen = choices[0] if value is None else value
        if not chosen or chosen not in choices:
            raise ValueError(f"give one of {', '.join(choice for choice in choices if choice)}")
        return chosen

    return parse


def _text(default: str | None) -> Callable[[str | None], str]:
    def parse(value: str | None) -> str:
        chosen = value or default
        if not chosen:
            raise ValueError("give a value")
        return chosen

    return parse


_PARSERS: dict[str, Callable[[str | None], Any]] = {
    "status": _status,
    "retry_after": _text(None),
    "code": _text(None),
    "times": _whole(1),
    "tag": _text(None),
    "delay_ms": _milliseconds,
    "chunk_delay_ms": _milliseconds,
    "chunks": _whole(1),
    "words": _whole(1),
    "bytes": _whole(1),
    "huge_event": _whole(1),
    "cut_after": _whole(0),
    "stall_after": _whole(0),
    "reset_after": _whole(0),
    "error_after": _whole(0),
    "garbage_after": _whole(0),
    "half_json": _one_of("lying", "close", "exact", "excess", "stall", "reset"),
    "garbage": _one_of("html", "json", "binary"),
    "redirect": _text("/echo/redirected"),
    "reset": _flag,
    "empty_body": _flag,
    "error_body": _flag,
    "usage": _one_of("", "none"),
    "cached": _whole(0),
    "cache_write": _whole(0),
    "cache_write_1h": _whole(0),
    "reasoning": _whole(0),
    "thoughts": _whole(0),
    "failed": _text("server_error"),
    "background_ms": _milliseconds,
}
