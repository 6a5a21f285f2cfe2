"""Gemini's API: its paths, its credential, its dialect (ai.google.dev/api)."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from echo_provider import gemini_answers
from echo_provider.ask import Usage, plan
from echo_provider.checks import Fields
from echo_provider.connection import Request
from echo_provider.dialects import Dialect, Headers
from echo_provider.embeddings import vector_of
from echo_provider.faults import TEXT_FAULTS, Faults
from echo_provider.gemini_requests import (
    camel,
    known,
    parse_contents,
    served_model,
    text_of_parts,
)
from echo_provider.google_errors import (
    GoogleComplaints,
    google_error_body,
    google_error_event,
)
from echo_provider.models import gemini_model, gemini_models
from echo_provider.refusals import Refusal, encoded
from echo_provider.replies import JSON, Endpoint, Pieces, Reply, Wanted

PATH = "/v1beta/models"
METHODS = r"generateContent|streamGenerateContent|countTokens|embedContent|batchEmbedContents"
_PATH = re.compile(rf"/v1(?:beta|alpha)?/models/([^/:]+):({METHODS})")
DIMENSIONS = 3072
_EMBEDDED = frozenset({"content", "model", "taskType", "title", "outputDimensionality"})


def _authenticate(request: Request) -> None:
    """Raises `Refusal` (403) without a key."""
    key = request.headers.get("x-goog-api-key") or parse_qs(request.query).get("key")
    if not key:
        text = "Method doesn't allow unregistered callers (callers without established identity). "
        text += "Please use API Key or other form of API consumer identity to call this API."
        raise Refusal(403, text)


def google_headers(request_id: str, milliseconds: float) -> Headers:  # noqa: ARG001
    """Headers of any answer of Google's."""
    return [
        ("server-timing", f"gfet4t7; dur={int(milliseconds)}"),
        ("vary", "Origin"),
        ("x-content-type-options", "nosniff"),
    ]


GEMINI = Dialect(
    name="gemini",
    error=google_error_body,
    error_event=google_error_event,
    garbage_event=gemini_answers.GARBAGE_EVENT,
    headers=google_headers,
    authenticate=_authenticate,
    bad_json="Invalid JSON payload received. Unexpected token.",
    unknown_url="Requested entity was not found: {method} {path}",
    failure=Refusal(503, "The model is overloaded. Please try again later."),
)


def endpoint_at(request: Request) -> Endpoint | None:
    """The endpoint of a path; None for one that is not Gemini's."""
    found = _PATH.fullmatch(request.path)
    if found is None:
        return None
    return method_endpoint(GEMINI, found[1], found[2], request.query)


def method_endpoint(dialect: Dialect, model: str, method: str, query: str) -> Endpoint:
    """The endpoint of one of the methods, which Vertex has too."""
    sse = parse_qs(query).get("alt") == ["sse"]
    parse: Callable[[dict[str, Any]], Wanted]
    if method == "countTokens":
        parse, faults = partial(_count, model=model), frozenset[str]()
    elif method in {"embedContent", "batchEmbedContents"}:
        parse, faults = partial(_embeddings, model=model), frozenset({"usage"})
    else:
        stream = method == "streamGenerateContent"
        parse, faults = partial(_generate, model=model, stream=stream, sse=sse), TEXT_FAULTS
    return Endpoint(dialect=dialect, parse=parse, faults=faults, model=model)


def listed_models(path: str) -> dict[str, Any]:
    """The list, or one model. Raises `Refusal` (404) for one that there is not."""
    if path == PATH:
        return {"models": gemini_models()}
    model = path.removeprefix(f"{PATH}/")
    served_model(model)
    return gemini_model(model)


def _generate(body: dict[str, Any], *, model: str, stream: bool, sse: bool) -> Wanted:
    ask = parse_contents(body, model, stream=stream)
    events = gemini_answers.gemini_events if sse else gemini_answers.gemini_array

    def reply(faults: Faults, text: str) -> Reply:
        answer = plan(ask, faults, text)
        content_type = "text/event-stream" if sse else JSON
        pieces = Pieces(make=lambda: events(ask, answer), content_type=content_type)
        return Reply(
            whole=lambda: gemini_answers.gemini_whole(ask, answer),
            usage=answer.usage,
            pieces=pieces if ask.stream else None,
        )

    return Wanted(text=ask.text, reply=reply, manner="events" if ask.stream else "whole")


def _count(body: dict[str, Any], *, model: str) -> Wanted:
    inner = camel(body).get("generateContentRequest")
    ask = parse_contents(inner if isinstance(inner, dict) else body, model)

    def reply(faults: Faults, text: str) -> Reply:  # noqa: ARG001
        details = [{"modality": "TEXT", "tokenCount": ask.prompt_tokens}]
        answer = {"totalTokens": ask.prompt_tokens, "promptTokensDetails": details}
        return Reply(whole=lambda: encoded(answer))

    return Wanted(text=ask.text, reply=reply)


def _embeddings(body: dict[str, Any], *, model: str) -> Wanted:
    """One vector, or one for each of `requests`, in the shape of the question."""
    served_model(model)
    top = Fields(camel(body), GoogleComplaints())
    many = "requests" in top.value
    asked = top.items("requests", required=True) if many else [top]
    found = [_embedded(one) for one in asked]
    usage = Usage(prompt=sum(tokens for tokens, _, _ in found), completion=0)

    def reply(faults: Faults, text: str) -> Reply:
        texts = [*(one for _, one, _ in found[:-1]), text]
        vectors = [
            {"values": vector_of(one, size).tolist()}
            for one, (_, _, size) in zip(texts, found, strict=True)
        ]
        answer: dict[str, Any] = {"embeddings": vectors} if many else {"embedding": vectors[0]}
        if faults.usage != "none":
            details = [{"modality": "TEXT", "tokenCount": usage.prompt}]
            answer["usageMetadata"] = {
                "promptTokenCount": usage.prompt,
                "promptTokensDetails": details,
            }
        return Reply(whole=lambda: encoded(answer), usage=usage)

    return Wanted(text=found[-1][1], reply=reply)


def _embedded(one: Fields) -> tuple[int, str, int]:
    """Tokens, text and length of the vector."""
    content = known(one, _EMBEDDED).fields("content", required=True)
    tokens, text = (0, "") if content is None else text_of_parts(content)
    return tokens, text, one.integer("outputDimensionality", 1, DIMENSIONS) or DIMENSIONS
