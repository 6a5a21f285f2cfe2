"""POST /v1/responses: what OpenAI refuses, and what the rest of it asks for."""

import secrets
from dataclasses import dataclass
from typing import Any

from echo_provider.ask import Ask
from echo_provider.checks import Fields, OpenAIComplaints
from echo_provider.models import openai_served
from echo_provider.openai_requests import TOKENS_PER_ATTACHMENT, known_model
from echo_provider.refusals import Refusal, encoded
from echo_provider.responses_store import Conversation, ResponseStore
from echo_provider.signatures import is_signature
from echo_provider.tokens import count_tokens

ROLES = ("user", "assistant", "system", "developer")
MAX_OUTPUT_TOKENS_MIN = 16
SIGNATURE_KIND = "openai"
_TEXT_PARTS = {"input_text": "text", "output_text": "text", "refusal": "refusal"}
_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fc",
    "reasoning": "rs",
}
_COMPLAINTS = OpenAIComplaints()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseAsk:
    """What a request wants: the text by `ask`, the rest of it in the response object.

    `items` are the input's own, with their ids; `before` is the conversation up to the answer,
    without instructions and tools, which the next request does not inherit; with `encrypted` the
    reasoning is given to the caller too, sealed.
    """

    ask: Ask
    fields: dict[str, Any]
    items: list[dict[str, Any]]
    before: Conversation
    store: bool
    background: bool
    encrypted: bool


def parse_response(body: dict[str, Any], store: ResponseStore) -> ResponseAsk:
    """The request, checked.

    Raises `Refusal` as api.openai.com does (platform.openai.com/docs/api-reference/responses).
    """
    top = Fields(body, _COMPLAINTS)
    model = known_model(top, "chat")
    stream = top.boolean("stream")
    stored = body.get("store") is None or top.boolean("store")
    background = top.boolean("background")
    if background and not stored:
        text = "Background mode requires 'store' to be true."
        raise Refusal(400, text, param="background", code="invalid_value")
    previous = top.string("previous_response_id")
    context = store.conversation(previous) if previous else Conversation()
    items = _items(top)
    reader = _InputReader(context)
    for item in items:
        reader.read(item)
    reader.check()
    top.fields("reasoning")
    tools, tool_tokens = _tools(top)
    tool_choice, forced = _tool_choice(top, tools)
    before = Conversation(tokens=context.tokens + reader.tokens)
    instructions = count_tokens(top.string("instructions") or "")
    ask = Ask(
        model=model,
        served_model=openai_served(model) or model,
        stream=stream,
        prompt_tokens=before.tokens + instructions + tool_tokens,
        text=reader.text,
        limit=top.integer("max_output_tokens", MAX_OUTPUT_TOKENS_MIN),
        tools=tools,
        tool_choice=tool_choice,
        forced_tool=forced,
        parallel_calls=body.get("parallel_tool_calls") is not False,
        in_memory=True,
        thinking="shown" if (body.get("reasoning") or {}).get("summary") else "hidden",
    )
    return ResponseAsk(
        ask=ask,
        fields=_fields(top, ask.served_model, stored=stored, background=background),
        items=[_listed(item) for item in items],
        before=before,
        store=stored,
        background=background,
        encrypted="reasoning.encrypted_content" in (top.array("include") or ()),
    )


class _InputReader:
    """Counts the items of an input, finds its last text, and pairs calls with their outputs."""

    def __init__(self, context: Conversation) -> None:
        self.tokens = 0
        self.text = ""
        self._open = list(context.open_calls)
        self._answered: set[str] = set()

    def read(self, item: Fields) -> None:
        """Take one item."""
        kind = item.string("type") or ("message" if "role" in item.value else None)
        if kind is None:
            item.string("type", required=True)
        if kind == "message":
            role = item.one_of("role", ROLES, required=True)
            self._count(item, "content", answered=role == "user")
        elif kind == "function_call":
            self.tokens += count_tokens(item.string("name", required=True) or "")
            self.tokens += count_tokens(item.string("arguments", required=True) or "")
            self._open.append(item.string("call_id", required=True) or "")
        elif kind == "function_call_output":
            self._output(item)
        elif kind == "reasoning":
            _check_reasoning(item)
        elif kind != "item_reference":
            self.tokens += count_tokens(encoded(item.value).decode())

    def check(self) -> None:
        """Raises `Refusal` for a call whose output is missing."""
        for call in self._open:
            if call not in self._answered:
                text = f"No tool output found for function call {call}."
                raise Refusal(400, text, param="input")

    def _output(self, item: Fields) -> None:
        call = item.string("call_id", required=True) or ""
        if call not in self._open:
            text = f"No tool call found for function call output with call_id {call}."
            raise Refusal(400, text, param="input")
        self._answered.add(call)
        self._count(item, "output", answered=True)

    def _count(self, item: Fields, name: str, *, answered: bool) -> None:
        tokens, text = _content(item, name)
        self.tokens += tokens
        if answered:
            self.text = text


