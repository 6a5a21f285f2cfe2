"""Bedrock: its paths, its credentials, its dialect (docs.aws.amazon.com/bedrock)."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from echo_provider.anthropic_answers import anthropic_whole
from echo_provider.anthropic_requests import parse_messages
from echo_provider.ask import Ask, plan
from echo_provider.aws_signature import check_signature
from echo_provider.bedrock_answers import (
    GARBAGE_EVENT,
    bedrock_error,
    bedrock_error_event,
    converse_events,
    converse_whole,
    exception_name,
    invoke_events,
    invoke_garbage,
)
from echo_provider.bedrock_requests import parse_converse
from echo_provider.connection import Request
from echo_provider.dialects import Dialect, Headers, bearer
from echo_provider.event_frames import CONTENT_TYPE
from echo_provider.faults import CLAUDE_FAULTS, Faults
from echo_provider.models import ECHO
from echo_provider.refusals import Refusal
from echo_provider.replies import Endpoint, Pieces, Reply, Wanted

ANTHROPIC_VERSION = "bedrock-2023-05-31"
_METHODS = r"converse|converse-stream|invoke|invoke-with-response-stream"
_PATH = re.compile(rf"/model/(.+)/({_METHODS})")
# The vendors' prefixes, after that of an inference profile's regions.
_VENDORS = "amazon|anthropic|cohere|deepseek|google|meta|mistral|openai|qwen"
_MODEL = re.compile(
    rf"((us|eu|apac|jp|au|us-gov|global)\.)?({_VENDORS})\.[a-z0-9.:-]+|"
    r"arn:aws:bedrock:[a-z0-9-]+:\d{12}:(application-)?inference-profile/.+"
)
_CLAUDE = re.compile(r"anthropic\.(claude-.+?)(-\d{8})?(-v\d+(:\d+)?)?$")


def _authenticate(request: Request) -> None:
    """A bearer of any kind, or a signature by the known credential. Raises `Refusal` (403)."""
    if request.headers.get("authorization") is None:
        raise Refusal(
            403, "Missing Authentication Token", code="MissingAuthenticationTokenException"
        )
    if not bearer(request):
        check_signature(request)


def _headers(request_id: str, milliseconds: float) -> Headers:  # noqa: ARG001
    return [("x-amzn-requestid", request_id)]


BEDROCK = Dialect(
    name="bedrock",
    error=bedrock_error,
    error_event=bedrock_error_event,
    garbage_event=GARBAGE_EVENT,
    headers=_headers,
    error_headers=lambda refusal: [("x-amzn-errortype", exception_name(refusal))],
    authenticate=_authenticate,
    bad_json="Could not parse the request body as JSON.",
    unknown_url="Unable to determine service/operation name to be authorized",
    failure=Refusal(503, "Bedrock is unable to process your request."),
)


def endpoint_at(request: Request) -> Endpoint | None:
    """The endpoint of a path; None for one that is not Bedrock's."""
    found = _PATH.fullmatch(request.path)
    if found is None:
        return None
    model, method = found[1], found[2]
    parse: Callable[[dict[str, Any]], Wanted]
    stream = method.endswith("-stream")
    if method.startswith("converse"):
        parse = partial(_converse, model=model, stream=stream)
    else:
        parse = partial(_invoke, model=model, stream=stream)
    return Endpoint(dialect=BEDROCK, parse=parse, faults=CLAUDE_FAULTS, model=model)


def _check_model(model: str) -> None:
    if model != ECHO and not _MODEL.fullmatch(model):
        raise Refusal(400, "The provided model identifier is invalid.")


def _converse(body: dict[str, Any], *, model: str, stream: bool) -> Wanted:
    _check_model(model)
    ask = parse_converse(body, model, stream=stream)

    def reply(faults: Faults, text: str) -> Reply:
        answer = plan(ask, faults, text)
        pieces = Pieces(make=lambda: converse_events(ask, answer), content_type=CONTENT_TYPE)
        whole = partial(converse_whole, ask, answer)
        return Reply(whole=whole, usage=answer.usage, pieces=pieces if stream else None)

    return _wanted(ask, reply)


def _invoke(body: dict[str, Any], *, model: str, stream: bool) -> Wanted:
    """Claude's own body, without model and stream, which the path says."""
    _check_model(model)
    if model != ECHO and "anthropic." not in model:
        raise Refusal(400, f"echo: only Claude can be invoked here, and {model} is none")
    ask = parse_claude(body, ANTHROPIC_VERSION, claude_id(model), extraneous=("model", "stream"))
    ask = replace(ask, stream=stream)

    def reply(faults: Faults, text: str) -> Reply:
        answer = plan(ask, faults, text)
        pieces = Pieces(
            make=lambda: invoke_events(ask, answer),
            content_type=CONTENT_TYPE,
            garbage_event=invoke_garbage(),
        )
        whole = partial(anthropic_whole, ask, answer)
        return Reply(whole=whole, usage=answer.usage, pieces=pieces if stream else None)

    return _wanted(ask, reply)


def _wanted(ask: Ask, reply: Callable[[Faults, str], Reply]) -> Wanted:
    return Wanted(text=ask.text, reply=reply, manner="events" if ask.stream else "whole")


def parse_claude(
    body: dict[str, Any], version: str, model: str, *, extraneous: tuple[str, ...]
) -> Ask:
    """Claude's body at a provider that is not Anthropic. Raises `Refusal` (400)."""
    if body.get("anthropic_version") != version:
        raise Refusal(400, f"anthropic_version: Input should be '{version}'")
    for name in extraneous:
        if name in body:
            text = f"Malformed input request: #: extraneous key [{name}] is not permitted, "
            raise Refusal(400, f"{text}please reformat your input and try again.")
    return parse_messages({**body, "model": model})


def claude_id(model: str) -> str:
    """Anthropic's id of one of Bedrock's models; the model itself where it has none."""
    found = _CLAUDE.search(model)
    return found[1] if found else model
