"""A conversation as the body of POST /v1/responses."""

from typing import Any

import msgspec

from common.translation.conversation import (
    CannotExpress,
    Conversation,
    Media,
    Message,
    OutputFormat,
    Part,
    Refused,
    Text,
    ThinkingMode,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from common.translation.conversation import Thinking as Thought
from common.translation.efforts import effort_of
from common.translation.media import data_url
from common.translation.openai_responses.items import NAME, sealed_for_provider
from common.translation.openai_responses.request_reader import ENCRYPTED, LOGPROBS

# What `user` may have at OpenAI. It has no influence on the answer, so a longer one is left out.
_USER_CHARACTERS_MAX = 64
_TIERS = frozenset({"auto", "default", "flex", "priority", "fast", "scale", "ultrafast"})
_TIER_NAMES = {"standard_only": "default"}  # Anthropic's
_ENDINGS = {
    "application/pdf": "pdf",
    "text/plain": "txt",
    "text/markdown": "md",
    "text/csv": "csv",
    "text/html": "html",
    "application/json": "json",
}
# The API has no other words for it than words.
_FAILED = "Error:"


def write_request(conversation: Conversation, served_model: str) -> bytes:
    """See `common.translation.base.Format`."""
    _refuse_what_has_no_words(conversation)
    choice = conversation.tool_choice or ToolChoice()
    body: dict[str, Any] = {
        "model": served_model,
        "input": _items_of(conversation),
        # Nobody could ask for it by the id that the caller has.
        "store": False,
    }
    optional = {
        "instructions": _instructions(conversation),
        "tools": [tool_of(tool) for tool in conversation.tools] or None,
        "tool_choice": choice_of(choice) if conversation.tool_choice else None,
        "parallel_tool_calls": choice.parallel,
        "text": format_of(conversation.output_format),
        "reasoning": reasoning_of(conversation.thinking),
        "include": _include(conversation) or None,
        "max_output_tokens": conversation.max_output_tokens,
        "temperature": conversation.temperature,
        "top_p": conversation.top_p,
        "top_logprobs": conversation.top_logprobs,
        "service_tier": _tier(conversation.service_tier),
        "user": _user(conversation.user),
        "stream": conversation.stream or None,
    }
    body |= {name: value for name, value in optional.items() if value is not None}
    return msgspec.json.encode(body)


def _refuse_what_has_no_words(conversation: Conversation) -> None:
    given = {
        "top_k": conversation.top_k,
        "stop": conversation.stop,
        "seed": conversation.seed,
        "presence_penalty": conversation.presence_penalty,
        "frequency_penalty": conversation.frequency_penalty,
    }
    for attribute, value in given.items():
        # 0 is the penalties' default; of a seed or of `top_k` it says something.
        if value is None or value == () or (value == 0 and attribute.endswith("penalty")):
            continue
        raise CannotExpress(attribute, "the Responses API has no such parameter")


def _instructions(conversation: Conversation) -> str | None:
    return conversation.system[0].text if len(conversation.system) == 1 else None


def _items_of(conversation: Conversation) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if len(conversation.system) > 1:
        parts = [_input_text(text) for text in conversation.system]
        items.append({"type": "message", "role": "system", "content": parts})
    for at, message in enumerate(conversation.messages):
        path = f"messages.{at}"
        if message.role == "assistant":
            items += _assistant_items(message, path)
        else:
            items += _user_items(message, path)
    return items


def _user_items(message: Message, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    content: list[dict[str, Any]] = []
    for at, part in enumerate(message.parts):
        if isinstance(part, ToolResult):
            content = []
            items.append(
                {
                    "type": "function_call_output",
                    "call_id": part.call_id,
                    "output": _output(part, f"{path}.parts.{at}"),
                }
            )
            continue
        if not content:
            items.append({"type": "message", "role": message.role, "content": content})
        content.append(_input_part(part, f"{path}.parts.{at}"))
    return items


def _output(result: ToolResult, path: str) -> str | list[dict[str, Any]]:
    parts: tuple[Text | Media, ...] = result.parts
    if result.is_error and not _first_text(parts).lower().startswith("error"):
        parts = (Text(_FAILED), *parts)
    if not parts:
        return ""
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text
    return [_input_part(part, path) for part in parts]


def _first_text(parts: tuple[Text | Media, ...]) -> str:
    return parts[0].text if parts and isinstance(parts[0], Text) else ""


def _input_part(part: Part, path: str) -> dict[str, Any]:
    if isinstance(part, Text):
        return _input_text(part)
    if not isinstance(part, Media):
        raise CannotExpress(path, "only the model's own messages can hold this")
    if part.kind == "audio":
        raise CannotExpress(path, "the Responses API takes no recordings")
    if part.kind == "image":
        url = part.url if part.data is None else data_url(part)
        return {"type": "input_image", "image_url": url, "detail": part.detail or "auto"}
    named = {"filename": part.name} if part.name else {}
    if part.data is None:
        return {"type": "input_file", "file_url": part.url} | named
    # The API tells what a file is by its name.
    named = named or {"filename": f"document.{_ENDINGS.get(part.media_type, 'bin')}"}
    return {"type": "input_file", "file_data": data_url(part)} | named


def _input_text(text: Text) -> dict[str, Any]:
    return {"type": "input_text", "text": text.text}


def _assistant_items(message: Message, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for at, part in enumerate(message.parts):
        if isinstance(part, Text):
            items.append({"type": "message", "role": "assistant", "content": part.text})
        elif isinstance(part, Refused):
            refusal = {"type": "refusal", "refusal": part.text}
            items.append(
                {
                    "type": "message",
                    "role": "assistant",
                    "id": f"msg_{path.removeprefix('messages.')}_{at}",
                    "status": "completed",
                    "content": [refusal],
                }
            )
        elif isinstance(part, ToolCall):
            items.append(
                {
                    "type": "function_call",
                    "call_id": part.id,
                    "name": part.name,
                    "arguments": part.arguments or "{}",
                }
            )
        elif isinstance(part, Thought):
            items += _reasoning_items(part)
        else:
            raise CannotExpress(f"{path}.parts.{at}", "the model's own messages cannot hold this")
    return items


def _reasoning_items(thought: Thought) -> list[dict[str, Any]]:
    # Another format's thoughts mean nothing here, and what is not sealed is not kept.
    if thought.origin != NAME or thought.signature is None:
        return []
    item_id, encrypted = sealed_for_provider(thought.signature)
    summary = [{"type": "summary_text", "text": thought.text}] if thought.text else []
    item = {"type": "reasoning", "summary": summary, "encrypted_content": encrypted}
    return [item | ({"id": item_id} if item_id is not None else {})]


def tool_of(tool: Tool) -> dict[str, Any]:
    """A value of `tools`."""
    written = {
        "type": "function",
        "name": tool.name,
        "parameters": tool.parameters,
        # The API's own default is strict, which rewrites schemas; no other dialect's is.
        "strict": bool(tool.strict),
    }
    return written | ({"description": tool.description} if tool.description is not None else {})


def choice_of(choice: ToolChoice) -> str | dict[str, Any]:
    """The `tool_choice` parameter."""
    if choice.mode == "named":
        return {"type": "function", "name": choice.name}
    return "required" if choice.mode == "any" else choice.mode


def format_of(form: OutputFormat | None) -> dict[str, Any] | None:
    """The `text` parameter."""
    if form is None:
        return None
    if form.kind == "json":
        return {"format": {"type": "json_object"}}
    written: dict[str, Any] = {"type": "json_schema", "name": form.name, "schema": form.schema}
    if form.description is not None:
        written["description"] = form.description
    if form.strict is not None:
        written["strict"] = form.strict
    return {"format": written}


def reasoning_of(mode: ThinkingMode | None) -> dict[str, Any] | None:
    """The `reasoning` parameter."""
    if mode is None:
        return None
    effort = effort_of(mode)
    # Models that do not think refuse to be told so; None leaves it to the model.
    written: dict[str, Any] = {} if effort is None else {"effort": effort}
    if mode.shown and mode.enabled:
        written["summary"] = "auto"
    return written or None


def _include(conversation: Conversation) -> list[str]:
    wanted = [LOGPROBS] if conversation.logprobs else []
    # Models that do not think refuse to be asked for it, so only who asked for thoughts asks.
    if conversation.thinking is not None and conversation.thinking.enabled:
        wanted.append(ENCRYPTED)
    return wanted


def _tier(tier: str | None) -> str | None:
    if tier is None:
        return None
    named = _TIER_NAMES.get(tier, tier)
    if named not in _TIERS:
        raise CannotExpress("service_tier", f"the Responses API has no tier {tier[:100]!r}")
    return named


def _user(user: str | None) -> str | None:
    return user if user and len(user) <= _USER_CHARACTERS_MAX else None
