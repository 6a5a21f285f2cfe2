"""Requests of Anthropic's messages, read into a conversation."""

from base64 import b64encode
from typing import Literal

import msgspec

from common.dialects.base import BadRequest
from common.translation.anthropic import wire
from common.translation.conversation import (
    Conversation,
    Media,
    Message,
    OutputFormat,
    Part,
    Text,
    Thinking,
    ThinkingMode,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from common.translation.reading import not_translated, read_wire
from common.translation.signatures import CALLS, opened

NAME = "anthropic.messages"
_messages_decoder = msgspec.json.Decoder(wire.Messages)
_turn_decoder = msgspec.json.Decoder(wire.Turn)
_tool_decoder = msgspec.json.Decoder(wire.Tool)
# Where a member of a conversation stands under another name.
_FIELDS = {
    "max_output_tokens": "max_tokens",
    "stop": "stop_sequences",
    "output_format": "output_config.format",
    "user": "metadata.user_id",
    "tool_choice.parallel": "tool_choice.disable_parallel_tool_use",
}


def read_request(body: bytes) -> Conversation:
    """A conversation whose `fields` are those of the messages API. Raises `BadRequest`."""
    given = read_wire(body, _messages_decoder)
    for index, edit in enumerate(
        given.context_management.edits if given.context_management else ()
    ):
        if not edit.type.startswith("clear_thinking_"):
            raise not_translated(f"context_management.edits[{index}]")
    turns = _Turns(given.system)
    for index, raw in enumerate(given.messages):
        turns.read(raw, f"messages[{index}]")
    fields = _FIELDS | turns.fields
    tools = []
    for index, raw in enumerate(given.tools or ()):
        tools.append(_tool(read_wire(raw, _tool_decoder, f"tools[{index}]")))
        fields[f"tools.{index}"] = f"tools[{index}]"
    return Conversation(
        model=given.model,
        system=tuple(turns.system),
        messages=tuple(turns.messages),
        tools=tuple(tools),
        tool_choice=_tool_choice(given.tool_choice),
        output_format=_output_format(given.output_config),
        thinking=_thinking(given),
        max_output_tokens=given.max_tokens,
        temperature=given.temperature,
        top_p=given.top_p,
        top_k=given.top_k,
        stop=tuple(given.stop_sequences or ()),
        service_tier="default" if given.service_tier == "standard_only" else given.service_tier,
        user=given.metadata.user_id if given.metadata is not None else None,
        stream=bool(given.stream),
        include_usage=True,
        fields=fields,
    )


class _Turns:
    """Messages as they are read; `fields` says where in the caller's list each stands."""

    def __init__(self, system: str | list[wire.TextBlock] | None) -> None:
        self.system = _texts(system or ())
        self.messages: list[Message] = []
        self.fields: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def read(self, raw: msgspec.Raw, field: str) -> None:
        turn = read_wire(raw, _turn_decoder, field)
        if isinstance(turn, wire.SystemTurn):
            texts = _texts(turn.content)
            if self.messages:
                self._add("system", [(text, field) for text in texts], field)
            else:
                self.system += texts
        elif isinstance(turn.content, str):
            text = Text(turn.content)
            role = "user" if isinstance(turn, wire.UserTurn) else "assistant"
            self._add(role, [(text, field)], field)
        elif isinstance(turn, wire.UserTurn):
            said = [
                (self._user_part(block, f"{field}.content[{index}]"), f"{field}.content[{index}]")
                for index, block in enumerate(turn.content)
            ]
            self._add("user", said, field)
        else:
            self._add("assistant", self._assistant_parts(turn, field), field)

    def _add(self, role: str, said: "list[tuple[Part, str]]", field: str) -> None:
        at = f"messages.{len(self.messages)}"
        parts = tuple(part for part, _ in said)
        self.messages.append(Message(role, parts))  # type: ignore[arg-type]
        self.fields[at] = field
        for index, (part, place) in enumerate(said):
            if not isinstance(part, Text):
                self.fields[f"{at}.parts.{index}"] = place

    def _user_part(
        self,
        block: wire.TextBlock | wire.ImageBlock | wire.DocumentBlock | wire.ResultBlock,
        field: str,
    ) -> Part:
        if not isinstance(block, wire.ResultBlock):
            return _said(block, field)
        name = self._names.get(block.tool_use_id)
        if name is None:
            field = f"{field}.tool_use_id"
            message = f"{field!r}: no message before has a tool_use {block.tool_use_id[:100]!r}"
            raise BadRequest(message, field)
        content = block.content or ()
        parts: tuple[Text | Media, ...]
        if isinstance(content, str):
            parts = (Text(content),)
        else:
            parts = tuple(
                _said(one, f"{field}.content[{index}]") for index, one in enumerate(content)
            )
        cached = block.cache_control is not None
        return ToolResult(block.tool_use_id, name, parts, bool(block.is_error), cached)

    def _assistant_parts(self, turn: wire.AssistantTurn, field: str) -> "list[tuple[Part, str]]":
        said: list[tuple[Part, str]] = []
        signature = None
        for index, block in enumerate(turn.content):
            place = f"{field}.content[{index}]"
            if isinstance(block, wire.CallBlock):
                self._names[block.id] = block.name
                cached, arguments = block.cache_control is not None, bytes(block.input).decode()
                call = ToolCall(block.id, block.name, arguments, signature, cached)
                said.append((call, place))
                signature = None
            elif isinstance(block, wire.ThinkingBlock):
                origin, own = opened(block.signature, NAME)
                said.append((Thinking(block.thinking, own, origin=origin), place))
            elif isinstance(block, wire.RedactedBlock):
                origin, data = opened(block.data, NAME)
                if origin == CALLS:
                    signature = data
                else:
                    said.append((Thinking(redacted=data, origin=origin), place))
            elif isinstance(block, wire.TextBlock):
                said.append((_text(block), place))
        return said


def _text(block: wire.TextBlock) -> Text:
    return Text(block.text, block.cache_control is not None)


def _texts(content: "str | list[wire.TextBlock] | tuple[()]") -> list[Text]:
    return [Text(content)] if isinstance(content, str) else [_text(block) for block in content]


def _said(block: wire.TextBlock | wire.ImageBlock | wire.DocumentBlock, field: str) -> Text | Media:
    if isinstance(block, wire.TextBlock):
        return _text(block)
    kind: Literal["image", "document"] = (
        "image" if isinstance(block, wire.ImageBlock) else "document"
    )
    name = None
    if isinstance(block, wire.DocumentBlock):
        name = block.title
        if (block.citations or {}).get("enabled"):
            raise not_translated(f"{field}.citations")
    source, cached = block.source, block.cache_control is not None
    if isinstance(source, wire.UrlSource):
        return Media(kind, url=source.url, name=name, cached=cached)
    if isinstance(source, wire.TextSource):
        data = b64encode(source.data.encode()).decode()
        return Media(kind, source.media_type, data, name=name, cached=cached)
    return Media(kind, source.media_type, source.data, name=name, cached=cached)


def _tool(given: wire.Tool) -> Tool:
    cached = given.cache_control is not None
    return Tool(given.name, given.description, given.input_schema, given.strict, cached)


def _tool_choice(given: wire.ToolChoice | None) -> ToolChoice | None:
    if given is None:
        return None
    disabled = given.disable_parallel_tool_use
    parallel = None if disabled is None else not disabled
    if given.type != "tool":
        return ToolChoice(given.type, parallel=parallel)
    if given.name is None:
        raise BadRequest("Missing required parameter: 'tool_choice.name'", "tool_choice.name")
    return ToolChoice("named", given.name, parallel)


def _output_format(given: wire.OutputConfig | None) -> OutputFormat | None:
    """Anthropic holds its models to the schema, as OpenAI's `strict` does."""
    if given is None or given.format is None:
        return None
    return OutputFormat("schema", schema=given.format.schema, strict=True)


def _thinking(given: wire.Messages) -> ThinkingMode | None:
    effort = given.output_config.effort if given.output_config is not None else None
    mode = given.thinking
    if mode is None:
        return None if effort is None else ThinkingMode(effort=effort)
    if mode.type == "disabled":
        return ThinkingMode(enabled=False, effort=effort)
    budget = mode.budget_tokens if mode.type == "enabled" else None
    return ThinkingMode(budget_tokens=budget, effort=effort, shown=mode.display != "omitted")
