"""POST /v1/completions: a text completed by itself, whole or in server-sent events."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from echo_provider.ask import Answer, Ask, Choice, Usage, plan
from echo_provider.checks import Fields, OpenAIComplaints, json_type
from echo_provider.events import Event, data_event, in_turn, template
from echo_provider.faults import Faults
from echo_provider.models import openai_served
from echo_provider.openai_answers import DONE, FINGERPRINT, joined, openai_usage
from echo_provider.openai_requests import CHOICES_MAX, include_usage, known_model, stops
from echo_provider.refusals import Refusal, encoded
from echo_provider.replies import Pieces, Reply, Wanted
from echo_provider.tokens import count_tokens

# The API's own default; it does not cut what a fault asks for.
MAX_TOKENS_DEFAULT = 16
PROMPTS_MAX = 2048
# A request without a prompt completes a new document.
_NO_PROMPT = "<|endoftext|>"
_FINISH = {"end": "stop", "limit": "length", "stop": "stop"}
# Stands for the text that differs from event to event; no text of an answer goes through it.
_PLACEHOLDER = "\0echo"
_COMPLAINTS = OpenAIComplaints()


def parse_completions(body: dict[str, Any]) -> Wanted:
    """The request, checked (platform.openai.com/docs/api-reference/completions/create).

    `echo`, `suffix` and `best_of` change nothing. Raises `Refusal` as api.openai.com does.
    """
    top = Fields(body, _COMPLAINTS)
    model = known_model(top, "completions")
    prompts = prompts_of(top, "prompt") if body.get("prompt") is not None else [_NO_PROMPT]
    stream = top.boolean("stream")
    ask = Ask(
        model=model,
        served_model=openai_served(model) or model,
        stream=stream,
        prompt_tokens=sum(prompt_tokens(prompt) for prompt in prompts),
        text=prompt_text(prompts[-1]),
        limit=top.integer("max_tokens", 0),
        choices=top.integer("n", 1, CHOICES_MAX) or 1,
        stops=stops(top),
        include_usage=include_usage(top, stream=stream),
    )
    top.number("temperature", 0, 2)
    top.number("top_p", 0, 1)
    top.integer("logprobs", 0, 5)
    top.boolean("echo")
    before = [prompt_text(prompt) for prompt in prompts[:-1]]

    def reply(faults: Faults, text: str) -> Reply:
        answer = _planned(ask, faults, [*before, text])
        pieces = Pieces(make=lambda: _events(ask, answer)) if stream else None
        return Reply(whole=lambda: _whole(ask, answer), usage=answer.usage, pieces=pieces)

    return Wanted(text=ask.text, reply=reply, manner="events" if stream else "whole")


def prompts_of(top: Fields, name: str) -> list[str | list[int]]:
    """A field that holds a text, texts, one list of tokens, or several."""
    value = top.value.get(name)
    if value is None:
        top.complaints.missing(top.at(name))
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        top.complaints.wrong_type(top.at(name), "string or array", value)
    if not value:
        top.complaints.empty(top.at(name))
    if _tokens(value):
        return [value]
    if len(value) > PROMPTS_MAX:
        text = f"Invalid '{name}': array too long. Expected an array with maximum length "
        raise Refusal(400, f"{text}{PROMPTS_MAX}.", param=name, code="array_above_max_length")
    for index, one in enumerate(value):
        if not isinstance(one, str) and not (isinstance(one, list) and one and _tokens(one)):
            top.complaints.wrong_type((*top.at(name), index), "string or array", one)
    return value


def prompt_tokens(prompt: str | list[int]) -> int:
    """How many tokens a prompt has."""
    return count_tokens(prompt) if isinstance(prompt, str) else len(prompt)


def prompt_text(prompt: str | list[int]) -> str:
    """A prompt as a text; tokens as their numbers."""
    return prompt if isinstance(prompt, str) else " ".join(str(token) for token in prompt)


def _tokens(values: list[Any]) -> bool:
    return all(json_type(value) == "integer" for value in values)


def _planned(ask: Ask, faults: Faults, texts: list[str]) -> Answer:
    """One answer for all prompts, with the choices of each in turn."""
    amounts = faults.words or faults.bytes or faults.chunks or faults.huge_event
    if ask.limit is None and not amounts:
        ask = replace(ask, limit=MAX_TOKENS_DEFAULT)
    answers = [plan(ask, faults, text) for text in texts]
    choices = tuple(choice for answer in answers for choice in answer.choices)
    generated = sum(choice.tokens for choice in choices)
    usage: Usage = replace(answers[-1].usage, completion=generated + faults.reasoning)
    return replace(answers[-1], choices=choices, usage=usage)


def _shell(ask: Ask) -> dict[str, Any]:
    return {
        "id": f"cmpl-{secrets.token_hex(14)}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": ask.served_model,
        "choices": [],
        "system_fingerprint": FINGERPRINT,
    }


def _choice(index: int, text: str, finish: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}


def _whole(ask: Ask, answer: Answer) -> bytes:
    body = _shell(ask)
    body["choices"] = [
        _choice(index, "" if one.text is None else joined(one.text), _FINISH[one.finish])
        for index, one in enumerate(answer.choices)
    ]
    if answer.reported:
        body["usage"] = openai_usage(answer.usage)
    return encoded(body)


def _events(ask: Ask, answer: Answer) -> Iterator[Event]:
    shell = _shell(ask)
    reports = ask.include_usage and answer.reported
    common = shell | {"usage": None} if reports else shell
    choices = [
        _choice_events(common, index, one, answer.parts) for index, one in enumerate(answer.choices)
    ]
    yield from choices[0] if len(choices) == 1 else in_turn(choices)
    if reports:
        yield Event(data_event(encoded(shell | {"usage": openai_usage(answer.usage)})))
    yield Event(DONE)


def _choice_events(
    shell: dict[str, Any], index: int, choice: Choice, count: int | None
) -> Iterator[Event]:
    render = template(shell | {"choices": [_choice(index, _PLACEHOLDER, None)]}, _PLACEHOLDER)
    if choice.text is not None:
        for part in choice.text.parts(count):
            yield Event(data_event(render(part.text)), part.tokens)
    last = shell | {"choices": [_choice(index, "", _FINISH[choice.finish])]}
    yield Event(data_event(encoded(last)))
