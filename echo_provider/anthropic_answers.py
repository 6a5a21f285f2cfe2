"""Answers of /v1/messages: one JSON body, or server-sent events made one at a time."""

import secrets
from collections.abc import Iterator
from typing import Any

from echo_provider.anthropic_requests import SIGNATURE_KIND
from echo_provider.ask import Answer, Ask, Choice, Usage
from echo_provider.events import Event, template
from echo_provider.output import EchoedText, Part
from echo_provider.refusals import Refusal, anthropic_error, encoded
from echo_provider.signatures import signed
from echo_provider.tokens import count_tokens
from echo_provider.tools import ToolCall

# An event that breaks off within its JSON.
GARBAGE_EVENT = b'event: content_block_delta\ndata: {"type":"content_block_del\n\n'
_FINISH = {"end": "end_turn", "limit": "max_tokens", "stop": "stop_sequence", "tools": "tool_use"}
# What message_start says, before anything is generated.
_FIRST_OUTPUT_TOKENS = 1
# Stands for the text that differs from event to event; no text of an answer goes through it.
_PLACEHOLDER = "\0echo"


def anthropic_whole(ask: Ask, answer: Answer) -> bytes:
    """The `message` object, encoded."""
    choice = answer.choices[0]
    text = "" if choice.text is None else "".join(part.text for part in choice.text.parts(1))
    content: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    content = _thoughts(answer) + content
    content += [_call(one) | {"input": one.parsed} for one in choice.calls]
    body = _message(ask) | {"content": content} | _ending(choice)
    if answer.reported:
        body["usage"] = anthropic_usage(answer.usage, answer.usage.completion)
    return encoded(body)


def anthropic_usage(usage: Usage, output_tokens: int) -> dict[str, Any]:
    """Anthropic's figures: `input_tokens` is only what the cache had no part in."""
    return {
        "input_tokens": usage.uncached,
        "cache_creation_input_tokens": usage.cache_write_5m + usage.cache_write_1h,
        "cache_read_input_tokens": usage.cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }


def anthropic_events(ask: Ask, answer: Answer) -> Iterator[Event]:
    """The events from `message_start` to `message_stop`, each made when it is asked for."""
    choice = answer.choices[0]
    message = _message(ask)
    if answer.reported:
        message["usage"] = anthropic_usage(answer.usage, _FIRST_OUTPUT_TOKENS)
    yield _event("message_start", {"message": message})
    yield from _content_events(answer)
    last: dict[str, Any] = {"delta": _ending(choice)}
    if answer.reported:
        last["usage"] = _cumulative(answer.usage)
    yield _event("message_delta", last)
    yield _event("message_stop", {})


def anthropic_error_event(refusal: Refusal, request_id: str) -> bytes:
    """The event by which a stream ends that has failed after its head was sent."""
    return b"event: error\ndata: %b\n\n" % encoded(anthropic_error(refusal, request_id))


def _message(ask: Ask) -> dict[str, Any]:
    return {
        "id": f"msg_01{secrets.token_hex(11)}",
        "type": "message",
        "role": "assistant",
        "model": ask.served_model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _ending(choice: Choice) -> dict[str, Any]:
    return {"stop_reason": _FINISH[choice.finish], "stop_sequence": choice.stop}


def _call(call: ToolCall) -> dict[str, Any]:
    identifier = f"toolu_01{secrets.token_hex(11)}"
    return {"type": "tool_use", "id": identifier, "name": call.name, "input": {}}


def _cumulative(usage: Usage) -> dict[str, Any]:
    """The usage in `message_delta`, which has no details."""
    figures = anthropic_usage(usage, usage.completion)
    del figures["cache_creation"], figures["service_tier"]
    return figures


def _thoughts(answer: Answer) -> list[dict[str, Any]]:
    if answer.thoughts is None:
        return []
    text = "".join(part.text for part in answer.thoughts.parts(1))
    signature = signed(SIGNATURE_KIND, text)
    return [{"type": "thinking", "thinking": text, "signature": signature}]


def _content_events(answer: Answer) -> Iterator[Event]:
    choice, count = answer.choices[0], answer.parts
    index = 0
    for thought in _thoughts(answer):
        block = {"type": "thinking", "thinking": "", "signature": ""}
        yield _event("content_block_start", {"index": index, "content_block": block})
        for kind in ("thinking", "signature"):
            delta = {"type": f"{kind}_delta", kind: thought[kind]}
            yield _event("content_block_delta", {"index": index, "delta": delta})
        yield _event("content_block_stop", {"index": index})
        index += 1
    if choice.text is not None and choice.text.tokens:
        block = {"type": "text", "text": ""}
        delta = {"type": "text_delta", "text": _PLACEHOLDER}
        yield from _block_events(index, block, delta, choice.text.parts(count))
        index += 1
    for call in choice.calls:
        delta = {"type": "input_json_delta", "partial_json": _PLACEHOLDER}
        parts = EchoedText(call.arguments, None).parts(count)
        name_tokens = count_tokens(call.name)
        yield from _block_events(index, _call(call), delta, parts, name_tokens)
        index += 1


def _block_events(
    index: int, block: dict[str, Any], delta: dict[str, Any], parts: Iterator[Part], tokens: int = 0
) -> Iterator[Event]:
    """One content block; `tokens` are those of its start. The first block has a ping in it."""
    yield _event("content_block_start", {"index": index, "content_block": block}, tokens)
    if index == 0:
        yield _event("ping", {})
    content = {"type": "content_block_delta", "index": index, "delta": delta}
    render = template(content, _PLACEHOLDER)
    for part in parts:
        data = b"event: content_block_delta\ndata: %b\n\n" % render(part.text)
        yield Event(data, part.tokens)
    yield _event("content_block_stop", {"index": index})


def _event(name: str, fields: dict[str, Any], tokens: int = 0) -> Event:
    body = encoded({"type": name, **fields})
    return Event(b"event: %b\ndata: %b\n\n" % (name.encode(), body), tokens)
