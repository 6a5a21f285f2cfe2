"""Whole answers of `generateContent`, and what answers and streams have in common.

Source: https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse.
"""

from typing import Any

import msgspec

from common.dialects.gemini.tokens import UsageMetadata
from common.translation.conversation import (
    Answer,
    CannotExpress,
    Conversation,
    Counts,
    Finish,
    Part,
    Refused,
    Text,
    Thinking,
    TokenLogprob,
    ToolCall,
)
from common.translation.gemini.request_writer import is_object, model_parts
from common.translation.gemini.signatures import NAME, written

_FINISHES: dict[str, Finish] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        ("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "OTHER",
         "ESCALATION", "MODEL_ARMOR", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT"),
        "content_filter",
    ),
}  # fmt: skip
REASONS: dict[Finish, str] = {
    "stop": "STOP",
    "stop_sequence": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "context_window": "MAX_TOKENS",
    "refusal": "SAFETY",
    "content_filter": "SAFETY",
}


class _Call(msgspec.Struct):
    name: str
    id: str | None = None
    args: msgspec.Raw = msgspec.Raw(b"{}")


class GivenPart(msgspec.Struct, rename="camel"):
    """A part of an answer; of other kinds than text and calls there are none without tools."""

    text: str | None = None
    thought: bool = False
    thought_signature: str | None = None
    function_call: _Call | None = None


class _Content(msgspec.Struct):
    parts: list[GivenPart] | None = None


