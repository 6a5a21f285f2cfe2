"""POST /v1/messages: what Anthropic refuses, and what the rest of it asks for."""

from typing import Any

from echo_provider.ask import Ask, Thinking
from echo_provider.checks import AnthropicComplaints, Fields
from echo_provider.models import anthropic_served
from echo_provider.refusals import Refusal, encoded
from echo_provider.signatures import is_signature
from echo_provider.tokens import count_tokens

ROLES = ("user", "assistant")
# What counts for an image, a document, or another block that is no text.
TOKENS_PER_ATTACHMENT = 85
THINKING_TOKENS_MIN = 1024
SIGNATURE_KIND = "anthropic"

_COMPLAINTS = AnthropicComplaints()
_WORD_BLOCKS = {"thinking": "thinking", "redacted_thinking": "data"}


def parse_messages(body: dict[str, Any], *, counting: bool = False) -> Ask:
    """The request, checked; `counting` is for count_tokens, which takes no max_tokens.

    Raises `Refusal` as api.anthropic.com does (docs.anthropic.com/en/api/messages).
    """
    top = Fields(body, _COMPLAINTS)
    model = top.string("model", required=True) or ""
    limit = top.integer("max_tokens", 1, required=not counting)
    turns = top.items("messages", required=True)
    prompt_tokens, text = _conversation(turns)
    tools, tool_tokens = _tools(top)
    tool_choice, forced, parallel = _tool_choice(top, tools)
    top.number("temperature", 0, 1)
    top.number("top_p", 0, 1)
    top.integer("top_k", 0)
    top.fields("metadata")
    thinking = _thinking(top, limit)
    served = anthropic_served(model)
    if served is None:
        raise no_such_model(model)
    return Ask(
        model=model,
        served_model=served,
        stream=top.boolean("stream"),
        prompt_tokens=prompt_tokens + tool_tokens + _system(top),
        text=text,
        limit=limit,
        stops=_stops(top),
        include_usage=True,
        tools=tools,
        tool_choice=tool_choice,
        forced_tool=forced,
        parallel_calls=parallel,
        thinking=thinking,
    )


def no_such_model(model: str) -> Refusal:
    """404 `not_found_error`."""
    return Refusal(404, f"model: {model}")


def _system(top: Fields) -> int:
    system = top.value.get("system")
    if system is None:
        return 0
    if isinstance(system, str):
        return count_tokens(system)
    if not isinstance(system, list):
        top.complaints.wrong_type(top.at("system"), "string or array", system)
    tokens = 0
    for block in top.items("system"):
        block.one_of("type", ("text",), required=True)
        tokens += count_tokens(block.string("text", required=True) or "")
    return tokens


def _conversation(turns: list[Fields]) -> tuple[int, str]:
    """All tokens of the messages, and the text of the last user message.

    A message that has only tool results is answered with their text.
    """
    tokens = 0
    last = ""
    for index, turn in enumerate(turns):
        role = turn.string("role", required=True)
        if role == "system":
            text = 'messages: Unexpected role "system". The Messages API accepts a top-level '
            raise Refusal(400, f'{text}`system` parameter, not "system" as an input message role.')
        turn.one_of("role", ROLES, required=True)
        prefill = role == "assistant" and index == len(turns) - 1
        turn_tokens, text = _content(turn, may_be_empty=prefill)
        tokens += turn_tokens
        if role == "user":
            last = text
    return tokens, last


def _content(turn: Fields, *, may_be_empty: bool = False) -> tuple[int, str]:
    content = turn.value.get("content")
    if content is None:
        turn.complaints.missing(turn.at("content"))
    if isinstance(content, str):
        if not content.strip() and not may_be_empty:
            raise Refusal(400, "messages: text content blocks must be non-empty")
        return count_tokens(content), content
    if not isinstance(content, list):
        turn.complaints.wrong_type(turn.at("content"), "string or array", content)
    if not content and not may_be_empty:
        raise Refusal(400, f"messages.{turn.path[1]}: all messages must have non-empty content")
    tokens = 0
    texts: list[str] = []
    results: list[str] = []
    for block in turn.items("content"):
        block_tokens, text = _block(block)
        tokens += block_tokens
        if block.value["type"] == "text":
            texts.append(text)
        elif block.value["type"] == "tool_result":
            results.append(text)
    return tokens, "\n".join(texts or results)


