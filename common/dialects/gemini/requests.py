"""The members of requests that Relay reads, in either spelling that Google takes."""

from typing import TypeVar

import msgspec

from common.dialects.base import BadRequest
from common.dialects.bodies import check_positive, read_fields


class Generation(msgspec.Struct):
    """`generationConfig`."""

    maxOutputTokens: int | None = None  # noqa: N815 - as it is sent
    max_output_tokens: int | None = None
    candidateCount: int | None = None  # noqa: N815
    candidate_count: int | None = None


class Generate(msgspec.Struct):
    """The body of `generateContent`; one content may stand without its list."""

    contents: msgspec.Raw
    generationConfig: msgspec.Raw = msgspec.Raw()  # noqa: N815
    generation_config: msgspec.Raw = msgspec.Raw()
    serviceTier: str | None = None  # noqa: N815
    service_tier: str | None = None


_decoder = msgspec.json.Decoder(Generate)
_generation_decoder = msgspec.json.Decoder(Generation)
_NOTHING = (b"", b"null")
CONFIG_NAMES = ("generationConfig", "generation_config")
CAP_NAMES = ("maxOutputTokens", "max_output_tokens")
CHOICES_NAMES = ("candidateCount", "candidate_count")
_ABSENT = (None, b"")
Value = TypeVar("Value")


class ReadGenerate(msgspec.Struct, frozen=True):
    """What routing and metering need of it."""

    max_output_tokens: int | None
    choices: int
    service_tier: str | None


def read_generate(body: bytes) -> ReadGenerate:
    """Read a body of `generateContent`. Raises `BadRequest`."""
    given = read_fields(body, _decoder)
    if bytes(given.contents)[:1] not in (b"[", b"{"):
        raise BadRequest("Invalid type for 'contents': expected an array", "contents")
    config = _one(bytes(given.generationConfig), bytes(given.generation_config), CONFIG_NAMES)
    cap, choices = _read_generation(config) if config not in _NOTHING else (None, None)
    tier = _one(given.serviceTier, given.service_tier, ("serviceTier", "service_tier"))
    return ReadGenerate(cap, choices or 1, tier.lower() if tier else None)


def _read_generation(config: bytes) -> tuple[int | None, int | None]:
    """The cap and the number of candidates."""
    try:
        given = read_fields(config, _generation_decoder)
        cap = _one(given.maxOutputTokens, given.max_output_tokens, CAP_NAMES)
        check_positive(cap, CAP_NAMES[0])
        choices = _one(given.candidateCount, given.candidate_count, CHOICES_NAMES)
        check_positive(choices, CHOICES_NAMES[0])
    except BadRequest as error:
        field = f"generationConfig.{error.field}" if error.field else "generationConfig"
        raise BadRequest(f"{error.message} (in generationConfig)", field) from None
    return cap, choices


def _one(camel: Value, snake: Value, names: tuple[str, str]) -> Value:
    """What is given. Raises `BadRequest` where both spellings are: who reads which is unknown."""
    if camel not in _ABSENT and snake not in _ABSENT:
        raise BadRequest(f"'{names[0]}' is given twice, also as '{names[1]}'", names[1])
    return snake if camel in _ABSENT else camel
