"""Whole answers of Anthropic's messages, and what answers and streams have in common.

Source: anthropic.types.Message, Usage and StopReason of anthropic-sdk-python.
"""

from typing import Any

import msgspec

from common.translation.anthropic.request_reader import NAME
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
    ToolCall,
)
from common.translation.signatures import CALLS, carried

_FINISHES: dict[str, Finish] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_calls",
    "pause_turn": "stop",
    "refusal": "refusal",
    "model_context_window_exceeded": "context_window",
}
_REASONS: dict[Finish, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tool_calls": "tool_use",
    "refusal": "refusal",
    "content_filter": "refusal",
    "context_window": "model_context_window_exceeded",
}


class Details(msgspec.Struct):
    """What of the output was thought."""

    thinking_tokens: int | None = None


class Usage(msgspec.Struct):
    """Input is without what a cache read or wrote; absent figures are None."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: Details | None = None

    def counts(self, earlier: Counts | None = None) -> Counts:
        """In the classes of a conversation: figures are cumulative, absent ones stay."""
        known = earlier or Counts()
        details = self.output_tokens_details or Details()
        return Counts(
            input=_latest(self.input_tokens, known.input),
            output=_latest(self.output_tokens, known.output),
            cache_read=_latest(self.cache_read_input_tokens, known.cache_read),
            cache_write=_latest(self.cache_creation_input_tokens, known.cache_write),
            reasoning=_latest(details.thinking_tokens, known.reasoning),
        )


class StopDetails(msgspec.Struct):
    """Why it refused."""

    explanation: str | None = None


class Block(msgspec.Struct):
    """Any block of an answer; those that Anthropic's own tools make have other types."""

    type: str
    text: str = ""
    thinking: str = ""
    signature: str | None = None
    data: str | None = None
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"{}")

    def read(self) -> Part:
        """As a conversation has it. Raises `ValueError`."""
        if self.type == "text":
            return Text(self.text)
        if self.type == "tool_use":
            return ToolCall(self.id, self.name, bytes(self.input).decode())
        if self.type == "thinking":
            return Thinking(self.thinking, self.signature or None, origin=NAME)
        if self.type == "redacted_thinking":
            return Thinking(redacted=self.data, origin=NAME)
        raise ValueError(f"a block of the type {self.type!r}")


class _Answer(msgspec.Struct):
    id: str
    model: str
    content: list[Block]
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None
    usage: Usage | None = None


_decoder = msgspec.json.Decoder(_Answer)


def finish_of(reason: str | None) -> Finish:
    """Why it ended; a reason that is new is an end like any other."""
    return _FINISHES.get(reason or "end_turn", "stop")


def reason_of(finish: Finish) -> str:
    """Why it ended, for a caller."""
    return _REASONS[finish]


def read_answer(body: bytes) -> Answer:
    """A message. Raises `ValueError`."""
    answer = _decoder.decode(body)
    parts = [block.read() for block in answer.content]
    why = answer.stop_details.explanation if answer.stop_details is not None else None
    if why:
        parts.append(Refused(why))
    return Answer(
        id=answer.id,
        model=answer.model,
        parts=tuple(parts),
        finish=finish_of(answer.stop_reason),
        stop_sequence=answer.stop_sequence,
        counts=answer.usage.counts() if answer.usage is not None else None,
    )


def write_answer(answer: Answer, conversation: Conversation) -> bytes:
    """A message. Raises `CannotExpress` for what only other formats answer."""
    content: list[dict[str, Any]] = []
    for part in answer.parts:
        if isinstance(part, Text | Refused):
            content.append({"type": "text", "text": part.text})
        elif isinstance(part, Thinking):
            content.append(_thought(part))
        elif isinstance(part, ToolCall):
            if part.signature is not None:
                content.append(hidden_thought(CALLS, part.signature))
            given = _input(part, cut=answer.finish == "length")
            call = {"type": "tool_use", "id": part.id, "name": part.name, "input": given}
            content.append(call)
        else:
            raise CannotExpress("parts", f"a message has no {type(part).__name__}")
    body = {
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "model": answer.model or conversation.model,
        "content": content,
        "stop_reason": reason_of(answer.finish),
        "stop_sequence": answer.stop_sequence,
        "usage": usage_of(answer.counts or Counts()),
    }
    return msgspec.json.encode(body)


def _input(call: ToolCall, *, cut: bool) -> msgspec.Raw:
    """A call's arguments; of those that were cut off, nothing can be said as an object."""
    arguments = call.arguments or "{}"
    try:
        if isinstance(msgspec.json.decode(arguments), dict):
            return msgspec.Raw(arguments.encode())
    except (ValueError, RecursionError):
        if cut:
            return msgspec.Raw(b"{}")
    raise CannotExpress("parts", "the arguments of a tool call are no JSON object")


def _thought(part: Thinking) -> dict[str, Any]:
    if part.redacted is not None:
        return hidden_thought(part.origin, part.redacted)
    signature = carried(part.origin, part.signature, NAME)
    return {"type": "thinking", "thinking": part.text, "signature": signature}


def hidden_thought(origin: str, data: str) -> dict[str, Any]:
    """A thought that only its provider can read."""
    return {"type": "redacted_thinking", "data": carried(origin, data, NAME)}


def usage_of(counts: Counts) -> dict[str, Any]:
    """The figures for a caller."""
    return {
        "input_tokens": counts.input,
        "cache_creation_input_tokens": counts.cache_write,
        "cache_read_input_tokens": counts.cache_read,
        "output_tokens": counts.output,
        "output_tokens_details": {"thinking_tokens": counts.reasoning},
    }


def _latest(value: int | None, earlier: int) -> int:
    return earlier if value is None else max(0, value)
