"""POST /v1/chat/completions: what OpenAI refuses, and what the rest of it asks for."""

from typing import Any

from echo_provider.ask import Ask
from echo_provider.checks import Fields, OpenAIComplaints
from echo_provider.models import openai_kinds, openai_served
from echo_provider.refusals import Refusal, encoded
from echo_provider.tokens import count_tokens

ROLES = ("system", "assistant", "user", "function", "tool", "developer")
PART_TYPES = ("text", "image_url", "input_audio", "refusal", "file")
STOPS_MAX = 4
CHOICES_MAX = 128
# What counts for one image or other part that is no text.
TOKENS_PER_ATTACHMENT = 85

_COMPLAINTS = OpenAIComplaints()


def parse_chat(body: dict[str, Any]) -> Ask:
    """The request, checked.

    Raises `Refusal` as api.openai.com does (platform.openai.com/docs/api-reference/chat/create).
    """
    top = Fields(body, _COMPLAINTS)
    model = known_model(top, "chat")
    turns = top.items("messages", required=True)
    prompt_tokens, text = _conversation(turns)
    tools, tool_tokens = _tools(top)
    tool_choice, forced = _tool_choice(top, tools)
    stream = top.boolean("stream")
    _numbers(top)
    return Ask(
        model=model,
        served_model=openai_served(model) or model,
        stream=stream,
        prompt_tokens=prompt_tokens + tool_tokens,
        text=text,
        limit=_limit(top, model),
        choices=top.integer("n", 1, CHOICES_MAX) or 1,
        stops=stops(top),
        include_usage=include_usage(top, stream=stream),
        tools=tools,
        tool_choice=tool_choice,
        forced_tool=forced,
        parallel_calls=body.get("parallel_tool_calls") is not False,
    )


def known_model(top: Fields, kind: str, default: str | None = None) -> str:
    """The model that is asked for, which must be of that kind (see `models.openai_kinds`)."""
    model = top.string("model") or default
    if not model:
        raise Refusal(400, "you must provide a model parameter")
    if openai_served(model) is None:
        raise no_such_model(model)
    if kind not in openai_kinds(model):
        raise _other_kind(model, kind)
    return model


def no_such_model(model: str) -> Refusal:
    """404 `model_not_found`."""
    text = f"The model `{model}` does not exist or you do not have access to it."
    return Refusal(404, text, code="model_not_found")


def _other_kind(model: str, kind: str) -> Refusal:
    if kind == "chat":
        text = "This is not a chat model and thus not supported in the v1/chat/completions "
        return Refusal(404, f"{text}endpoint. Did you mean to use v1/completions?", param="model")
    if kind == "completions":
        text = "This is a chat model and not supported in the v1/completions endpoint. "
        return Refusal(404, f"{text}Did you mean to use v1/chat/completions?", param="model")
    if kind == "embeddings":
        return Refusal(403, "You are not allowed to generate embeddings from this model")
    text = f"The model '{model}' cannot be used with this endpoint."
    return Refusal(400, text, param="model", code="invalid_value")


def _conversation(turns: list[Fields]) -> tuple[int, str]:
    """All tokens of the messages, and the text of the last user turn.

    Tool messages after the last user message belong to its turn: their text is answered.
    """
    tokens = 0
    last = ""
    callers: set[str] = set()
    for turn in turns:
        role = turn.one_of("role", ROLES, required=True)
        turn_tokens, text = _content(turn, optional=role in {"assistant", "function"})
        tokens += turn_tokens + count_tokens(turn.string("name") or "")
        if role == "assistant":
            tokens += _calls(turn, callers)
        elif role == "tool":
            identifier = turn.string("tool_call_id", required=True)
            if identifier not in callers:
                text = "messages with role 'tool' must be a response to a preceding message "
                text = f"Invalid parameter: {text}with 'tool_calls'."
                raise Refusal(400, text, param=f"messages.[{turn.path[1]}].role")
        if role in {"user", "tool"}:
            last = text
    return tokens, last


