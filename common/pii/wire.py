"""What the function `pii` is asked and what it answers."""

import msgspec

from common import secrets

FIND_PATH = "/find"
AUTHORIZATION = "authorization"
BODY_BYTES_MAX = 1 << 20
TEXTS_MAX = 256
# How much is asked in one request: a part of a long prompt, so that several pods share it.
ASKED_CHARACTERS = 16_000

Span = tuple[int, int, str, float]


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Texts to search, and their language (ISO 639-1); none is the function's default."""

    texts: list[str]
    language: str | None = None


class Findings(msgspec.Struct, frozen=True):
    """For each text its findings: start, end (characters), entity, score.

    `version` names the model and the rules; another one may find something else.
    """

    version: str
    found: list[list[Span]]


class Problem(msgspec.Struct, frozen=True):
    """Why there are none (RFC 9457); it repeats nothing of the texts."""

    title: str
    status: int
    detail: str


def authorization(internal_secret: str) -> str:
    """The header's value by which `pii` knows its callers."""
    return f"Bearer {secrets.derive(internal_secret, 'pii-token').hex()}"
