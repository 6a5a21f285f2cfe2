"""Requests of `generateContent`, read into a conversation."""

import msgspec

from common.dialects.base import BadRequest
from common.translation.conversation import (
    Conversation,
    Message,
    Part,
    Role,
    Text,
    Tool,
    ToolChoice,
)
from common.translation.gemini import wire
from common.translation.gemini.generation import read_generation
from common.translation.gemini.parts import TurnReader, joined
from common.translation.gemini.schemas import read_schema
from common.translation.reading import not_translated

_HARMLESS = (None, "OFF", "BLOCK_NONE", "HARM_BLOCK_THRESHOLD_UNSPECIFIED")
_TIERS = {
    **dict.fromkeys(("", "unspecified", "standard"), "default"),
    "flex": "flex",
    "priority": "priority",
}


def read_request(body: bytes, model: str, *, stream: bool) -> Conversation:
    """A conversation whose `fields` are those of the Gemini API. Raises `BadRequest`."""
    request = wire.read_object(body, wire.generate_decoder, "")
    _refuse(request)
    turns = Turns()
    for index, raw in enumerate(wire.read_list(request.contents, "contents")):
        turns.read(raw, f"contents[{index}]")
    generation, fields = read_generation(request.generation_config)
    tools = _tools(request.tools, fields)
    choice = _tool_choice(request.tool_config, tools)
    return Conversation(
        model=model,
        system=_system(request.system_instruction),
        messages=tuple(turns.messages),
        tools=tuple(tools),
        tool_choice=choice,
        service_tier=_tier(request.service_tier),
        stream=stream,
        include_usage=True,
        fields=fields
        | turns.fields
        | {
            "system": "systemInstruction",
            "tool_choice": "toolConfig.functionCallingConfig",
            "service_tier": "serviceTier",
        },
        **generation,
    )


def _refuse(request: wire.Generate) -> None:
    """Raises `BadRequest` for what only Google can do."""
    if request.store:
        raise not_translated("store", "nothing is stored there")
    for index, raw in enumerate(wire.read_list(request.safety_settings, "safetySettings")):
        field = f"safetySettings[{index}]"
        setting = wire.read_object(raw, wire.safety_decoder, field)
        if setting.threshold not in _HARMLESS:
            raise not_translated(f"{field}.threshold", "it has no such filters")


def _tier(given: str | None) -> str | None:
    if given is None:
        return None
    tier = _TIERS.get(given.lower())
    if tier is None:
        raise not_translated("serviceTier")
    return tier


class Turns:
    """Contents as they are read; `fields` says where in the caller's list each stands.

    Contents of one role that follow one another are one turn: a stream comes as many, and SDKs send
    them back so.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.fields: dict[str, str] = {}
        self._reader = TurnReader()

    def read(self, raw: msgspec.Raw, field: str) -> None:
        """Read one content. Raises `BadRequest`."""
        content = wire.read_object(raw, wire.content_decoder, field)
        if content.role == "system":
            raise not_translated(f"{field}.role", "give a systemInstruction")
        role: Role = "assistant" if content.role == "model" else "user"
        parts: list[Part] = []
        if self.messages and self.messages[-1].role == role:
            parts += self.messages.pop().parts
        at = f"messages.{len(self.messages)}"
        self.fields.setdefault(at, field)
        for index, part in enumerate(wire.read_list(content.parts, f"{field}.parts")):
            path = f"{field}.parts[{index}]"
            given = wire.read_object(part, wire.part_decoder, path)
            for read in self._reader.read(given, path, from_model=role == "assistant"):
                one = joined(parts[-1], read) if parts and role == "assistant" else None
                if one is not None:
                    parts[-1] = one
                else:
                    self.fields[f"{at}.parts.{len(parts)}"] = path
                    parts.append(read)
        self.messages.append(Message(role, tuple(parts)))


def _system(raw: msgspec.Raw) -> tuple[Text, ...]:
    if bytes(raw) in wire.ABSENT:
        return ()
    content = wire.read_object(raw, wire.content_decoder, "systemInstruction")
    texts = []
    for index, part in enumerate(wire.read_list(content.parts, "systemInstruction.parts")):
        field = f"systemInstruction.parts[{index}]"
        given = wire.read_object(part, wire.part_decoder, field)
        if given.text is None:
            raise not_translated(field, "instructions are text there")
        texts.append(Text(given.text))
    return tuple(texts)


def _tools(raw: msgspec.Raw, fields: dict[str, str]) -> list[Tool]:
    tools: list[Tool] = []
    for index, given in enumerate(wire.read_list(raw, "tools")):
        field = f"tools[{index}]"
        tool = wire.read_object(given, wire.tool_decoder, field)
        field += ".functionDeclarations"
        for at, declared in enumerate(wire.read_list(tool.function_declarations, field)):
            fields[f"tools.{len(tools)}"] = f"{field}[{at}]"
            tools.append(_tool(declared, f"{field}[{at}]"))
    return tools


def _tool(raw: msgspec.Raw, field: str) -> Tool:
    declared = wire.read_object(raw, wire.declaration_decoder, field)
    parameters: msgspec.Raw | None = declared.parameters_json_schema
    if parameters is None or bytes(parameters) in wire.ABSENT:
        parameters = read_schema(declared.parameters, f"{field}.parameters")
    return Tool(declared.name, declared.description, parameters)


def _tool_choice(raw: msgspec.Raw, tools: list[Tool]) -> ToolChoice | None:
    if bytes(raw) in wire.ABSENT:
        return None
    config = wire.read_object(raw, wire.tool_config_decoder, "toolConfig")
    field = "toolConfig.functionCallingConfig"
    if bytes(config.function_calling_config) in wire.ABSENT:
        return None
    calling = wire.read_object(config.function_calling_config, wire.calling_decoder, field)
    mode = (calling.mode or "MODE_UNSPECIFIED").upper()
    allowed = calling.allowed_function_names or []
    restricted = bool(allowed) and {tool.name for tool in tools} != set(allowed)
    if mode == "ANY" and len(allowed) == 1:
        return ToolChoice("named", allowed[0])
    if restricted:
        why = "it allows one function by name, or all"
        raise not_translated(f"{field}.allowedFunctionNames", why)
    # VALIDATED only promises that calls keep to their schemas.
    if mode in ("AUTO", "VALIDATED"):
        return ToolChoice("auto")
    if mode in ("ANY", "NONE"):
        return ToolChoice("any" if mode == "ANY" else "none")
    if mode != "MODE_UNSPECIFIED":
        raise BadRequest(f"Invalid value for '{field}.mode': {mode[:50]!r}", f"{field}.mode")
    return None
