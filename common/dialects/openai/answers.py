"""Whole answers of completions: `prompt_tokens`, `completion_tokens`."""

from typing import Any

import msgspec

from common.dialects.base import WholeAnswer, estimate_tokens, word
from common.dialects.bodies import decoded, loads
from common.dialects.openai.tokens import InputDetails, OutputDetails, tokens_of
from common.domain.usage import Tokens


class Usage(msgspec.Struct):
    """The `usage` member of a completion."""

    prompt_tokens: int
    completion_tokens: int | None = None
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None

    def tokens(self) -> Tokens:
        """In Relay's classes."""
        return tokens_of(
            self.prompt_tokens,
            self.completion_tokens,
            self.prompt_tokens_details,
            self.completion_tokens_details,
        )


class _Answer(msgspec.Struct):
    choices: list[msgspec.Raw]
    model: str | None = None
    usage: msgspec.Raw = msgspec.Raw()
    service_tier: Any = None


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
    answer = decoded(_answer_decoder, body)
    if answer is None:
        return None
    size = sum(len(bytes(choice)) for choice in answer.choices)
    usage = bytes(answer.usage)
    return WholeAnswer(
        read_usage(usage),
        answer.model,
        estimate_tokens(size),
        service_tier=word(answer.service_tier),
        usage=usage,
    )


def is_error_body(body: bytes) -> bool:
    """`{"error": {"message": …}}`, as the SDK parses it."""
    value = loads(body)
    error = value.get("error") if isinstance(value, dict) else None
    return isinstance(error, dict) and isinstance(error.get("message"), str)
