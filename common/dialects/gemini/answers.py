"""Whole answers of `generateContent`, and what an event of its stream is made of.

An event is the same object as a whole answer, with the parts that are new.
Source: https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse.
"""

from typing import Any

import msgspec

from common.dialects.base import WholeAnswer, estimate_tokens, text_size, word
from common.dialects.bodies import decoded
from common.dialects.gemini.tokens import read_usage

UNFINISHED = (None, "", "FINISH_REASON_UNSPECIFIED")


class _Call(msgspec.Struct):
    args: msgspec.Raw = msgspec.Raw()


class _Part(msgspec.Struct, rename="camel"):
    text: str | None = None
    function_call: _Call | None = None


class _Content(msgspec.Struct):
    parts: list[_Part] | None = None


class _Grounding(msgspec.Struct, rename="camel"):
    web_search_queries: list[Any] | None = None


class Candidate(msgspec.Struct, rename="camel"):
    """One candidate, as far as metering reads it."""

    content: _Content | None = None
    finish_reason: str | None = None
    index: int | None = None
    grounding_metadata: _Grounding | None = None

    @property
    def output_bytes(self) -> int:
        """The bytes of what was generated: text, thoughts, the arguments of calls."""
        size = 0
        for part in (self.content.parts if self.content is not None else None) or ():
            size += text_size(part.text or "")
            size += len(part.function_call.args) if part.function_call is not None else 0
        return size

    @property
    def searches(self) -> int:
        """Web searches that Google ran."""
        grounding = self.grounding_metadata
        return len(grounding.web_search_queries or ()) if grounding is not None else 0


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None


class _Tier(msgspec.Struct, rename="camel"):
    service_tier: Any = None


class Generated(msgspec.Struct, rename="camel"):
    """An answer, or an event of a stream."""

    candidates: list[Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: msgspec.Raw = msgspec.Raw()
    model_version: str | None = None
    error: Any = None

    @property
    def is_blocked(self) -> bool:
        """Whether the prompt was refused: there are no candidates then."""
        return self.prompt_feedback is not None and bool(self.prompt_feedback.block_reason)


_decoder = msgspec.json.Decoder(Generated)
_tier_decoder = msgspec.json.Decoder(_Tier)


def read_generated(data: bytes) -> Generated | None:
    """An answer or an event; None for what is neither."""
    return decoded(_decoder, data)


def read_answer(body: bytes) -> WholeAnswer | None:
    """A whole answer; None for anything else."""
    answer = read_generated(body)
    if answer is None or not (answer.candidates or answer.is_blocked):
        return None
    candidates = answer.candidates or []
    usage = bytes(answer.usage_metadata)
    return WholeAnswer(
        read_usage(usage),
        answer.model_version,
        estimate_tokens(sum(one.output_bytes for one in candidates)),
        service_tier=read_tier(usage),
        searches=sum(one.searches for one in candidates),
        usage=usage,
    )


def read_tier(usage: bytes) -> str | None:
    """The tier that the figures say the request was served at."""
    if b"serviceTier" not in usage:
        return None
    try:
        tier = word(_tier_decoder.decode(usage).service_tier)
    except msgspec.DecodeError:
        return None
    return tier.lower() if tier else None
