"""Conversations, written as requests to Anthropic's messages.

Source: anthropic.types.message_create_params of anthropic-sdk-python, and
https://platform.claude.com/docs/en/api/messages for the sampling parameters, which models before
Claude 4.7 take.
"""

import re
from base64 import b64decode
from typing import Any

import msgspec

from common.translation.anthropic.request_reader import NAME
from common.translation.anthropic.thinking import write_thinking
from common.translation.conversation import (
    CannotExpress,
    Conversation,
    Media,
    Message,
    OutputFormat,
    Part,
    Refused,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")
_CACHED = {"type": "ephemeral"}
_NO_PARAMETERS = {"type": "object", "properties": {}}
# Of OpenAI's tiers: what they bill at the standard price.
_TIERS = {"auto": "auto", "default": "standard_only"}
_Wire = dict[str, Any]


def write_request(conversation: Conversation, served_model: str) -> bytes:
    """The body. Raises `CannotExpress`."""
    _refuse(conversation)
    max_tokens, thinking, effort = write_thinking(conversation, served_model, NAME)
    body: _Wire = {"model": served_model, "max_tokens": max_tokens}
    if conversation.system:
        body["system"] = _text_content(conversation.system)
    messages = [
        _message(message, f"messages.{at}") for at, message in enumerate(conversation.messages)
    ]
    # What the model said may be nothing but thoughts of another.
    body["messages"] = [one for one in messages if one["content"] or one["role"] == "user"]
    if conversation.tools:
        body["tools"] = [_tool(tool) for tool in conversation.tools]
        if conversation.tool_choice is not None:
            body["tool_choice"] = _tool_choice(conversation.tool_choice)
    config = {"effort": effort, "format": _format(conversation.output_format)}
    config = {name: value for name, value in config.items() if value is not None}
    tier = conversation.service_tier
    optional = {
        "thinking": thinking,
        "output_config": config or None,
        "temperature": conversation.temperature,
        "top_p": conversation.top_p,
        "top_k": conversation.top_k,
        "stop_sequences": list(conversation.stop) or None,
        "service_tier": None if tier is None else _TIERS[tier],
        "metadata": None if conversation.user is None else {"user_id": conversation.user},
        "stream": conversation.stream or None,
    }
    body |= {name: value for name, value in optional.items() if value is not None}
    return msgspec.json.encode(body)


def _refuse(conversation: Conversation) -> None:
    """Raises `CannotExpress`; what says no more than a default is nothing to refuse."""
    if conversation.temperature is not None and conversation.temperature > 1:
        raise CannotExpress("temperature", "Anthropic's API takes at most 1")
    absent = ("seed", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs")
    for name in absent:
        if getattr(conversation, name) not in (None, 0, False) or (
            name == "seed" and conversation.seed is not None
        ):
            raise CannotExpress(name, "Anthropic's API has no such parameter")
    if conversation.service_tier is not None and conversation.service_tier not in _TIERS:
        raise CannotExpress("service_tier", f"Anthropic's API has no {conversation.service_tier!r}")


def _message(message: Message, at: str) -> _Wire:
    if message.role != "user":
        blocks = [_block(part, f"{at}.parts.{index}") for index, part in enumerate(message.parts)]
        return {"role": message.role, "content": [block for block in blocks if block is not None]}
    if len(message.parts) == 1 and isinstance(text := message.parts[0], Text) and not text.cached:
        return {"role": "user", "content": text.text}
    blocks = [_block(part, f"{at}.parts.{index}") for index, part in enumerate(message.parts)]
    written = [block for block in blocks if block is not None]
    # Results must come first in their turn.
    written.sort(key=lambda block: block["type"] != "tool_result")
    return {"role": "user", "content": written}


def _text_content(texts: tuple[Text, ...]) -> Any:
    if len(texts) == 1 and not texts[0].cached:
        return texts[0].text
    return [block for text in texts if (block := _block(text, "system")) is not None]


def _block(part: Part, path: str) -> _Wire | None:
    """None for what has no place there: empty texts, and thoughts that another model had."""
    if isinstance(part, Thinking):
        return _thought(part)
    if isinstance(part, Refused):
        return {"type": "text", "text": part.text}
    if isinstance(part, Text):
        if not part.text:
            return None  # Anthropic refuses empty ones
        block: _Wire = {"type": "text", "text": part.text}
    elif isinstance(part, Media):
        block = _media(part, path)
    elif isinstance(part, ToolCall):
        block = {"type": "tool_use", "id": _id(part.id), "name": part.name}
        block["input"] = _arguments(part, path)
    else:
        block = _result(part, path)
    if part.cached:
        block["cache_control"] = _CACHED
    return block


def _thought(part: Thinking) -> _Wire | None:
    """Its own, untouched: only what Anthropic has signed does it take back."""
    if part.origin != NAME:
        return None
    if part.redacted is not None:
        return {"type": "redacted_thinking", "data": part.redacted}
    if part.signature is None:
        return None
    return {"type": "thinking", "thinking": part.text, "signature": part.signature}


def _arguments(call: ToolCall, path: str) -> msgspec.Raw:
    arguments = call.arguments.strip() or "{}"
    try:
        if isinstance(msgspec.json.decode(arguments), dict):
            return msgspec.Raw(arguments.encode())
    except (ValueError, RecursionError):
        pass
    raise CannotExpress(path, "the arguments of a tool call must be a JSON object")


def _id(given: str) -> str:
    """Anthropic takes no other characters."""
    return _NOT_IN_IDS.sub("_", given)


def _result(part: ToolResult, path: str) -> _Wire:
    block: _Wire = {"type": "tool_result", "tool_use_id": _id(part.call_id)}
    if len(part.parts) == 1 and isinstance(text := part.parts[0], Text) and not text.cached:
        block["content"] = text.text
    else:
        blocks = [_block(one, path) for one in part.parts]
        block["content"] = [one for one in blocks if one is not None]
    if part.is_error:
        block["is_error"] = True
    return block


def _media(part: Media, path: str) -> _Wire:
    if part.kind == "audio":
        raise CannotExpress(path, "Anthropic's API takes no audio")
    if part.url is not None:
        return _titled(part, {"type": "url", "url": part.url})
    data = part.data or ""
    if part.kind == "document" and part.media_type.startswith("text/"):
        try:
            text = b64decode(data, validate=True).decode()
        except ValueError:
            raise CannotExpress(path, "the document is no base64 of a text") from None
        return _titled(part, {"type": "text", "media_type": "text/plain", "data": text})
    taken = _IMAGES if part.kind == "image" else ("application/pdf",)
    media_type = "image/jpeg" if part.media_type == "image/jpg" else part.media_type
    if media_type not in taken:
        raise CannotExpress(path, f"Anthropic's API takes no {media_type or 'untyped data'}")
    return _titled(part, {"type": "base64", "media_type": media_type, "data": data})


def _titled(part: Media, source: _Wire) -> _Wire:
    block: _Wire = {"type": part.kind, "source": source}
    if part.kind == "document" and part.name is not None:
        block["title"] = part.name
    return block


def _tool(tool: Tool) -> _Wire:
    written: _Wire = {"name": tool.name, "input_schema": tool.parameters or _NO_PARAMETERS}
    if tool.description is not None:
        written["description"] = tool.description
    if tool.strict is not None:
        written["strict"] = tool.strict
    if tool.cached:
        written["cache_control"] = _CACHED
    return written


def _tool_choice(choice: ToolChoice) -> _Wire:
    if choice.mode == "named":
        written: _Wire = {"type": "tool", "name": choice.name}
    else:
        written = {"type": choice.mode}
    if choice.parallel is not None and choice.mode != "none":
        written["disable_parallel_tool_use"] = not choice.parallel
    return written


def _format(given: OutputFormat | None) -> _Wire | None:
    """The schema's name has no meaning there."""
    if given is None:
        return None
    if given.kind == "json" or given.schema is None:
        raise CannotExpress("output_format", "Anthropic's API answers in JSON only by a schema")
    if given.description is not None:
        message = "Anthropic's API has no description of a schema; put it into the schema"
        raise CannotExpress("output_format", message)
    return {"type": "json_schema", "schema": given.schema}
