"""Bedrock's answers: Converse's, and Claude's own in InvokeModel's wrapping."""

import base64
import secrets
from collections.abc import Iterator
from typing import Any

from echo_provider.anthropic_answers import anthropic_events
from echo_provider.ask import Answer, Ask, Choice, Usage
from echo_provider.bedrock_requests import SIGNATURE_KIND
from echo_provider.event_frames import event_frame, exception_frame
from echo_provider.events import Event, template
from echo_provider.openai_answers import joined
from echo_provider.output import EchoedText, Part
from echo_provider.refusals import Refusal, encoded
from echo_provider.signatures import signed
from echo_provider.tokens import count_tokens
from echo_provider.tools import ToolCall

# A message whose JSON breaks off, in a frame that is as it should be.
GARBAGE_EVENT = event_frame("contentBlockDelta", b'{"contentBlockIndex":0,"del')
_FINISH = {"end": "end_turn", "limit": "max_tokens", "stop": "stop_sequence", "tools": "tool_use"}
_LATENCY_MS = 100
# Stands for the text that differs from event to event; no text of an answer goes through it.
_PLACEHOLDER = "\0echo"
_EXCEPTIONS = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    413: "ValidationException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}


def exception_name(refusal: Refusal) -> str:
    """The exception's shape, which is the type of the error."""
    default = "InternalServerException" if refusal.status >= 500 else "ValidationException"
    return refusal.code or _EXCEPTIONS.get(refusal.status, default)


def bedrock_error(refusal: Refusal, request_id: str) -> bytes:  # noqa: ARG001
    """The body, which has words only; the type is in a header."""
    return encoded({"message": refusal.message})


def bedrock_error_event(refusal: Refusal, request_id: str) -> bytes:  # noqa: ARG001
    """The exception by which a stream ends that has failed after its head was sent."""
    name = exception_name(refusal)
    return exception_frame(name[0].lower() + name[1:], encoded({"message": refusal.message}))


def converse_whole(ask: Ask, answer: Answer) -> bytes:  # noqa: ARG001
    """The `ConverseResponse`, encoded."""
    choice = answer.choices[0]
    content: list[dict[str, Any]] = []
    if answer.thoughts is not None:
        text = joined(answer.thoughts)
        thought = {"text": text, "signature": signed(SIGNATURE_KIND, text)}
        content.append({"reasoningContent": {"reasoningText": thought}})
    if choice.text is not None and choice.text.tokens:
        content.append({"text": joined(choice.text)})
    content += [{"toolUse": _call(one) | {"input": one.parsed}} for one in choice.calls]
    body: dict[str, Any] = {
        "output": {"message": {"role": "assistant", "content": content}},
        "metrics": {"latencyMs": _LATENCY_MS},
        **_ending(choice),
    }
    if answer.reported:
        body["usage"] = converse_usage(answer.usage)
    return encoded(body)


def converse_usage(usage: Usage) -> dict[str, Any]:
    """Bedrock's figures: `inputTokens` is only what the cache had no part in."""
    written = usage.cache_write_5m + usage.cache_write_1h
    figures = {
        "inputTokens": usage.uncached,
        "outputTokens": usage.completion,
        "totalTokens": usage.prompt + usage.completion,
    }
    if usage.cached or written:
        figures |= {"cacheReadInputTokens": usage.cached, "cacheWriteInputTokens": written}
    return figures


def converse_events(ask: Ask, answer: Answer) -> Iterator[Event]:  # noqa: ARG001
    """The frames from `messageStart` to `metadata`, each made when it is asked for."""
    choice = answer.choices[0]
    yield _event("messageStart", {"role": "assistant"})
    index = 0
    if answer.thoughts is not None:
        text = joined(answer.thoughts)
        for piece in ({"text": text}, {"signature": signed(SIGNATURE_KIND, text)}):
            delta = {"reasoningContent": piece}
            yield _event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})
        yield _event("contentBlockStop", {"contentBlockIndex": index})
        index += 1
    if choice.text is not None and choice.text.tokens:
        yield from _deltas(index, {"text": _PLACEHOLDER}, choice.text.parts(answer.parts))
        index += 1
    for call in choice.calls:
        start = {"contentBlockIndex": index, "start": {"toolUse": _call(call)}}
        yield _event("contentBlockStart", start, count_tokens(call.name))
        parts = EchoedText(call.arguments, None).parts(answer.parts)
        yield from _deltas(index, {"toolUse": {"input": _PLACEHOLDER}}, parts)
        index += 1
    yield _event("messageStop", _ending(choice))
    last: dict[str, Any] = {"metrics": {"latencyMs": _LATENCY_MS}}
    if answer.reported:
        last["usage"] = converse_usage(answer.usage)
    yield _event("metadata", last)


def invoke_events(ask: Ask, answer: Answer) -> Iterator[Event]:
    """Claude's own events, each in base64 in a frame; the last has the invocation's figures."""
    for event in anthropic_events(ask, answer):
        data = event.data.partition(b"\ndata: ")[2].removesuffix(b"\n\n")
        if data.startswith(b'{"type":"ping"'):
            continue
        if data.startswith(b'{"type":"message_stop"'):
            data = data[:-1] + b',"amazon-bedrock-invocationMetrics":%b}' % _metrics(answer)
        body = {"bytes": base64.b64encode(data).decode(), "p": "abcdefgh"}
        yield Event(event_frame("chunk", encoded(body)), event.tokens)


def invoke_garbage() -> bytes:
    """A chunk with JSON of Claude's that breaks off."""
    half = base64.b64encode(b'{"type":"content_block_del').decode()
    return event_frame("chunk", encoded({"bytes": half}))


def _metrics(answer: Answer) -> bytes:
    return encoded(
        {
            "inputTokenCount": answer.usage.uncached,
            "outputTokenCount": answer.usage.completion,
            "invocationLatency": _LATENCY_MS,
            "firstByteLatency": _LATENCY_MS,
        }
    )


def _call(call: ToolCall) -> dict[str, Any]:
    return {"toolUseId": f"tooluse_{secrets.token_urlsafe(16)}", "name": call.name}


def _ending(choice: Choice) -> dict[str, Any]:
    return {"stopReason": _FINISH[choice.finish]}


def _deltas(index: int, delta: dict[str, Any], parts: Iterator[Part]) -> Iterator[Event]:
    render = template({"contentBlockIndex": index, "delta": delta}, _PLACEHOLDER)
    for part in parts:
        yield Event(event_frame("contentBlockDelta", render(part.text)), part.tokens)
    yield _event("contentBlockStop", {"contentBlockIndex": index})


def _event(kind: str, fields: dict[str, Any], tokens: int = 0) -> Event:
    return Event(event_frame(kind, encoded(fields)), tokens)
