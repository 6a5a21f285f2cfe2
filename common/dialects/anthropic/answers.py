"""Whole answers, and what usage figures mean.

`input_tokens` excludes what a cache served or took, `output_tokens` includes thinking (Usage in
anthropic-sdk-python). Cache writes come split by lifetime, from older APIs as one figure.
"""

from typing import Any

import msgspec

from common.dialects.base import WholeAnswer, estimate_tokens, word
from common.dialects.bodies import decoded, loads
from common.domain.usage import Tokens

_FAST = "fast"


class _CacheCreation(msgspec.Struct):
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class _ServerToolUse(msgspec.Struct):
    web_search_requests: int | None = None


class Usage(msgspec.Struct):
    """The `usage` member of a message or of an event; absent figures are None."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: _CacheCreation | None = None
    output_tokens_details: _OutputDetails | None = None
    server_tool_use: _ServerToolUse | None = None
    service_tier: Any = None
    speed: Any = None

    @property
    def tier(self) -> str | None:
        """How it was served; the faster mode has prices of its own, whatever the tier."""
        return _FAST if self.speed == _FAST else word(self.service_tier)

    @property
    def searches(self) -> int:
        """Web searches that Anthropic ran; they are billed each."""
        used = self.server_tool_use
        return max(0, used.web_search_requests or 0) if used is not None else 0

    def over(self, earlier: Tokens) -> Tokens:
        """What is known after this one: figures are cumulative, absent ones stay."""
        short, long = earlier.cache_write_5m, earlier.cache_write_1h
        if self.cache_creation is not None:
            short = _latest(self.cache_creation.ephemeral_5m_input_tokens, short)
            long = _latest(self.cache_creation.ephemeral_1h_input_tokens, long)
        if self.cache_creation_input_tokens is not None:
            # What a split leaves out was written too, at least for the shorter time.
            unsplit = self.cache_creation_input_tokens - long
            short = unsplit if self.cache_creation is None else max(short, unsplit)
        details = self.output_tokens_details or _OutputDetails()
        return Tokens(
            input=_latest(self.input_tokens, earlier.input),
            output=_latest(self.output_tokens, earlier.output),
            cache_read=_latest(self.cache_read_input_tokens, earlier.cache_read),
            cache_write_5m=max(0, short),
            cache_write_1h=max(0, long),
            reasoning=_latest(details.thinking_tokens, earlier.reasoning),
        )


class _Answer(msgspec.Struct):
    type: str
    content: list[msgspec.Raw]
    model: str | None = None
    usage: msgspec.Raw = msgspec.Raw()


_answer_decoder = msgspec.json.Decoder(_Answer)
_usage_decoder = msgspec.json.Decoder(Usage)


def read_usage(raw: bytes) -> Usage | None:
    """A `usage` member; None when it is absent, null or misshapen."""
    if not raw or raw == b"null":
        return None
    try:
        usage = _usage_decoder.decode(raw)
    except msgspec.DecodeError:
        return None
    return usage if usage.over(Tokens()).is_plausible else None


def read_answer(body: bytes) -> WholeAnswer | None:
    """A message; None for anything else."""
    answer = decoded(_answer_decoder, body)
    if answer is None:
        return None
    if answer.type != "message":
        return None
    usage = read_usage(bytes(answer.usage))
    complete = usage is not None and usage.input_tokens is not None
    tokens = usage.over(Tokens()) if usage is not None and complete else None
    size = sum(len(bytes(block)) for block in answer.content)
    return WholeAnswer(
        tokens,
        answer.model,
        estimate_tokens(size),
        service_tier=usage.tier if usage is not None else None,
        searches=usage.searches if usage is not None else 0,
        usage=bytes(answer.usage),
    )


def is_error_body(body: bytes) -> bool:
    """`{"type": "error", "error": {"type", "message"}}`, as the SDK parses it."""
    value = loads(body)
    if not isinstance(value, dict) or value.get("type") != "error":
        return False
    error = value.get("error")
    return isinstance(error, dict) and isinstance(error.get("message"), str)


def _latest(value: int | None, earlier: int) -> int:
    return earlier if value is None else max(0, value)
