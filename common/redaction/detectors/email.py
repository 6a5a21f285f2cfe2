"""E-mail addresses (RFC 5321's limits, the forms that are in use), ASCII or not."""

import re
from collections.abc import Iterator

from common.redaction.detectors.base import SURE
from common.redaction.entities import EMAIL
from common.redaction.found import Found

_LOCAL_CHARACTERS_MAX = 64
_LOCAL_END = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}\Z")
_DOMAIN = re.compile(
    r"(?:@|%40)(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w-]*@)(?!\w)"
)
# A file's name at a density (`logo@2x.png`), not a host.
_FILES = re.compile(r"@[1-9]x\.", re.IGNORECASE)
# What surrounds an address and could be part of it only in theory.
_OPENING = "'`{|}=/?&#*!$%^~."


class EmailDetector:
    """Around each `@`, or another way to write it: in URLs and logs of them it is `%40`."""

    entities = frozenset({EMAIL})
    gate = None

    def __init__(self, sign: str = "@") -> None:
        self._sign = sign

    def find(self, text: str, start: int, stop: int) -> Iterator[Found | None]:
        """See `Detector`; an address belongs to the part where its `@` stands."""
        limit = min(len(text), stop + len(self._sign) - 1)
        at = text.find(self._sign, start, limit)
        while at >= 0:
            yield _around(text, at)
            at = text.find(self._sign, at + 1, limit)


def _is_no_mailbox(text: str, start: int, end: int, name: str) -> bool:
    """A user in a URL (`https://user@host/`), or a repository over SSH (`git@host:path`)."""
    if text[max(0, start - 2) : start] == "//":
        return True
    return name == "git" and text[end : end + 1] == ":"


def _around(text: str, at: int) -> Found | None:
    domain = _DOMAIN.match(text, at, min(len(text), at + 256))
    if domain is None or _FILES.match(text, at):
        return None
    before = text[max(0, at - _LOCAL_CHARACTERS_MAX) : at]
    local = _LOCAL_END.search(before)
    if local is None:
        return None
    # `mailto:`, `to=`, `?user=`: the address begins after the last of what opens it.
    name = local.group()
    for opening in "=/?&|{}":
        name = name.rpartition(opening)[2]
    if name[:1] in ("n", "r", "t") and text[at - len(name) - 1 : at - len(name)] == "\\":
        name = name[1:]  # the escape of a line end before it, where the text is JSON itself
    name = name.lstrip(_OPENING)
    if not name or name.endswith(".") or _is_no_mailbox(text, at - len(name), domain.end(), name):
        return None
    return Found(at - len(name), domain.end(), EMAIL, SURE)
