"""POST /v1/responses for a provider that speaks another API: the body as a conversation."""

from typing import Literal

import msgspec

from common.dialects.base import BadRequest
from common.translation.conversation import (
    Conversation,
    Effort,
    OutputFormat,
    ThinkingMode,
    Tool,
    ToolChoice,
)
from common.translation.members import (
    COUNT,
    FLAG,
    NUMBER,
    TEXT,
    Members,
    is_text,
    meaning,
    text_in,
)
from common.translation.openai_responses.input_reader import InputReader

# Without influence on the answer: labels, keys of caches, what bounds hosted tools.
_DROPPED = frozenset(
    {
        "max_tool_calls",
        "metadata",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "stream_options",
        "user",
    }
)
_DEFAULTS = {"background": (b"false",), "truncation": (b'"disabled"',)}
_TOOL_DEFAULTS = {
    "async": (b"false",),
    "defer_loading": (b"false",),
    "allowed_callers": (b'["direct"]',),
}
_CACHE_OPTIONS = frozenset({"comparison_response_id", "mode", "ttl"})
_ELSEWHERE = {
    "previous_response_id": "no stored response of another provider can be gone on from: "
    "send the conversation's items in 'input'",
    "conversation": "conversations are kept by OpenAI: send the items in 'input'",
    "prompt": "prompt templates are kept by OpenAI: send their text in 'instructions'",
}
ENCRYPTED = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"
_EFFORTS: dict[str, Effort] = {
    effort: effort for effort in ("none", "minimal", "low", "medium", "high", "xhigh", "max")
}
_SUMMARIES = {word: word for word in ("auto", "concise", "detailed")}
_MODES: dict[str, Literal["none", "auto", "any"]] = {
    "none": "none",
    "auto": "auto",
    "required": "any",
}
_FIELDS = {
    "system": "instructions",
    "messages": "input",
    "output_format": "text.format",
    "thinking": "reasoning",
    "thinking.effort": "reasoning.effort",
    "thinking.shown": "reasoning.summary",
    "tool_choice.parallel": "parallel_tool_calls",
    "logprobs": "include",
}


def read_request(body: bytes, model: str, *, stream: bool) -> Conversation:
    """See `common.translation.base.Format`."""
    members = Members(body)
    _refuse_what_is_kept(members)
    logprobs = _read_include(members)
    top_logprobs = members.take("top_logprobs", COUNT)
    given = InputReader()
    instructions = members.take("instructions", TEXT)
    if instructions is not None:
        given.instruct(instructions)
    given.read(members)
    parallel = members.take("parallel_tool_calls", FLAG)
    streamed = members.take("stream", FLAG)
    conversation = Conversation(
        model=members.take("model", TEXT) or model,
        system=tuple(given.system),
        messages=given.messages(),
        tools=_read_tools(members),
        tool_choice=_read_choice(members, parallel),
        output_format=_read_format(members),
        thinking=_read_reasoning(members),
        max_output_tokens=members.take("max_output_tokens", COUNT),
        temperature=members.take("temperature", NUMBER),
        top_p=members.take("top_p", NUMBER),
        logprobs=True if logprobs or top_logprobs else None,
        top_logprobs=top_logprobs,
        service_tier=members.take("service_tier", TEXT),
        user=_read_user(members),
        stream=streamed or stream,
        include_usage=True,
        fields=_FIELDS | given.fields,
    )
    members.finish(_DROPPED, _DEFAULTS)
    return conversation


def _refuse_what_is_kept(members: Members) -> None:
    for name, why in _ELSEWHERE.items():
        if members.has(name):
            raise BadRequest(f"{name!r} cannot be passed on to this model's provider: {why}", name)
    stored = members.take("store", FLAG)
    if stored:
        raise BadRequest(
            "'store': true cannot be had of this model's provider, which keeps no responses: "
            "leave it out, or set it to false",
            "store",
        )
    options = members.object("prompt_cache_options")
    if options is not None:
        options.finish(_CACHE_OPTIONS, {"prewarm": (b"false",)})


def _read_include(members: Members) -> bool:
    """Whether logprobs are asked for. Encrypted thoughts are given without being asked for."""
    asked = False
    for raw, path in members.array("include") or ():
        wanted = msgspec.json.decode(raw)
        if wanted == LOGPROBS:
            asked = True
        elif wanted != ENCRYPTED:
            raise BadRequest(f"{path!r} cannot be had of this model's provider: {wanted!r}", path)
    return asked


def _read_user(members: Members) -> str | None:
    user = members.take("user", TEXT)
    return members.take("safety_identifier", TEXT) or user


def _read_tools(members: Members) -> tuple[Tool, ...]:
    tools = []
    for tool in members.objects("tools") or ():
        kind = tool.need("type", TEXT)
        if kind != "function":
            raise BadRequest(
                f"Only tools of type 'function' can be passed on to this model's provider, "
                f"not {kind[:100]!r}",
                tool.path_of("type"),
            )
        tools.append(
            Tool(
                name=tool.need("name", TEXT),
                description=tool.take("description", TEXT),
                parameters=tool.raw("parameters"),
                strict=tool.take("strict", FLAG),
            )
        )
        tool.finish(defaults=_TOOL_DEFAULTS)
    return tuple(tools)


def _read_choice(members: Members, parallel: bool | None) -> ToolChoice | None:
    raw = members.raw("tool_choice")
    if raw is None:
        return None if parallel is None else ToolChoice(parallel=parallel)
    if is_text(raw):
        mode = meaning(text_in(raw, "tool_choice"), _MODES, "tool_choice")
        return ToolChoice(mode, parallel=parallel)
    choice = Members(raw, "tool_choice")
    kind = choice.need("type", TEXT)
    if kind != "function":
        raise BadRequest(
            f"A 'tool_choice' of type {kind[:100]!r} cannot be passed on to this model's provider",
            "tool_choice.type",
        )
    name = choice.need("name", TEXT)
    choice.finish()
    return ToolChoice("named", name, parallel)


def _read_format(members: Members) -> OutputFormat | None:
    text = members.object("text")
    if text is None:
        return None
    form = text.object("format")
    # What the API answers with when it was not asked for.
    text.finish(defaults={"verbosity": (b'"medium"',)})
    if form is None:
        return None
    kind = form.word("type", {"text": "text", "json_object": "json", "json_schema": "schema"})
    if kind is None:
        raise form.missing("type")
    if kind != "schema":
        form.finish()
        return None if kind == "text" else OutputFormat("json")
    schema = form.raw("schema")
    if schema is None:
        raise form.missing("schema")
    read = OutputFormat(
        "schema",
        form.need("name", TEXT),
        form.take("description", TEXT),
        schema,
        form.take("strict", FLAG),
    )
    form.finish()
    return read


def _read_reasoning(members: Members) -> ThinkingMode | None:
    reasoning = members.object("reasoning")
    if reasoning is None:
        return None
    effort = reasoning.word("effort", _EFFORTS)
    older = reasoning.word("generate_summary", _SUMMARIES)
    # How long a summary is to be is the provider's choice.
    shown = (reasoning.word("summary", _SUMMARIES) or older) is not None
    reasoning.finish(defaults={"mode": (b'"standard"',), "context": (b'"auto"',)})
    if effort is None and not shown:
        return None
    return ThinkingMode(enabled=effort != "none", effort=effort, shown=shown)
