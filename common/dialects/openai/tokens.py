"""What OpenAI's usage figures mean, under whichever names an endpoint gives them.

Input includes cached tokens, read or written, and output includes reasoning (CompletionUsage and
ResponseUsage in openai-python); Relay's `input` excludes what a cache served or took.
"""

import msgspec

from common.dialects.base import word
from common.domain.usage import Tokens


class InputDetails(msgspec.Struct):
    """What of the input was cached, and what was audio."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None


class OutputDetails(msgspec.Struct):
    """What of the output was reasoning, and what was audio."""

    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


def tokens_of(
    given_tokens: int,
    made_tokens: int | None,
    given: InputDetails | None,
    made: OutputDetails | None,
) -> Tokens:
    """In Relay's classes; no class is ever negative, whatever was reported."""
    given, made = given or InputDetails(), made or OutputDetails()
    read, written = given.cached_tokens or 0, given.cache_write_tokens or 0
    return Tokens(
        input=max(0, given_tokens - read - written),
        output=max(0, made_tokens or 0),
        cache_read=max(0, read),
        cache_write_5m=max(0, written),
        reasoning=max(0, made.reasoning_tokens or 0),
        audio_input=max(0, given.audio_tokens or 0),
        audio_output=max(0, made.audio_tokens or 0),
    )


def asked_tier(value: object) -> str | None:
    """The `service_tier` of a request, as a response would name it."""
    tier = word(value)
    return "priority" if tier == "fast" else tier
