"""Gemini's generateContent and countTokens: what is refused, and what the rest asks for."""

import re
from collections.abc import Collection
from typing import Any

from echo_provider.ask import Ask, Thinking
from echo_provider.checks import Fields
from echo_provider.gemini_schema import (
    CONFIG,
    DATA_PARTS,
    DECLARATION,
    OPAQUE,
    PART,
    REQUEST,
    SCHEMA_TYPES,
    THINKING,
    TOOL,
)
from echo_provider.google_errors import GoogleComplaints
from echo_provider.models import gemini_served, signs_calls
from echo_provider.refusals import Refusal, encoded
from echo_provider.signatures import is_signature
from echo_provider.tokens import count_tokens

# What counts for an inline picture or another part that is no text.
TOKENS_PER_ATTACHMENT = 258
SIGNATURE_KIND = "gemini"
# What the documentation gives for calls that another model has made
# (ai.google.dev/gemini-api/docs/thought-signatures).
FOREIGN_SIGNATURES = ("context_engineering_is_the_way_to_go", "skip_thought_signature_validator")
# Bytes may come back in either alphabet of base64: Google's own SDK changes it.
_ALPHABET = str.maketrans("-_", "+/")
CHOICES_MAX = 8
STOPS_MAX = 5

_COMPLAINTS = GoogleComplaints()
_SNAKE = re.compile(r"_([a-z0-9])")
_MODES = ("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED")


def parse_contents(body: dict[str, Any], model: str, *, stream: bool = False) -> Ask:
    """The request, checked (ai.google.dev/api/generate-content).

    Raises `Refusal` as generativelanguage.googleapis.com does.
    """
    top = known(Fields(camel(body), _COMPLAINTS), REQUEST)
    served = served_model(model)
    prompt_tokens, text = _conversation(top.items("contents", required=True), served)
    tools, tool_tokens = _tools(top)
    tool_choice, forced = _tool_choice(top, tools)
    config = top.fields("generationConfig") or Fields({}, _COMPLAINTS)
    return Ask(
        model=model,
        served_model=served,
        stream=stream,
        prompt_tokens=prompt_tokens + tool_tokens + _system(top),
        text=text,
        tools=tools,
        tool_choice=tool_choice,
        forced_tool=forced,
        include_usage=True,
        thinking=_thinking(config),
        **_config(known(config, CONFIG)),
    )


def served_model(model: str) -> str:
    """The id that answers for a model. Raises `Refusal` (404)."""
    served = gemini_served(model)
    if served is None:
        text = f"models/{model} is not found for API version v1beta, or is not supported for "
        raise Refusal(404, f"{text}generateContent. Call ListModels to see the list of models.")
    return served


