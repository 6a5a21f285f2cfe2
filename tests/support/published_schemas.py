"""What a provider received, held against the schema that the provider itself publishes.

The types of OpenAI's and Anthropic's SDKs for parameters, those of google-genai for Google's and,
for AWS's, the service model in botocore. All know every member: an unknown one is a violation.
"""

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import botocore.loaders
import botocore.model
import botocore.validate
from anthropic.types import message_create_params as messages
from google.genai import types as gemini
from openai.types.chat import completion_create_params as chat
from openai.types.responses import response_create_params as responses
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

_Body = dict[str, Any]
_ERRORS_SHOWN = 3
# Claude's body elsewhere: what the path says is not in it, a version is.
_ELSEWHERE = {"anthropic_version", "anthropic_beta"}


def violations(request: _Body) -> list[str]:
    """What is wrong with a request as the echo provider shows it; nothing, if it may be sent.

    Raises `ValueError` for a path that is none of a conversation's.
    """
    for pattern, check in _CHECKS:
        if pattern.fullmatch(request["path"]):
            return check(request["body"])
    raise ValueError(f"no schema is known for {request['path']}")


@functools.cache
def _adapter(name: str) -> TypeAdapter[Any]:
    parameters = {
        "chat": chat.CompletionCreateParams,
        "responses": responses.ResponseCreateParams,
        "messages": messages.MessageCreateParams,
    }
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    return TypeAdapter(parameters[name], config=config)


def _by_parameters(name: str, body: _Body) -> list[str]:
    try:
        read = _read(_adapter(name).validate_python(body, strict=True))
    except ValidationError as error:
        return _told(error)
    return list(_lost(body, read, name))


def _told(error: ValidationError) -> list[str]:
    errors = error.errors(include_url=False, include_context=False)[:_ERRORS_SHOWN]
    return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in errors]


def _read(value: Any) -> Any:
    """The value with all its lists: pydantic looks at what is in an `Iterable` only then."""
    if isinstance(value, BaseModel):
        return _read(value.model_dump(exclude_unset=True, exclude=set(value.model_extra or ())))
    if isinstance(value, dict):
        return {name: _read(one) for name, one in value.items()}
    if isinstance(value, str | bytes | int | float | None):
        return value
    return [_read(one) for one in value]


def _lost(sent: Any, read: Any, path: str) -> Iterator[str]:
    """Members that the schema does not have, and so did not read."""
    if isinstance(sent, dict) and isinstance(read, dict):
        for name, value in sent.items():
            if name not in read:
                yield f"{path}.{name}: unknown"
            else:
                yield from _lost(value, read[name], f"{path}.{name}")
    elif isinstance(sent, list) and isinstance(read, list):
        for index, (value, one) in enumerate(zip(sent, read, strict=True)):
            yield from _lost(value, one, f"{path}.{index}")


def _chat(body: _Body) -> list[str]:
    return _by_parameters("chat", body)


def _responses(body: _Body) -> list[str]:
    return _by_parameters("responses", body)


def _messages(body: _Body) -> list[str]:
    return _by_parameters("messages", body)


def _claude_elsewhere(body: _Body) -> list[str]:
    rest = {name: value for name, value in body.items() if name not in _ELSEWHERE}
    return _by_parameters("messages", {"model": "claude", **rest})


_GEMINI: dict[str, type[BaseModel]] = {
    "systemInstruction": gemini.Content,
    "toolConfig": gemini.ToolConfig,
    "generationConfig": gemini.GenerationConfig,
}
_GEMINI_LISTS: dict[str, type[BaseModel]] = {
    "contents": gemini.Content,
    "tools": gemini.Tool,
    "safetySettings": gemini.SafetySetting,
}
_GEMINI_TEXTS = {"cachedContent", "model", "serviceTier"}


def _generate(body: _Body) -> list[str]:
    found: list[str] = []
    for name, value in body.items():
        if name in _GEMINI:
            found += _by_model(_GEMINI[name], value, name)
        elif name in _GEMINI_LISTS:
            for index, one in enumerate(value):
                found += _by_model(_GEMINI_LISTS[name], one, f"{name}.{index}")
        elif name not in _GEMINI_TEXTS:
            found.append(f"{name}: unknown")
    return found


def _by_model(model: type[BaseModel], value: Any, path: str) -> Iterable[str]:
    try:
        model.model_validate(value)
    except ValidationError as error:
        return [f"{path}.{one}" for one in _told(error)]
    return ()


@functools.cache
def _converse_shape() -> Any:
    loaded = botocore.loaders.Loader().load_service_model("bedrock-runtime", "service-2")
    return botocore.model.ServiceModel(loaded).operation_model("Converse").input_shape


def _converse(body: _Body) -> list[str]:
    whole = {"modelId": "model", **body}
    report = botocore.validate.ParamValidator().validate(whole, _converse_shape())
    return [report.generate_report()] if report.has_errors() else []


_CHECKS: tuple[tuple[re.Pattern[str], Callable[[_Body], list[str]]], ...] = (
    (re.compile(r"(/openai(/deployments/[^/]+)?)?(/v1)?/chat/completions"), _chat),
    (re.compile(r"(/openai)?(/v1)?/responses"), _responses),
    (re.compile(r"/v1/messages"), _messages),
    (re.compile(r"/model/.+/invoke(-with-response-stream)?"), _claude_elsewhere),
    (re.compile(r"/v1/projects/.+:(r|streamR)awPredict"), _claude_elsewhere),
    (re.compile(r"/v1(beta)?/.+:(g|streamG)enerateContent"), _generate),
    (re.compile(r"/model/.+/converse(-stream)?"), _converse),
)
