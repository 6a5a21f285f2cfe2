"""`generationConfig`, read."""

from typing import Any, get_args

import msgspec

from common.dialects.base import BadRequest
from common.translation.conversation import Effort, OutputFormat, ThinkingMode
from common.translation.gemini import wire
from common.translation.gemini.schemas import read_schema
from common.translation.reading import not_translated

_AT = "generationConfig"
_LEVELS: dict[str, Effort] = {effort.upper(): effort for effort in get_args(Effort)}
_FIELDS = {
    "max_output_tokens": "maxOutputTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "stop": "stopSequences",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
    "thinking": "thinkingConfig",
}


def read_generation(raw: msgspec.Raw) -> tuple[dict[str, Any], dict[str, str]]:
    """A conversation's attributes, and their fields. Raises `BadRequest`."""
    fields = {name: f"{_AT}.{member}" for name, member in _FIELDS.items()}
    if bytes(raw) in wire.ABSENT:
        return {}, fields
    given = wire.read_object(raw, wire.generation_decoder, _AT)
    _refuse(given)
    output, member = _output_format(given)
    fields["output_format"] = f"{_AT}.{member}"
    attributes = {
        "output_format": output,
        "thinking": _thinking(given.thinking_config),
        "max_output_tokens": given.max_output_tokens,
        "temperature": given.temperature,
        "top_p": given.top_p,
        "top_k": int(given.top_k) if given.top_k is not None else None,
        "stop": tuple(given.stop_sequences or ()),
        "seed": given.seed,
        "presence_penalty": given.presence_penalty,
        "frequency_penalty": given.frequency_penalty,
        "logprobs": given.response_logprobs,
        "top_logprobs": given.logprobs,
    }
    return attributes, fields


def _refuse(given: wire.Generation) -> None:
    if given.candidate_count not in (None, 1):
        raise not_translated(f"{_AT}.candidateCount", "it answers once")
    if [one.upper() for one in given.response_modalities or ()] not in ([], ["TEXT"]):
        raise not_translated(f"{_AT}.responseModalities", "it answers in text")
    if given.media_resolution not in (None, "MEDIA_RESOLUTION_UNSPECIFIED"):
        raise not_translated(f"{_AT}.mediaResolution")


def _output_format(given: wire.Generation) -> tuple[OutputFormat | None, str]:
    """The form of the answer, and the member that says it."""
    if bytes(given.response_json_schema) not in wire.ABSENT:
        return OutputFormat("schema", schema=given.response_json_schema), "responseJsonSchema"
    schema = read_schema(given.response_schema, f"{_AT}.responseSchema")
    if schema is not None:
        return OutputFormat("schema", schema=schema), "responseSchema"
    member = "responseMimeType"
    if given.response_mime_type in (None, "", "text/plain"):
        return None, member
    if given.response_mime_type != "application/json":
        raise not_translated(f"{_AT}.{member}", "it answers in text or JSON")
    return OutputFormat("json"), member


def _thinking(raw: msgspec.Raw) -> ThinkingMode | None:
    """The caller sees thoughts only if they are asked for; -1 tokens leave it to the model."""
    if bytes(raw) in wire.ABSENT:
        return None
    given = wire.read_object(raw, wire.thinking_decoder, f"{_AT}.thinkingConfig")
    shown = bool(given.include_thoughts)
    level = (given.thinking_level or "THINKING_LEVEL_UNSPECIFIED").upper()
    if level in _LEVELS:
        return ThinkingMode(effort=_LEVELS[level], shown=shown)
    if level != "THINKING_LEVEL_UNSPECIFIED":
        field = f"{_AT}.thinkingConfig.thinkingLevel"
        raise BadRequest(f"Invalid value for {field!r}: {level[:50]!r}", field)
    budget = given.thinking_budget
    if budget == 0:
        return ThinkingMode(enabled=False, shown=shown)
    if budget is not None and budget > 0:
        return ThinkingMode(budget_tokens=budget, shown=shown)
    return ThinkingMode() if shown or budget == -1 else None