def _block(block: Fields) -> tuple[int, str]:
    """A block's tokens, and its text if it is text or a tool's result."""
    kind = block.string("type", required=True) or ""
    if kind == "text":
        text = block.string("text", required=True) or ""
        if not text.strip():
            raise Refusal(400, "messages: text content blocks must be non-empty")
        return count_tokens(text), text
    if kind == "tool_use":
        block.string("id", required=True)
        arguments = block.fields("input", required=True)
        written = encoded(arguments.value if arguments else {}).decode()
        return count_tokens(block.string("name", required=True) or "") + count_tokens(written), ""
    if kind == "tool_result":
        block.string("tool_use_id", required=True)
        return _content(block, may_be_empty=True) if block.value.get("content") else (0, "")
    if kind == "thinking":
        _check_signature(block)
    if kind in _WORD_BLOCKS:
        return count_tokens(block.string(_WORD_BLOCKS[kind]) or ""), ""
    return TOKENS_PER_ATTACHMENT, ""


def _check_signature(block: Fields) -> None:
    """Thoughts come back as they were sent; what is hidden of one is in its signature alone."""
    signature = block.string("signature", required=True) or ""
    thought = block.value.get("thinking")
    if not isinstance(thought, str):
        block.complaints.missing(block.at("thinking"))
    if not is_signature(SIGNATURE_KIND, thought, signature):
        place = ".".join(str(step) for step in block.path)
        raise Refusal(400, f"{place}: Invalid `signature` in `thinking` block")


def _tools(top: Fields) -> tuple[dict[str, Any], int]:
    """The caller's own tools by name, and the tokens of all definitions (compact JSON)."""
    found: dict[str, Any] = {}
    tokens = 0
    for tool in top.items("tools"):
        name = tool.string("name", required=True) or ""
        if tool.value.get("type") in {None, "custom"}:
            tool.fields("input_schema", required=True)
            found[name] = tool.value["input_schema"]
        tokens += count_tokens(encoded(tool.value).decode())
    return found, tokens


def _tool_choice(top: Fields, tools: dict[str, Any]) -> tuple[str, str | None, bool]:
    choice = top.fields("tool_choice")
    if choice is None:
        return "auto", None, True
    kind = choice.one_of("type", ("auto", "any", "tool", "none"), required=True) or "auto"
    parallel = not choice.boolean("disable_parallel_tool_use")
    if not tools:
        raise Refusal(400, "tool_choice: tool_choice may only be specified while providing tools.")
    if kind != "tool":
        return ("required" if kind == "any" else kind), None, parallel
    name = choice.string("name", required=True)
    if name not in tools:
        raise Refusal(400, f"tool_choice: Tool '{name}' not found in provided tools")
    return "required", name, parallel


def _thinking(top: Fields, limit: int | None) -> Thinking:
    thinking = top.fields("thinking")
    if thinking is None:
        return "off"
    kind = thinking.one_of("type", ("enabled", "disabled", "adaptive"), required=True)
    display = thinking.one_of("display", ("summarized", "omitted"))
    if kind == "disabled":
        return "off"
    shown: Thinking = "hidden" if display == "omitted" else "shown"
    if kind == "adaptive":
        return shown
    budget = thinking.integer("budget_tokens", THINKING_TOKENS_MIN, required=True) or 0
    if limit is not None and limit <= budget:
        raise Refusal(400, "`max_tokens` must be greater than `thinking.budget_tokens`.")
    return shown


def _stops(top: Fields) -> tuple[str, ...]:
    stops = top.array("stop_sequences") or []
    for index, stop in enumerate(stops):
        if not isinstance(stop, str):
            top.complaints.wrong_type((*top.at("stop_sequences"), index), "string", stop)
        if not stop.strip():
            text = "each stop sequence must contain non-whitespace"
            raise Refusal(400, f"stop_sequences: {text}")
    return tuple(stops)
