"""Requests of OpenAI's chat, read into a conversation."""

import msgspec

from common.dialects.base import BadRequest
from common.translation.conversation import (
    Conversation,
    Media,
    Message,
    OutputFormat,
    Part,
    Refused,
    Text,
    Thinking,
    ThinkingMode,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from common.translation.media import from_url, type_of_name
from common.translation.openai_chat import wire
from common.translation.reading import not_translated, read_wire

NAME = "openai.chat"
_chat_decoder = msgspec.json.Decoder(wire.Chat)
_turn_decoder = msgspec.json.Decoder(wire.Turn)
_tool_decoder = msgspec.json.Decoder(wire.FunctionTool)
_SOUNDS = {"wav": "audio/wav", "mp3": "audio/mpeg"}


def read_request(body: bytes) -> Conversation:
    """A conversation whose `fields` are those of the chat. Raises `BadRequest`."""
    chat = read_wire(body, _chat_decoder)
    _refuse(chat)
    turns = _Turns()
    for index, raw in enumerate(chat.messages):
        turns.read(raw, f"messages[{index}]")
    fields = turns.fields | {
        "output_format": "response_format",
        "thinking": "reasoning_effort",
        "tool_choice.parallel": "parallel_tool_calls",
        "max_output_tokens": "max_completion_tokens",
    }
    cap = chat.max_completion_tokens
    if cap is None and chat.max_tokens is not None:
        cap = chat.max_tokens
        fields["max_output_tokens"] = "max_tokens"
    tools = []
    for index, raw in enumerate(chat.tools or ()):
        tools.append(_tool(read_wire(raw, _tool_decoder, f"tools[{index}]").function))
        fields[f"tools.{index}"] = f"tools[{index}]"
    stop = (chat.stop,) if isinstance(chat.stop, str) else tuple(chat.stop or ())
    effort = chat.reasoning_effort
    return Conversation(
        model=chat.model,
        system=tuple(turns.system),
        messages=tuple(turns.messages),
        tools=tuple(tools),
        tool_choice=_tool_choice(chat),
        output_format=_output_format(chat.response_format),
        thinking=None if effort is None else ThinkingMode(enabled=effort != "none", effort=effort),
        max_output_tokens=cap,
        temperature=chat.temperature,
        top_p=chat.top_p,
        stop=stop,
        seed=chat.seed,
        presence_penalty=chat.presence_penalty,
        frequency_penalty=chat.frequency_penalty,
        logprobs=chat.logprobs,
        top_logprobs=chat.top_logprobs,
        service_tier=chat.service_tier,
        user=chat.user,
        stream=bool(chat.stream),
        include_usage=bool(chat.stream_options and chat.stream_options.include_usage),
        fields=fields,
    )


def _refuse(chat: wire.Chat) -> None:
    """Raises `BadRequest` for values that no conversation has; what their defaults say is none."""
    if chat.n not in (None, 1):
        raise not_translated("n", "it answers once")
    if chat.store:
        raise not_translated("store", "nothing is stored there")
    if chat.logit_bias:
        raise not_translated("logit_bias")
    if chat.modalities not in (None, [], ["text"]):
        raise not_translated("modalities", "it answers in text")
    if chat.verbosity not in (None, "medium"):
        raise not_translated("verbosity")


class _Turns:
    """Messages as they are read; `fields` says where in the caller's list each stands."""

    def __init__(self) -> None:
        self.system: list[Text] = []
        self.messages: list[Message] = []
        self.fields: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._in_results = False

    def read(self, raw: msgspec.Raw, field: str) -> None:
        turn = read_wire(raw, _turn_decoder, field)
        if isinstance(turn, wire.ToolTurn):
            self._add_result(turn, field)
            return
        self._in_results = False
        if isinstance(turn, wire.UserTurn):
            self._add(Message("user", _user_parts(turn.content, field)), field)
        elif isinstance(turn, wire.AssistantTurn):
            for call in turn.tool_calls or ():
                self._names[call.id] = call.function.name
            self._add(Message("assistant", _assistant_parts(turn)), field)
        elif self.messages:
            self._add(Message("system", tuple(_texts(turn.content))), field)
        else:
            self.system += _texts(turn.content)

    def _add(self, message: Message, field: str) -> None:
        at = f"messages.{len(self.messages)}"
        self.messages.append(message)
        self.fields[at] = field
        for index, part in enumerate(message.parts):
            if isinstance(part, Media):
                self.fields[f"{at}.parts.{index}"] = f"{field}.content[{index}]"

    def _add_result(self, turn: wire.ToolTurn, field: str) -> None:
        """Results that follow one another are one turn, as all other formats have them."""
        name = self._names.get(turn.tool_call_id)
        if name is None:
            field = f"{field}.tool_call_id"
            message = f"{field!r}: no message before has a tool call {turn.tool_call_id[:100]!r}"
            raise BadRequest(message, field)
        result = ToolResult(turn.tool_call_id, name, tuple(_texts(turn.content)))
        if self._in_results:
            last = self.messages[-1]
            self.messages[-1] = Message("user", (*last.parts, result))
        else:
            self.messages.append(Message("user", (result,)))
            self._in_results = True
        turn_at = len(self.messages) - 1
        self.fields.setdefault(f"messages.{turn_at}", field)
        part_at = len(self.messages[-1].parts) - 1
        self.fields[f"messages.{turn_at}.parts.{part_at}"] = field


def _texts(content: str | list[wire.TextPart]) -> list[Text]:
    if isinstance(content, str):
        return [Text(content)]
    return [Text(part.text, bool(part.prompt_cache_breakpoint)) for part in content]


def _user_parts(content: str | list[wire.UserPart], field: str) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Text(content),)
    return tuple(_user_part(part, f"{field}.content[{at}]") for at, part in enumerate(content))