def _check_reasoning(item: Fields) -> None:
    sealed = item.string("encrypted_content")
    if sealed is not None and not is_signature(SIGNATURE_KIND, "", sealed):
        text = "The encrypted content could not be verified. Reason: Encrypted content could not "
        text += "be decrypted or parsed."
        raise Refusal(400, text, code="invalid_encrypted_content")


def _items(top: Fields) -> list[Fields]:
    value = top.value.get("input")
    if value is None:
        top.complaints.missing(top.at("input"))
    if isinstance(value, str):
        item = {"type": "message", "role": "user", "content": value}
        return [Fields(item, _COMPLAINTS, (*top.at("input"), 0))]
    if not isinstance(value, list):
        top.complaints.wrong_type(top.at("input"), "string or array", value)
    return top.items("input", required=True)


def _content(item: Fields, name: str) -> tuple[int, str]:
    content = item.value.get(name)
    if content is None:
        item.complaints.missing(item.at(name))
    if isinstance(content, str):
        return count_tokens(content), content
    if not isinstance(content, list):
        item.complaints.wrong_type(item.at(name), "string or array", content)
    tokens = 0
    texts: list[str] = []
    for part in item.items(name):
        kind = part.string("type", required=True) or ""
        if kind in _TEXT_PARTS:
            text = part.string(_TEXT_PARTS[kind], required=True) or ""
            texts.append(text)
            tokens += count_tokens(text)
        else:
            tokens += TOKENS_PER_ATTACHMENT
    return tokens, "\n".join(texts)


def _listed(item: Fields) -> dict[str, Any]:
    """An item as /input_items shows it: with an id, a status, and its content in parts."""
    kind = item.value.get("type") or "message"
    value: dict[str, Any] = {**item.value, "type": kind}
    value.setdefault("id", f"{_PREFIXES.get(kind, 'item')}_{secrets.token_hex(24)}")
    value.setdefault("status", "completed")
    if kind == "message" and isinstance(value.get("content"), str):
        part = "output_text" if value.get("role") == "assistant" else "input_text"
        value["content"] = [{"type": part, "text": value["content"]}]
        if part == "output_text":
            value["content"][0]["annotations"] = []
    return value


def _tools(top: Fields) -> tuple[dict[str, Any], int]:
    """The function tools by name, and the tokens of all definitions (compact JSON)."""
    found: dict[str, Any] = {}
    tokens = 0
    for tool in top.items("tools"):
        if tool.string("type", required=True) == "function":
            name = tool.string("name", required=True) or ""
            tool.fields("parameters")
            found[name] = tool.value.get("parameters")
        tokens += count_tokens(encoded(tool.value).decode())
    return found, tokens


def _tool_choice(top: Fields, tools: dict[str, Any]) -> tuple[str, str | None]:
    choice = top.value.get("tool_choice")
    if choice is None:
        return "auto", None
    if isinstance(choice, str):
        return top.one_of("tool_choice", ("none", "auto", "required")) or "auto", None
    asked = top.fields("tool_choice")
    if asked is None or asked.string("type", required=True) != "function":
        return "auto", None
    name = asked.string("name", required=True)
    if name not in tools:
        text = f"Tool choice '{name}' not found in 'tools' parameter."
        raise Refusal(400, text, param="tool_choice")
    return "required", name


def _fields(top: Fields, model: str, *, stored: bool, background: bool) -> dict[str, Any]:
    """What the response object repeats of the request."""
    top.number("temperature", 0, 2)
    top.number("top_p", 0, 1)
    for name in ("metadata", "reasoning", "text"):
        top.fields(name)
    given = top.value
    return {
        "background": background,
        "instructions": given.get("instructions"),
        "max_output_tokens": given.get("max_output_tokens"),
        "max_tool_calls": given.get("max_tool_calls"),
        "model": model,
        "parallel_tool_calls": given.get("parallel_tool_calls") is not False,
        "previous_response_id": given.get("previous_response_id"),
        "prompt_cache_key": given.get("prompt_cache_key"),
        "reasoning": given.get("reasoning") or {"effort": None, "summary": None},
        "safety_identifier": given.get("safety_identifier"),
        "service_tier": "default",
        "store": stored,
        "temperature": given.get("temperature", 1.0),
        "text": given.get("text") or {"format": {"type": "text"}},
        "tool_choice": given.get("tool_choice") or "auto",
        "tools": given.get("tools") or [],
        "top_logprobs": given.get("top_logprobs") or 0,
        "top_p": given.get("top_p", 1.0),
        "truncation": given.get("truncation") or "disabled",
        "user": given.get("user"),
        "metadata": given.get("metadata") or {},
    }
