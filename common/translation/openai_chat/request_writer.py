"""Conversations, written as requests to OpenAI's chat and to servers that are compatible with it.

Source: openai.types.chat of openai-python.
"""

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
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from common.translation.efforts import effort_of
from common.translation.media import data_url
from common.translation.openai_chat.request_reader import NAME

STOPS_MAX = 4
_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}
_MODES = {"auto": "auto", "none": "none", "any": "required"}
_Wire = dict[str, Any]


def write_request(conversation: Conversation, served_model: str) -> bytes:
    """The body. Raises `CannotExpress`."""
    if conversation.top_k is not None:
        raise CannotExpress("top_k", "its chat has none")
    if len(conversation.stop) > STOPS_MAX:
        raise CannotExpress("stop", f"its chat takes at most {STOPS_MAX} of them")
    body: _Wire = {"model": served_model, "messages": _messages(conversation)}
    _write_tools(body, conversation)
    if conversation.output_format is not None:
        body["response_format"] = _response_format(conversation.output_format)
    effort = effort_of(conversation.thinking) if conversation.thinking is not None else None
    optional = {
        "reasoning_effort": effort,
        "max_completion_tokens": conversation.max_output_tokens,
        "temperature": conversation.temperature,
        "top_p": conversation.top_p,
        "stop": list(conversation.stop) or None,
        "seed": conversation.seed,
        "presence_penalty": conversation.presence_penalty,
        "frequency_penalty": conversation.frequency_penalty,
        "logprobs": conversation.logprobs,
        "top_logprobs": conversation.top_logprobs,
        "service_tier": conversation.service_tier,
        "user": conversation.user,
    }
    body |= {name: value for name, value in optional.items() if value is not None}
    if conversation.stream:
        body["stream"] = True
        # Relay meters by them; whether the caller sees them, the writer of streams knows.
        body["stream_options"] = {"include_usage": True}
    return msgspec.json.encode(body)


def _write_tools(body: _Wire, conversation: Conversation) -> None:
    """A choice without tools is none, and OpenAI refuses it."""
    if not conversation.tools:
        return
    body["tools"] = [_tool(tool) for tool in conversation.tools]
    choice = conversation.tool_choice
    if choice is None:
        return
    body["tool_choice"] = _choice(choice)
    if choice.parallel is not None:
        body["parallel_tool_calls"] = choice.parallel


def _choice(choice: ToolChoice) -> Any:
    if choice.mode == "named":
        return {"type": "function", "function": {"name": choice.name}}
    return _MODES[choice.mode]


def _tool(tool: Tool) -> _Wire:
    function: _Wire = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _response_format(given: OutputFormat) -> _Wire:
    if given.kind == "json":
        return {"type": "json_object"}
    schema: _Wire = {"name": given.name}
    if given.description is not None:
        schema["description"] = given.description
    if given.schema is not None:
        schema["schema"] = given.schema
    if given.strict is not None:
        schema["strict"] = given.strict
    return {"type": "json_schema", "json_schema": schema}


def _messages(conversation: Conversation) -> list[_Wire]:
    written: list[_Wire] = []
    if conversation.system:
        written.append({"role": "system", "content": _text_content(conversation.system)})
    for index, message in enumerate(conversation.messages):
        at = f"messages.{index}"
        if message.role == "assistant":
            written.append(_assistant(message, at))
        elif message.role == "system":
            texts = [part for part in message.parts if isinstance(part, Text)]
            written.append({"role": "system", "content": _text_content(texts)})
        else:
            written += _user(message, at)
    return written


def _text_content(texts: "tuple[Text, ...] | list[Text]") -> Any:
    """One text as it is: compatible servers may know no lists."""
    if len(texts) == 1:
        return texts[0].text
    return [{"type": "text", "text": text.text} for text in texts]


def _user(message: Message, at: str) -> list[_Wire]:
    """Results of tools are messages of their own, which come first and hold nothing but text.

    Pictures and documents of a result are said by the user instead, right after all results.
    """
    written: list[_Wire] = []
    said: list[_Wire] = []
    for index, part in enumerate(message.parts):
        path = f"{at}.parts.{index}"
        if not isinstance(part, ToolResult):
            said.append(_user_part(part, path))
            continue
        written.append(
            {"role": "tool", "tool_call_id": part.call_id, "content": _result_text(part)}
        )
        media = [one for one in part.parts if isinstance(one, Media)]
        if media:
            said.append({"type": "text", "text": f"From the result of {part.call_id}:"})
            said += [_user_part(one, path) for one in media]
    if len(said) == 1 and said[0]["type"] == "text":
        written.append({"role": "user", "content": said[0]["text"]})
    elif said or not written:
        written.append({"role": "user", "content": said})
    return written


def _result_text(result: ToolResult) -> Any:
    """The text of a result; that it is an error, the chat can only say in words."""
    texts = [part for part in result.parts if isinstance(part, Text)]
    if result.is_error and not (texts and texts[0].text.lower().startswith("error")):
        return "Error: " + "\n".join(text.text for text in texts)
    if not texts:
        return "See the user's message." if result.parts else ""
    return _text_content(texts)


def _user_part(part: Part, path: str) -> _Wire:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if not isinstance(part, Media):
        raise CannotExpress(path, "users of its chat say no such thing")
    if part.kind == "image":
        image = {"url": part.url or data_url(part)}
        if part.detail is not None:
            image["detail"] = part.detail
        return {"type": "image_url", "image_url": image}
    if part.data is None:
        raise CannotExpress(path, "its chat fetches nothing but pictures from URLs")
    if part.kind == "document":
        name = part.name or ("document.txt" if part.media_type == "text/plain" else "document.pdf")
        return {"type": "file", "file": {"filename": name, "file_data": data_url(part)}}
    if part.media_type not in _FORMATS:
        raise CannotExpress(path, f"its chat takes no {part.media_type}")
    sound = {"data": part.data, "format": _FORMATS[part.media_type]}
    return {"type": "input_audio", "input_audio": sound}


def _assistant(message: Message, at: str) -> _Wire:
    """What the model said. Thoughts go back only to servers of this format, beside tool calls."""
    turn: _Wire = {"role": "assistant"}
    for index, part in enumerate(message.parts):
        if isinstance(part, Media | ToolResult):
            raise CannotExpress(f"{at}.parts.{index}", "assistants of its chat say only text")
    texts = [part for part in message.parts if isinstance(part, Text)]
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    refused = [part.text for part in message.parts if isinstance(part, Refused)]
    thoughts = [
        part.text for part in message.parts if isinstance(part, Thinking) and part.origin == NAME
    ]
    if texts or not (calls or refused):
        turn["content"] = _text_content(texts) if texts else ""
    if refused:
        turn["refusal"] = "".join(refused)
    if calls:
        turn["tool_calls"] = [_call(call) for call in calls]
        if any(thoughts):
            turn["reasoning_content"] = "".join(thoughts)
    return turn


def _call(call: ToolCall) -> _Wire:
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": function}
