"""Gemini's answers: one JSON body, or server-sent events made one at a time."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

from echo_provider.ask import Answer, Ask, Choice, Usage
from echo_provider.events import Event, in_turn, template
from echo_provider.gemini_requests import SIGNATURE_KIND
from echo_provider.models import signs_calls
from echo_provider.refusals import encoded
from echo_provider.signatures import signed
from echo_provider.tools import ToolCall

# An event that breaks off within its JSON.
GARBAGE_EVENT = b'data: {"candidates": [{"content": {"par\r\n\r\n'
_FINISH = {"end": "STOP", "limit": "MAX_TOKENS", "stop": "STOP", "tools": "STOP"}
# Stands for the text that differs from event to event; no text of an answer goes through it.
_PLACEHOLDER = "\0echo"


def gemini_whole(ask: Ask, answer: Answer) -> bytes:
    """The `GenerateContentResponse`, encoded."""
    candidates = []
    for index, choice in enumerate(answer.choices):
        text = "" if choice.text is None else "".join(one.text for one in choice.text.parts(1))
        parts = _thoughts(answer, index) + ([{"text": text}] if text else [])
        parts += _calls(ask, choice)
        if parts and answer.thoughts is not None and "functionCall" not in parts[-1]:
            parts[-1] |= {"thoughtSignature": signed(SIGNATURE_KIND)}
        candidates.append(_candidate(index, parts, _FINISH[choice.finish]))
    body = {"candidates": candidates} | _about(ask)
    if answer.reported:
        body["usageMetadata"] = gemini_usage(answer.usage)
    return encoded(body)


def gemini_usage(usage: Usage, *, generated: int | None = None) -> dict[str, Any]:
    """Google's figures: the candidates' exclude thoughts; `generated` is what came so far."""
    visible = usage.completion - usage.reasoning if generated is None else generated
    figures: dict[str, Any] = {
        "promptTokenCount": usage.prompt,
        "candidatesTokenCount": visible,
        "totalTokenCount": usage.prompt + visible + usage.reasoning,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.prompt}],
    }
    if usage.reasoning:
        figures["thoughtsTokenCount"] = usage.reasoning
    if usage.cached:
        figures["cachedContentTokenCount"] = usage.cached
        figures["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": usage.cached}]
    return figures


def gemini_events(ask: Ask, answer: Answer) -> Iterator[Event]:
    """The stream with `alt=sse`."""
    for event in _chunks(ask, answer):
        yield Event(b"data: %b\r\n\r\n" % event.data, event.tokens)


def gemini_array(ask: Ask, answer: Answer) -> Iterator[Event]:
    """The stream without `alt=sse`: one JSON array, an item at a time."""
    before = b"["
    for event in _chunks(ask, answer):
        yield Event(before + event.data, event.tokens)
        before = b",\r\n"
    yield Event(b"]")


def _chunks(ask: Ask, answer: Answer) -> Iterator[Event]:
    about = _about(ask)
    if answer.reported:
        about["usageMetadata"] = gemini_usage(answer.usage, generated=0)
    streams = [_choice(ask, answer, index, about) for index in range(len(answer.choices))]
    yield from streams[0] if len(streams) == 1 else in_turn(streams)


def _choice(ask: Ask, answer: Answer, index: int, about: dict[str, Any]) -> Iterator[Event]:
    choice = answer.choices[index]

    def chunk(parts: list[dict[str, Any]], finish: str | None = None) -> dict[str, Any]:
        return {"candidates": [_candidate(index, parts, finish)]} | about

    if answer.thoughts is not None and not index:
        render = template(chunk([{"text": _PLACEHOLDER, "thought": True}]), _PLACEHOLDER)
        yield from _texts(answer.thoughts, answer.parts, render, counted=False)
    if choice.text is not None:
        render = template(chunk([{"text": _PLACEHOLDER}]), _PLACEHOLDER)
        yield from _texts(choice.text, answer.parts, render, counted=True)
    for call, part in zip(choice.calls, _calls(ask, choice), strict=True):
        yield Event(encoded(chunk([part])), call.tokens)
    last: dict[str, Any] = {"text": ""}
    if answer.thoughts is not None and not choice.calls:
        last["thoughtSignature"] = signed(SIGNATURE_KIND)
    ended = chunk([last], _FINISH[choice.finish])
    if answer.reported:
        ended["usageMetadata"] = gemini_usage(answer.usage)
    yield Event(encoded(ended))


def _texts(
    output: Any, count: int | None, render: Callable[[str], bytes], *, counted: bool
) -> Iterator[Event]:
    for part in output.parts(count):
        yield Event(render(part.text), part.tokens if counted else 0)


def _thoughts(answer: Answer, index: int) -> list[dict[str, Any]]:
    if answer.thoughts is None or index:
        return []
    text = "".join(part.text for part in answer.thoughts.parts(1))
    return [{"text": text, "thought": True}]


def _calls(ask: Ask, choice: Choice) -> list[dict[str, Any]]:
    """The calls; newer models give them ids, and sign the first."""
    signs = signs_calls(ask.served_model)
    parts = [{"functionCall": _call(call, named=signs)} for call in choice.calls]
    if parts and signs:
        parts[0]["thoughtSignature"] = signed(SIGNATURE_KIND)
    return parts


def _call(call: ToolCall, *, named: bool) -> Any:
    identifier = {"id": secrets.token_hex(4)} if named else {}
    return {"name": call.name, "args": call.parsed} | identifier


def _candidate(index: int, parts: list[dict[str, Any]], finish: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": index}
    return found if finish is None else found | {"finishReason": finish}


def _about(ask: Ask) -> dict[str, Any]:
    return {"modelVersion": ask.served_model, "responseId": secrets.token_urlsafe(16)}
