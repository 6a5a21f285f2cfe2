"""Whole answers, and what usage figures mean.

`prompt_tokens` includes cached ones, read or written, and `completion_tokens` includes reasoning
(CompletionUsage in openai-python); Relay's `input` excludes what a cache served or took.
"""

import msgspec

from common.dialects.base import WholeAnswer, estimate_tokens
from common.dialects.bodies import loads
from common.domain.usage import Tokens


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


class Usage(msgspec.Struct):
    """The `usage` member of a completion."""

    prompt_tokens: int
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None

    def tokens(self) -> Tokens:
        """In Relay's classes; no class is ever negative, whatever was reported."""
        prompt = self.prompt_tokens_details or _PromptDetails()
        completion = self.completion_tokens_details or _CompletionDetails()
        read, written = prompt.cached_tokens or 0, prompt.cache_write_tokens or 0
        return Tokens(
            input=max(0, self.prompt_tokens - read - written),
            output=max(0, self.completion_tokens or 0),
            cache_read=max(0, read),
            cache_write_5m=max(0, written),
            reasoning=max(0, completion.reasoning_tokens or 0),
            audio_input=max(0, prompt.audio_tokens or 0),
            audio_output=max(0, completion.audio_tokens or 0),
        )


class _Answer(msgspec.Struct):
    choices: list[msgspec.Raw]
    model: str | None = None
    usage: msgspec.Raw = msgspec.Raw()


_answer_decoder = msgspec.json.Decoder(_Answer)
_usage_decoder = msgspec.json.Decoder(Usage)


def read_usage(raw: bytes) -> Tokens | None:
    """The figures of a `usage` member; None when it is absent, null or misshapen."""
    if not raw or raw == b"null":
        return None
    try:
        tokens = _usage_decoder.decode(raw).tokens()
    except msgspec.DecodeError:
        return None
    return tokens if tokens.is_plausible else None


def read_answer(body: bytes) -> WholeAnswer | None:
    """A completion, of a chat or of a text; None for anything else."""
    try:
        answer = _answer_decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    size = sum(len(bytes(choice)) for choice in answer.choices)
    return WholeAnswer(read_usage(bytes(answer.usage)), answer.model, estimate_tokens(size))


def is_error_body(body: bytes) -> bool:
    """`{"error": {"message": …}}`, as the SDK parses it."""
    value = loads(body)
    error = value.get("error") if isinstance(value, dict) else None
    return isinstance(error, dict) and isinstance(error.get("message"), str)
