"""Patterns that people give, in RE2's syntax: their time is linear in the text, whatever they say.

Python's engine would let one pattern hang the relay. RE2 has no look-around and no references
back. It is imported when the first pattern is compiled.
"""

from collections.abc import Iterable
from typing import Any

PATTERN_CHARACTERS_MAX = 1000
_MEMORY_BYTES_MAX = 1 << 20
_MEMORY_TOGETHER_BYTES_MAX = 8 << 20


class InvalidPattern(ValueError):
    """A pattern that RE2 refuses, that is too large, or that matches nothing at all."""


def compiled(pattern: str) -> Any:
    """The pattern as RE2 has it. Raises `InvalidPattern`."""
    if len(pattern) > PATTERN_CHARACTERS_MAX:
        raise InvalidPattern(f"longer than {PATTERN_CHARACTERS_MAX} characters")
    return _compiled(pattern, _MEMORY_BYTES_MAX)


def compiled_together(patterns: Iterable[str]) -> Any:
    """What finds something wherever one of the patterns does. Raises `InvalidPattern`."""
    patterns = list(patterns)
    if any(r"\Q" in pattern for pattern in patterns):
        raise InvalidPattern(r"\Q may quote what follows the pattern")
    return _compiled("|".join(f"(?:{pattern})" for pattern in patterns), _MEMORY_TOGETHER_BYTES_MAX)


def _compiled(pattern: str, memory_bytes: int) -> Any:
    import re2

    options = re2.Options()
    options.max_mem = memory_bytes
    options.log_errors = False
    try:
        made = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        said = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise InvalidPattern(f"RE2 refuses it: {said}") from None
    except UnicodeEncodeError:
        raise InvalidPattern("is no text: it has half of a character") from None
    if made.search("") is not None:
        raise InvalidPattern("matches the empty text")
    return made
