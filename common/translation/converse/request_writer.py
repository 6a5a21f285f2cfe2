"""Conversations, written as requests of Converse.

Source: ConverseRequest in botocore's service-2.json of bedrock-runtime; what models take beyond it
(`additionalModelRequestFields`) is in
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html.
"""

from typing import Any

import msgspec

from common.translation.anthropic.thinking import write_thinking
from common.translation.conversation import (
    CannotExpress,
    Conversation,
    Message,
    OutputFormat,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from common.translation.converse.blocks import CACHE_POINT, CLAUDE, TOOL_NAME, BlockWriter
from common.translation.efforts import effort_of

_NO_PARAMETERS = {"type": "object", "properties": {}}
_ABSENT = ("presence_penalty", "frequency_penalty", "logprobs", "top_logprobs")
# `None` leaves the tier to AWS; other formats' words for the standard one mean that.
_TIERS = {
    **dict.fromkeys((None, "auto", "default", "standard", "standard_only"), None),
    "flex": "flex",
    "priority": "priority",
}
# Nova takes three words, and so does gpt-oss.
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high",
            "max": "high"}  # fmt: skip
_Wire = dict[str, Any]


def write_request(conversation: Conversation, served_model: str) -> bytes:
    """The body; the model stands in the path, and so does whether to stream.

    Raises `CannotExpress`.
    """
    _refuse(conversation)
    claude = "claude" in served_model
    messages, system = _messages(conversation, claude=claude)
    body: _Wire = {"messages": messages}
    if system:
        body["system"] = system
    cap, thinking, effort = conversation.max_output_tokens, None, None
    more: _Wire = {}
    if claude and conversation.thinking is not None:
        cap, thinking, effort = write_thinking(conversation, served_model, CLAUDE)
        more = {"thinking": thinking} if thinking is not None else {}
    elif conversation.thinking is not None:
        more = _thinking(conversation, served_model)
    if conversation.top_k is not None:
        more |= _top_k(conversation.top_k, served_model)
    inference = {
        "maxTokens": cap,
        "temperature": conversation.temperature,
        "topP": conversation.top_p,
        "stopSequences": list(conversation.stop) or None,
    }
    output = {"textFormat": _format(conversation.output_format), "effort": effort}
    tier = _TIERS[conversation.service_tier]
    optional = {
        "inferenceConfig": _given(inference),
        "toolConfig": _tools(conversation),
        "outputConfig": _given(output),
        "serviceTier": {"type": tier} if tier is not None else None,
        "additionalModelRequestFields": more,
        # Which sequence it was, only Claude tells.
        "additionalModelResponseFieldPaths": (
            ["/stop_sequence"] if claude and conversation.stop else None
        ),
    }
    body |= {name: value for name, value in optional.items() if value}
    return msgspec.json.encode(body)


def _given(members: _Wire) -> _Wire:
    return {name: value for name, value in members.items() if value is not None}


def _refuse(conversation: Conversation) -> None:
    """Raises `CannotExpress`; what says no more than a default is nothing to refuse."""
    for name in _ABSENT:
        if getattr(conversation, name) not in (None, 0, False):
            raise CannotExpress(name, "Converse has no such parameter")
    if conversation.seed is not None:
        raise CannotExpress("seed", "Converse has no such parameter")
    if conversation.service_tier not in _TIERS:
        raise CannotExpress("service_tier", "its tiers are flex, default and priority")


def _messages(conversation: Conversation, *, claude: bool) -> tuple[list[_Wire], list[_Wire]]:
    """Messages and instructions; turns of one role that follow one another are one.

    Claude takes instructions in the middle of a conversation, others only before it.
    """
    writer = BlockWriter(signed=claude)
    system = _system(conversation.system)
    messages: list[_Wire] = []
    for index, message in enumerate(conversation.messages):
        if message.role == "system" and not claude:
            system += _system(tuple(part for part in message.parts if isinstance(part, Text)))
            continue
        content = writer.content(message, f"messages.{index}")
        if messages and messages[-1]["role"] == message.role:
            messages[-1]["content"] += content
        elif content:
            messages.append({"role": message.role, "content": content})
    return messages, system


def _system(texts: tuple[Text, ...]) -> list[_Wire]:
    written: list[_Wire] = []
    for text in texts:
        if text.text.strip():
            written.append({"text": text.text})
            if text.cached:
                written.append(CACHE_POINT)
    return written


def _tools(conversation: Conversation) -> _Wire:
    """Calls and results of a conversation need their tools; "none" is said by giving none."""
    choice = conversation.tool_choice or ToolChoice()
    if choice.parallel is False and conversation.tools:
        raise CannotExpress("tool_choice.parallel", "Converse cannot forbid several calls")
    called = any(_calls(message) for message in conversation.messages)
    if choice.mode == "none" and called and conversation.tools:
        message = "Converse cannot forbid calls in a conversation that has some"
        raise CannotExpress("tool_choice", message)
    if not conversation.tools and called:
        raise CannotExpress("tools", "Converse needs the tools that the conversation has called")
    if choice.mode == "none" or not conversation.tools:
        return {}
    tools: list[_Wire] = []
    for index, tool in enumerate(conversation.tools):
        tools.append({"toolSpec": _tool(tool, f"tools.{index}")})
        if tool.cached:
            tools.append(CACHE_POINT)
    config: _Wire = {"tools": tools}
    if choice.mode == "named":
        config["toolChoice"] = {"tool": {"name": choice.name}}
    elif conversation.tool_choice is not None:
        config["toolChoice"] = {choice.mode: {}}
    return config


def _calls(message: Message) -> bool:
    return any(isinstance(part, ToolCall | ToolResult) for part in message.parts)


def _tool(tool: Tool, path: str) -> _Wire:
    if TOOL_NAME.fullmatch(tool.name) is None:
        message = "Converse takes names of up to 64 letters, digits, hyphens and underscores"
        raise CannotExpress(path, message)
    spec: _Wire = {"name": tool.name, "inputSchema": {"json": tool.parameters or _NO_PARAMETERS}}
    if tool.description:
        spec["description"] = tool.description
    if tool.strict is not None:
        spec["strict"] = tool.strict
    return spec


def _format(given: OutputFormat | None) -> _Wire | None:
    if given is None:
        return None
    if given.schema is None:
        raise CannotExpress("output_format", "Converse answers in JSON only by a schema")
    schema = {"schema": bytes(given.schema).decode(), "name": given.name}
    if given.description is not None:
        schema["description"] = given.description
    return {"type": "json_schema", "structure": {"jsonSchema": schema}}


def _thinking(conversation: Conversation, served_model: str) -> _Wire:
    """How models of others than Anthropic are told to think, where they can be told."""
    mode = conversation.thinking
    if mode is None or not mode.enabled or mode.effort == "none":
        return {}
    word = effort_of(mode)
    effort = _EFFORTS[word] if word is not None and word != "none" else None
    if "nova" in served_model:
        config = {"type": "enabled", "maxReasoningEffort": effort or "medium"}
        return {"reasoningConfig": config}
    if "gpt-oss" in served_model:
        return {} if effort is None else {"reasoning_effort": effort}
    raise CannotExpress("thinking", "this model cannot be told how much to think")


def _top_k(top_k: int, served_model: str) -> _Wire:
    if "claude" in served_model or "mistral" in served_model:
        return {"top_k": top_k}
    if "nova" in served_model:
        return {"inferenceConfig": {"topK": top_k}}
    raise CannotExpress("top_k", "this model has none")
