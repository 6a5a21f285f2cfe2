"""The echo provider's own tokens: one for each word and for each punctuation mark.

A token is a run of letters, digits and underscores, or any other single character that is not
white space. White space belongs to the token before it (at the very start: after it) and is never
counted. So a text can be cut after any token, and the counts of its parts add up.
"""

import re
from array import array
from itertools import islice

_TOKEN = re.compile(r"\w+|[^\w\s]")
# Up to here a list of all tokens is faster than one match object after the other, and small.
_LISTED_CHARACTERS_MAX = 64 * 1024


def count_tokens(text: str) -> int:
    """How many tokens a text has."""
    if len(text) <= _LISTED_CHARACTERS_MAX:
        return len(_TOKEN.findall(text))
    return sum(1 for _ in _TOKEN.finditer(text))


def token_ends(text: str, limit: int | None) -> "array[int]":
    """Where each of the first `limit` tokens ends (all of them when None), in characters."""
    return array("Q", (match.end() for match in islice(_TOKEN.finditer(text), limit)))