def _content(turn: Fields, *, optional: bool) -> tuple[int, str]:
    content = turn.value.get("content")
    if isinstance(content, str):
        return count_tokens(content), content
    if content is None:
        if optional:
            return 0, ""
        turn.complaints.missing(turn.at("content"))
    if not isinstance(content, list):
        turn.complaints.wrong_type(turn.at("content"), "string or array", content)
    tokens = 0
    texts: list[str] = []
    for part in turn.items("content", required=True):
        kind = part.one_of("type", PART_TYPES, required=True)
        if kind == "text":
            text = part.string("text", required=True) or ""
            texts.append(text)
            tokens += count_tokens(text)
        else:
            tokens += TOKENS_PER_ATTACHMENT
    return tokens, "\n".join(texts)


def _calls(turn: Fields, callers: set[str]) -> int:
    tokens = 0
    for call in turn.items("tool_calls"):
        callers.add(call.string("id", required=True) or "")
        function = call.fields("function", required=True)
        if function is not None:
            tokens += count_tokens(function.string("name", required=True) or "")
            tokens += count_tokens(function.string("arguments", required=True) or "")
    return tokens


def _tools(top: Fields) -> tuple[dict[str, Any], int]:
    """The function tools by name, and the tokens of all definitions (compact JSON)."""
    found: dict[str, Any] = {}
    tokens = 0
    for tool in top.items("tools"):
        kind = tool.one_of("type", ("function", "custom"), required=True)
        if kind == "function":
            function = tool.fields("function", required=True)
            if function is not None:
                name = function.string("name", required=True) or ""
                function.fields("parameters")
                found[name] = function.value.get("parameters")
        tokens += count_tokens(encoded(tool.value).decode())
    return found, tokens


def _tool_choice(top: Fields, tools: dict[str, Any]) -> tuple[str, str | None]:
    choice = top.value.get("tool_choice")
    if choice is None:
        return "auto", None
    if not tools:
        text = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' "
        raise Refusal(400, f"{text}are specified.", param="tool_choice")
    if isinstance(choice, str):
        return top.one_of("tool_choice", ("none", "auto", "required")) or "auto", None
    asked = top.fields("tool_choice")
    function = None if asked is None else asked.fields("function", required=True)
    name = None if function is None else function.string("name", required=True)
    if name not in tools:
        text = f"Invalid value for 'tool_choice': no tool is named '{name}'."
        raise Refusal(400, text, param="tool_choice")
    return "required", name


def _limit(top: Fields, model: str) -> int | None:
    old = top.integer("max_tokens", 1)
    new = top.integer("max_completion_tokens", 1)
    if old is not None and new is not None:
        text = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise Refusal(400, text, code="invalid_parameter_combination")
    if old is not None and _reasons(model):
        text = "Unsupported parameter: 'max_tokens' is not supported with this model. "
        text += "Use 'max_completion_tokens' instead."
        raise Refusal(400, text, param="max_tokens", code="unsupported_parameter")
    return new if old is None else old


def _reasons(model: str) -> bool:
    """Whether it is one of the models that take only `max_completion_tokens`."""
    return model.startswith(("o1", "o3", "o4", "gpt-5", "gpt-6"))


def stops(top: Fields) -> tuple[str, ...]:
    """The field `stop`: a text or up to four."""
    stop = top.value.get("stop")
    if stop is None:
        return ()
    if isinstance(stop, str):
        return (stop,) if stop else ()
    if not isinstance(stop, list):
        top.complaints.wrong_type(top.at("stop"), "string or array", stop)
    for index, one in enumerate(stop):
        if not isinstance(one, str):
            top.complaints.wrong_type((*top.at("stop"), index), "string", one)
    if len(stop) > STOPS_MAX:
        text = f"Invalid 'stop': array too long. Expected an array with maximum length {STOPS_MAX}."
        raise Refusal(400, text, param="stop", code="array_above_max_length")
    return tuple(one for one in stop if one)


def include_usage(top: Fields, *, stream: bool) -> bool:
    """Whether `stream_options` asks for the usage at the end."""
    options = top.fields("stream_options")
    if options is None:
        return False
    if not stream:
        text = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise Refusal(400, text, param="stream_options")
    return options.boolean("include_usage")


def _numbers(top: Fields) -> None:
    top.number("temperature", 0, 2)
    top.number("top_p", 0, 1)
    top.number("frequency_penalty", -2, 2)
    top.number("presence_penalty", -2, 2)
    top.integer("top_logprobs", 0, 20)
    top.boolean("logprobs")
    top.boolean("parallel_tool_calls")
    top.string("user")
    top.fields("metadata")
    top.fields("response_format")
