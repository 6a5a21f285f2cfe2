"""Signatures of thoughts in dialects of others: they go back only to the format that made them.

A dialect has one place for a signature, which its clients send back untouched. Another format's
stands there after that format's name and a colon, which no provider's own signature (base64) has.
"""

from common.translation.formats import FORMATS

# A signature on a tool call is Gemini's; where a dialect has no place on its own calls, a hidden
# thought right before the call carries it.
CALLS = "gemini.generate/call"
_ORIGINS = (*FORMATS, CALLS)


def carried(origin: str, signature: str | None, own: str) -> str:
    """What stands in the dialect's place; `own` is the dialect's format."""
    return signature or "" if origin == own else f"{origin}:{signature or ''}"


def opened(given: str, own: str) -> tuple[str, str | None]:
    """The origin of a signature, and the signature as its provider made it."""
    origin, colon, signature = given.partition(":")
    if colon and origin in _ORIGINS:
        return origin, signature or None
    return own, given or None
