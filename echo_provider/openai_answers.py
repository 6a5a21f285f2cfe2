"""Answers of /v1/chat/completions: one JSON body, or server-sent events made one at a time."""

import secrets
import time
from collections.abc import Iterator
from typing import Any

from echo_provider.ask import Answer, Ask, Choice, Usage
from echo_provider.events import Event, data_event, in_turn, template
from echo_provider.output import EchoedText, Output
from echo_provider.refusals import Refusal, encoded, openai_error
from echo_provider.tokens import count_tokens
from echo_provider.tools import ToolCall

FINGERPRINT = "fp_ec40ec40ec"
SERVICE_TIER = "default"
DONE = b"data: [DONE]\n\n"
# An event that breaks off within its JSON.
GARBAGE_EVENT = b'data: {"id":"chatcmpl-echo","object":"chat.comp\n\n'
_FINISH = {"end": "stop", "limit": "length", "stop": "stop", "tools": "tool_calls"}
# Stands for the text that differs from event to event; no text of an answer goes through it.
_PLACEHOLDER = "\0echo"


def openai_whole(ask: Ask, answer: Answer) -> bytes:
    """The `chat.completion` object, encoded."""
    body = {
        "id": _completion_id(),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": ask.served_model,
        "choices": [_whole_choice(index, one) for index, one in enumerate(answer.choices)],
        "service_tier": SERVICE_TIER,
        "system_fingerprint": FINGERPRINT,
    }
    if answer.reported:
        body["usage"] = openai_usage(answer.usage)
    return encoded(body)


def openai_usage(usage: Usage) -> dict[str, Any]:
    """OpenAI's figures: `prompt_tokens` holds what came from the cache."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def openai_events(ask: Ask, answer: Answer) -> Iterator[Event]:
    """The `chat.completion.chunk` events, each made when it is asked for, and `[DONE]`."""
    shell = _shell(ask, answer)
    choices = [
        _choice_events(shell, index, one, answer.parts) for index, one in enumerate(answer.choices)
    ]
    yield from choices[0] if len(choices) == 1 else in_turn(choices)
    if ask.include_usage and answer.reported:
        usage = openai_usage(answer.usage)
        yield Event(data_event(encoded(shell | {"choices": [], "usage": usage})))
    yield Event(DONE)


def openai_error_event(refusal: Refusal, request_id: str) -> bytes:  # noqa: ARG001
    """The event by which a stream ends that has failed after its head was sent."""
    return data_event(encoded(openai_error(refusal)))


def _whole_choice(index: int, choice: Choice) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if choice.text is None else joined(choice.text),
        "refusal": None,
        "annotations": [],
    }
    if choice.calls:
        message["tool_calls"] = [_call(one, one.arguments) for one in choice.calls]
    return {
        "index": index,
        "message": message,
        "logprobs": None,
        "finish_reason": _FINISH[choice.finish],
    }


def joined(output: Output) -> str:
    """All of a text."""
    return "".join(part.text for part in output.parts(1))


def _call(call: ToolCall, arguments: str) -> dict[str, Any]:
    function = {"name": call.name, "arguments": arguments}
    return {"id": f"call_{secrets.token_hex(12)}", "type": "function", "function": function}


def _shell(ask: Ask, answer: Answer) -> dict[str, Any]:
    """What all chunks of a stream share."""
    shell: dict[str, Any] = {
        "id": _completion_id(),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": ask.served_model,
        "service_tier": SERVICE_TIER,
        "system_fingerprint": FINGERPRINT,
        "choices": [],
    }
    return shell | {"usage": None} if ask.include_usage and answer.reported else shell


def _choice_events(
    shell: dict[str, Any], index: int, choice: Choice, count: int | None
) -> Iterator[Event]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        one = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return shell | {"choices": [one]}

    start = {"role": "assistant", "content": None if choice.text is None else "", "refusal": None}
    yield Event(data_event(encoded(chunk(start))))
    if choice.text is not None:
        render = template(chunk({"content": _PLACEHOLDER}), _PLACEHOLDER)
        for part in choice.text.parts(count):
            yield Event(data_event(render(part.text)), part.tokens)
    for number, call in enumerate(choice.calls):
        opened = {"index": number} | _call(call, "")
        yield Event(data_event(encoded(chunk({"tool_calls": [opened]}))), count_tokens(call.name))
        piece = {"index": number, "function": {"arguments": _PLACEHOLDER}}
        render = template(chunk({"tool_calls": [piece]}), _PLACEHOLDER)
        for part in EchoedText(call.arguments, None).parts(count):
            yield Event(data_event(render(part.text)), part.tokens)
    yield Event(data_event(encoded(chunk({}, _FINISH[choice.finish]))))


def _completion_id() -> str:
    return f"chatcmpl-{secrets.token_hex(14)}"