def camel(value: Any) -> Any:
    """Members in the one spelling of the two that Google's parser takes; data is left alone."""
    if isinstance(value, list):
        return [camel(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for name, one in value.items():
        written = _SNAKE.sub(lambda match: match.group(1).upper(), name)
        found[written] = one if written in OPAQUE else camel(one)
    return found


def known(fields: Fields, members: Collection[str]) -> Fields:
    """The same fields. Raises `Refusal` (400) when there is one that is not in `members`."""
    for name in fields.value:
        if name not in members:
            _COMPLAINTS.unknown(fields.at(name))
    return fields


def text_of_parts(content: Fields) -> tuple[int, str]:
    """The tokens of a content that has texts only, and its text."""
    texts = [part.string("text") or "" for part in content.items("parts", required=True)]
    return sum(count_tokens(text) for text in texts), "\n".join(texts)


def _system(top: Fields) -> int:
    system = top.fields("systemInstruction")
    return 0 if system is None else text_of_parts(system)[0]


def _conversation(turns: list[Fields], served: str) -> tuple[int, str]:
    """All tokens, and the text of the last turn of the user; results are answered with theirs."""
    tokens = 0
    last = ""
    open_calls: list[str] = []
    for index, turn in enumerate(turns):
        known(turn, ("role", "parts"))
        role = turn.one_of("role", ("user", "model", "function")) or "user"
        parts = turn.items("parts", required=True)
        _check_order(parts, open_calls, role)
        open_calls = [part.value["functionCall"]["name"] for part in _calls(parts)]
        if role == "model":
            _check_signatures(parts, index, turns, served)
        turn_tokens, text = _parts(parts)
        tokens += turn_tokens
        if role != "model":
            last = text
    if open_calls:
        raise Refusal(400, "Please ensure that function call turn is followed by a response turn.")
    return tokens, last


def _calls(parts: list[Fields]) -> list[Fields]:
    return [part for part in parts if part.fields("functionCall") is not None]


def _check_order(parts: list[Fields], open_calls: list[str], role: str) -> None:
    """Calls are followed by as many responses to them, and nothing else is."""
    answered = [
        part.value["functionResponse"] for part in parts if "functionResponse" in part.value
    ]
    if answered and role == "model":
        raise Refusal(400, "Function response parts are not allowed in a turn of the model.")
    names = [one.get("name") for one in answered if isinstance(one, dict)]
    if sorted(map(str, names)) != sorted(open_calls):
        text = "Please ensure that the number of function response parts is equal to the number "
        raise Refusal(400, f"{text}of function call parts of the function call turn.")


def _check_signatures(parts: list[Fields], index: int, turns: list[Fields], served: str) -> None:
    """Signatures come back byte for byte; the first call of a step of the current turn has one."""
    for part in parts:
        signature = part.string("thoughtSignature")
        if signature is None or signature in FOREIGN_SIGNATURES:
            continue
        if not is_signature(SIGNATURE_KIND, "", signature.translate(_ALPHABET)):
            raise Refusal(400, "Thought signature is not valid.", param=_name(part))
    if not signs_calls(served) or _ended_by_user(turns[index + 1 :]):
        return
    calls = _calls(parts)
    if calls and calls[0].string("thoughtSignature") is None:
        name = calls[0].value["functionCall"]["name"]
        text = f"Function call `{name}` in the {index + 1}. content block is missing a "
        raise Refusal(400, f"{text}`thought_signature`.", param=_name(calls[0]))


def _ended_by_user(turns: list[Fields]) -> bool:
    """Whether the user has said something since, which begins a new turn."""
    return any(
        turn.value.get("role", "user") == "user"
        and any("text" in part.value for part in turn.items("parts"))
        for turn in turns
    )


def _name(part: Fields) -> str:
    return ".".join(str(step) for step in part.path)


def _parts(parts: list[Fields]) -> tuple[int, str]:
    tokens = 0
    texts: list[str] = []
    results: list[str] = []
    for part in parts:
        known(part, PART)
        kinds = [name for name in DATA_PARTS if part.value.get(name) is not None]
        if len(kinds) != 1:
            text = f"* {_name(part)}.data: required oneof field 'data' must have one initialized "
            raise Refusal(400, f"{text}field\n", param=_name(part))
        if kinds == ["text"]:
            text = part.string("text") or ""
            tokens += count_tokens(text)
            if not part.boolean("thought"):
                texts.append(text)
        elif kinds == ["functionCall"]:
            tokens += count_tokens(encoded(part.value["functionCall"]).decode())
        elif kinds == ["functionResponse"]:
            results.append(_result(part))
            tokens += count_tokens(results[-1])
        else:
            tokens += _attachment(part, kinds[0])
    return tokens, "\n".join(texts or results)


def _result(part: Fields) -> str:
    """A response's text: its only member if that is a text, else its JSON."""
    found = known(part.fields("functionResponse") or part, ("id", "name", "response", "parts"))
    found.string("name", required=True)
    response = found.fields("response", required=True)
    values = list(response.value.values()) if response else []
    if len(values) == 1 and isinstance(values[0], str):
        return str(values[0])
    return encoded(response.value if response else {}).decode()


def _attachment(part: Fields, kind: str) -> int:
    found = part.fields(kind, required=True)
    if found is not None and kind == "inlineData":
        known(found, ("mimeType", "data", "displayName"))
        found.string("data", required=True)
        found.string("mimeType", required=True)
    if found is not None and kind == "fileData":
        known(found, ("mimeType", "fileUri", "displayName"))
        found.string("fileUri", required=True)
    return TOKENS_PER_ATTACHMENT


def _tools(top: Fields) -> tuple[dict[str, Any], int]:
    """The functions by name, and the tokens of all definitions (compact JSON)."""
    found: dict[str, Any] = {}
    tokens = 0
    for tool in top.items("tools"):
        for one in known(tool, TOOL).items("functionDeclarations"):
            name = known(one, DECLARATION).string("name", required=True) or ""
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}", name):
                text = f"Invalid function name: {name}. Must start with a letter or an underscore."
                raise Refusal(400, text, param=_name(one))
            if "parameters" in one.value:
                check_schema(one.fields("parameters", required=True))
            found[name] = _lower(one.value.get("parameters")) or one.value.get(
                "parametersJsonSchema"
            )
        tokens += count_tokens(encoded(tool.value).decode())
    return found, tokens


def check_schema(schema: Fields | None) -> None:
    """An OpenAPI schema as Google's `Schema` message has it. Raises `Refusal` (400)."""
    if schema is None:
        return
    for name in schema.value:
        if name not in SCHEMA_TYPES:
            _COMPLAINTS.unknown(schema.at(name))
    for name, expected in SCHEMA_TYPES.items():
        if expected == "schema":
            check_schema(schema.fields(name))
        elif expected == "schemas":
            for one in schema.items(name):
                check_schema(one)
        elif expected == "map":
            for key in (schema.fields(name) or Fields({}, _COMPLAINTS)).value:
                check_schema(Fields(schema.value[name], _COMPLAINTS, schema.at(name)).fields(key))
        elif expected == "string":
            schema.string(name)
    kind = schema.string("type")
    if kind is not None and kind.upper() not in SCHEMA_KINDS:
        _COMPLAINTS.not_one_of(schema.at("type"), SCHEMA_KINDS, kind)


SCHEMA_KINDS = ("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL")


def _lower(schema: Any) -> Any:
    """A schema with its types as JSON Schema writes them, from which a sample is made."""
    if not isinstance(schema, dict):
        return schema
    found = {name: _lower(value) for name, value in schema.items()}
    if isinstance(kind := found.get("type"), str):
        found["type"] = kind.lower()
    return found


def _tool_choice(top: Fields, tools: dict[str, Any]) -> tuple[str, str | None]:
    config = top.fields("toolConfig")
    calling = None if config is None else config.fields("functionCallingConfig")
    if calling is None:
        return "auto", None
    known(calling, ("mode", "allowedFunctionNames", "streamFunctionCallArguments"))
    mode = (calling.one_of("mode", _MODES) or "AUTO").upper()
    allowed = calling.array("allowedFunctionNames") or []
    if allowed and mode not in {"ANY", "VALIDATED"}:
        raise Refusal(400, "Allowed function names should be set only when the mode is ANY.")
    for name in allowed:
        if name not in tools:
            text = f"allowed_function_names contains a name that is no declared function: {name}"
            raise Refusal(400, text)
    if mode == "ANY" and not tools:
        raise Refusal(400, "Function calling mode ANY needs function declarations.")
    if mode == "ANY":
        return "required", allowed[0] if len(allowed) == 1 else None
    return ("none" if mode == "NONE" else "auto"), None


def _thinking(config: Fields) -> Thinking:
    thinking = config.fields("thinkingConfig")
    if thinking is None:
        return "hidden"
    known(thinking, THINKING)
    budget = thinking.integer("thinkingBudget", -1, 32_768)
    level = thinking.one_of("thinkingLevel", ("MINIMAL", "LOW", "MEDIUM", "HIGH", "low", "high"))
    if budget is not None and level is not None:
        raise Refusal(400, "You can only set only one of thinking budget and thinking level.")
    if budget == 0:
        return "off"
    return "shown" if thinking.boolean("includeThoughts") else "hidden"


def _config(config: Fields) -> dict[str, Any]:
    """The members of `generationConfig` that change the answer; the others are checked."""
    config.number("temperature", 0, 2)
    config.number("topP", 0, 1)
    config.number("topK", 1, 1000)
    config.number("presencePenalty", -2, 2)
    config.number("frequencyPenalty", -2, 2)
    config.integer("seed", -(2**31), 2**31 - 1)
    if config.integer("logprobs", 0, 20) is not None and not config.boolean("responseLogprobs"):
        raise Refusal(400, "logprobs is only allowed with response_logprobs.")
    written = config.string("responseMimeType")
    schemas = [config.fields(name) for name in ("responseSchema", "responseJsonSchema")]
    check_schema(schemas[0])
    if any(schemas) and written not in {"application/json", "text/x.enum"}:
        text = "Function calling config is set without a response mime type: set it to "
        raise Refusal(400, f"{text}'application/json' with a response schema.")
    stops = config.array("stopSequences") or []
    if len(stops) > STOPS_MAX:
        _COMPLAINTS.too_large(config.at("stopSequences"), STOPS_MAX, len(stops))
    return {
        "limit": config.integer("maxOutputTokens", 1),
        "choices": config.integer("candidateCount", 1, CHOICES_MAX) or 1,
        "stops": tuple(stop for stop in stops if isinstance(stop, str)),
    }
