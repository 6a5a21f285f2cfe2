"""Names of models as shell globs (`*`, `?`, `[…]`), case-sensitive."""

from fnmatch import translate
from functools import lru_cache
from re import Pattern
from re import compile as compile_pattern


@lru_cache(maxsize=4096)
def is_glob(pattern: str) -> bool:
    """Whether it may match more than itself."""
    return any(character in pattern for character in "*?[")


def matches(pattern: str, name: str) -> bool:
    """Whether the whole name is as the pattern says."""
    return _compiled(pattern).match(name) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> Pattern[str]:
    return compile_pattern(translate(pattern))