class _Chosen(msgspec.Struct, rename="camel"):
    token: str = ""
    log_probability: float = 0.0

    def read(self, top: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
        return TokenLogprob(self.token, self.log_probability, tuple(self.token.encode()), top)


class _Top(msgspec.Struct):
    candidates: list[_Chosen] | None = None


class _Logprobs(msgspec.Struct, rename="camel"):
    chosen_candidates: list[_Chosen] | None = None
    top_candidates: list[_Top] | None = None

    def read(self) -> tuple[TokenLogprob, ...]:
        tops = self.top_candidates or []
        read = []
        for index, chosen in enumerate(self.chosen_candidates or ()):
            top = tops[index].candidates if index < len(tops) else None
            read.append(chosen.read(tuple(one.read() for one in top or ())))
        return tuple(read)


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None
    logprobs_result: _Logprobs | None = None
    index: int | None = None

    @property
    def parts(self) -> list[GivenPart]:
        """What it says."""
        return (self.content.parts if self.content is not None else None) or []


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None


class Given(msgspec.Struct, rename="camel"):
    """An answer, or an event of a stream."""

    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: UsageMetadata | None = None
    model_version: str = ""
    response_id: str = ""
    error: Any = None

    @property
    def reason(self) -> str | None:
        """Why it ended, if it has."""
        if self.prompt_feedback is not None and self.prompt_feedback.block_reason:
            return "PROHIBITED_CONTENT"
        reason = self.candidates[0].finish_reason if self.candidates else None
        return reason if reason != "FINISH_REASON_UNSPECIFIED" else None


decoder = msgspec.json.Decoder(Given)


def finish_of(reason: str, *, calls: bool) -> Finish:
    """Why it ended. Raises `ValueError` for what is a failure of the model."""
    finish = _FINISHES.get(reason)
    if finish is None:
        raise ValueError(f"the answer ended with {reason[:50]}")
    return "tool_calls" if finish == "stop" and calls else finish


def counts_of(usage: UsageMetadata) -> Counts:
    """The figures for a caller."""
    tokens = usage.tokens()
    return Counts(
        input=tokens.input,
        output=tokens.output,
        cache_read=tokens.cache_read,
        reasoning=tokens.reasoning,
    )


def call_of(part: GivenPart, response_id: str, index: int) -> ToolCall | None:
    """The call of a part. Older models give calls no id: one is made, which no other answer has."""
    call = part.function_call
    if call is None:
        return None
    call_id = call.id or "_".join(filter(None, ("call", response_id, str(index))))
    arguments = bytes(call.args).decode()
    return ToolCall(
        call_id, call.name, "{}" if arguments == "null" else arguments, part.thought_signature
    )


def read_answer(body: bytes) -> Answer:
    """A whole answer. Raises `ValueError`."""
    given = decoder.decode(body)
    reason = given.reason
    if reason is None:
        raise ValueError("an answer that has not ended")
    parts: list[Part] = []
    calls = 0
    for part in given.candidates[0].parts if given.candidates else ():
        call = call_of(part, given.response_id, calls)
        if call is not None:
            calls += 1
            parts.append(call)
        elif part.text is None:
            raise ValueError("an answer with parts that are neither text nor calls")
        elif part.thought:
            parts.append(Thinking(part.text, part.thought_signature, origin=NAME))
        else:
            if part.text:
                parts.append(Text(part.text))
            if part.thought_signature is not None:
                parts.append(Thinking(signature=part.thought_signature, origin=NAME))
    logprobs = given.candidates[0].logprobs_result if given.candidates else None
    usage = given.usage_metadata
    return Answer(
        id=given.response_id,
        model=given.model_version,
        parts=tuple(parts),
        finish=finish_of(reason, calls=bool(calls)),
        counts=counts_of(usage) if usage is not None else None,
        logprobs=logprobs.read() if logprobs is not None else (),
    )


def write_answer(answer: Answer, conversation: Conversation) -> bytes:
    """A whole answer for a caller. Raises `CannotExpress`."""
    shown = conversation.thinking is not None and conversation.thinking.shown
    parts: list[dict[str, Any]] = []
    for part in answer.parts:
        if isinstance(part, Thinking) and (part.text or part.origin != NAME):
            parts += thought_parts(part, shown=shown)
        elif (
            isinstance(part, ToolCall)
            and answer.finish == "length"
            and not is_object(part.arguments)
        ):
            continue  # the cap cut it off, and the answer's end says so
        elif isinstance(part, Text | Thinking | ToolCall | Refused):
            parts += _with_signature(parts, part)
        else:
            raise CannotExpress("parts", f"an answer has no {type(part).__name__}")
    written = response(parts, answer.id, answer.model or conversation.model)
    candidate = written["candidates"][0]
    candidate["finishReason"] = REASONS[answer.finish]
    if answer.logprobs:
        candidate["logprobsResult"] = logprobs_of(answer.logprobs)
    if answer.counts is not None:
        written["usageMetadata"] = usage_of(answer.counts)
    return msgspec.json.encode(written)


def _with_signature(before: list[dict[str, Any]], part: Part) -> list[dict[str, Any]]:
    """The part; a signature without a thought goes to the text before it, where it came from."""
    last = before[-1] if before else {}
    bare = isinstance(part, Thinking) and "text" in last and "thought" not in last
    if isinstance(part, Thinking) and bare and "thoughtSignature" not in last:
        last["thoughtSignature"] = part.signature
        return []
    return model_parts((part,), "")


def thought_parts(part: Thinking, *, shown: bool) -> list[dict[str, Any]]:
    """A thought for a caller, if it is to be seen, with what its provider signed, in any case."""
    signature = written(part, shown=shown)
    if not shown and signature is None:
        return []
    said: dict[str, Any] = {"text": part.text if shown else "", "thought": True}
    return [said if signature is None else said | {"thoughtSignature": signature}]


def response(parts: list[dict[str, Any]], response_id: str, model: str) -> dict[str, Any]:
    """An answer, or an event, with these parts."""
    candidate = {"content": {"parts": parts, "role": "model"}, "index": 0}
    return {"candidates": [candidate], "modelVersion": model, "responseId": response_id}


def logprobs_of(logprobs: tuple[TokenLogprob, ...]) -> dict[str, Any]:
    """As a candidate has them."""
    return {
        "chosenCandidates": [_chosen(one) for one in logprobs],
        "topCandidates": [{"candidates": [_chosen(top) for top in one.top]} for one in logprobs],
    }


def usage_of(counts: Counts) -> dict[str, Any]:
    """The figures for a caller: what a cache read or wrote is in the prompt."""
    prompt = counts.input + counts.cache_read + counts.cache_write
    usage = {
        "promptTokenCount": prompt,
        "candidatesTokenCount": counts.output - counts.reasoning,
        "totalTokenCount": prompt + counts.output,
    }
    if counts.cache_read:
        usage["cachedContentTokenCount"] = counts.cache_read
    if counts.reasoning:
        usage["thoughtsTokenCount"] = counts.reasoning
    return usage


def _chosen(one: TokenLogprob) -> dict[str, Any]:
    return {"token": one.token, "logProbability": one.logprob}