def _user_part(part: wire.UserPart, field: str) -> Part:
    cached = bool(part.prompt_cache_breakpoint)
    if isinstance(part, wire.TextPart):
        return Text(part.text, cached)
    if isinstance(part, wire.SoundPart):
        sound = part.input_audio
        return Media("audio", _SOUNDS[sound.format], sound.data, cached=cached)
    if isinstance(part, wire.ImagePart):
        image = part.image_url
        try:
            return from_url("image", image.url, detail=image.detail, cached=cached)
        except ValueError as error:
            field = f"{field}.image_url.url"
            raise BadRequest(f"Invalid value for {field!r}: {error}", field) from None
    data, name = part.file.file_data, part.file.filename
    if data is None:
        field = f"{field}.file.file_data"
        raise BadRequest(f"Missing required parameter: {field!r}", field)
    if not data.startswith("data:"):
        return Media("document", type_of_name(name), data, name=name, cached=cached)
    try:
        return from_url("document", data, name=name, cached=cached)
    except ValueError as error:
        field = f"{field}.file.file_data"
        raise BadRequest(f"Invalid value for {field!r}: {error}", field) from None


def _assistant_parts(turn: wire.AssistantTurn) -> tuple[Part, ...]:
    parts: list[Part] = []
    if turn.reasoning_content:
        parts.append(Thinking(turn.reasoning_content, origin=NAME))
    if isinstance(turn.content, str):
        parts.append(Text(turn.content))
    for given in turn.content or () if not isinstance(turn.content, str) else ():
        if isinstance(given, wire.TextPart):
            parts.append(Text(given.text, bool(given.prompt_cache_breakpoint)))
        else:
            parts.append(Refused(given.refusal))
    if turn.refusal:
        parts.append(Refused(turn.refusal))
    for call in turn.tool_calls or ():
        google = call.extra_content.google if call.extra_content is not None else None
        signature = google.thought_signature if google is not None else None
        function = call.function
        parts.append(ToolCall(call.id, function.name, function.arguments, signature))
    return tuple(parts)


def _tool(function: wire.Function) -> Tool:
    return Tool(function.name, function.description, _schema(function.parameters), function.strict)


def _schema(raw: msgspec.Raw) -> msgspec.Raw | None:
    return raw if bytes(raw) not in (b"", b"null") else None


def _tool_choice(chat: wire.Chat) -> ToolChoice | None:
    choice, parallel = chat.tool_choice, chat.parallel_tool_calls
    if isinstance(choice, wire.NamedChoice):
        return ToolChoice("named", choice.function.name, parallel)
    if choice == "required":
        return ToolChoice("any", parallel=parallel)
    if choice is None and parallel is None:
        return None
    return ToolChoice("none" if choice == "none" else "auto", parallel=parallel)


def _output_format(
    given: wire.TextFormat | wire.JsonFormat | wire.SchemaFormat | None,
) -> OutputFormat | None:
    if isinstance(given, wire.JsonFormat):
        return OutputFormat("json")
    if not isinstance(given, wire.SchemaFormat):
        return None
    schema = given.json_schema
    return OutputFormat(
        "schema", schema.name, schema.description, _schema(schema.schema), schema.strict
    )
