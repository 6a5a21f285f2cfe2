"""The bodies of `generateContent` as callers write them, for reading.

Google takes members in camel case and in snake case, so each object is brought to the one before
it is read; what an object holds stays bytes until it is read itself. Members of the type `None` are
known and cannot be translated; those of `Any` have no influence on the answer.
Source: https://ai.google.dev/api/generate-content and google.genai.types.
"""

import re
from typing import Any, Literal, TypeVar

import msgspec

from common.dialects.base import BadRequest
from common.translation.reading import read_wire

Wire = TypeVar("Wire")
_WORD = re.compile(r"_([a-z0-9])")
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list_decoder = msgspec.json.Decoder(list[msgspec.Raw])
ABSENT = (b"", b"null")


def camel_name(name: str) -> str:
    """A member's name in camel case."""
    return _WORD.sub(lambda match: match[1].upper(), name)


def read_object(
    raw: msgspec.Raw | bytes, decoder: "msgspec.json.Decoder[Wire]", within: str
) -> Wire:
    """An object at that path, its members in either spelling. Raises `BadRequest`."""
    text = bytes(raw)
    if b"_" not in text:
        return read_wire(text, decoder, within)
    members: dict[str, msgspec.Raw] = {}
    for name, value in read_wire(text, _members_decoder, within).items():
        camel = camel_name(name)
        if camel in members:
            field = f"{within}.{name}".removeprefix(".")
            raise BadRequest(f"{field!r} is given twice, also as {camel!r}", field)
        members[camel] = value
    return read_wire(msgspec.json.encode(members), decoder, within)


def read_list(raw: msgspec.Raw, within: str) -> list[msgspec.Raw]:
    """A list at that path; Google takes a single object without its list."""
    text = bytes(raw)
    if text in ABSENT:
        return []
    return [raw] if text.startswith(b"{") else read_wire(text, _list_decoder, within)


class _Whole(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    pass


class Generate(_Whole):
    """A request."""

    contents: msgspec.Raw
    system_instruction: msgspec.Raw = msgspec.Raw()
    tools: msgspec.Raw = msgspec.Raw()
    tool_config: msgspec.Raw = msgspec.Raw()
    generation_config: msgspec.Raw = msgspec.Raw()
    safety_settings: msgspec.Raw = msgspec.Raw()
    service_tier: str | None = None
    store: bool | None = None
    # Dropped.
    labels: Any = None
    # Refused.
    cached_content: None = None
    continuation_token: None = None


class Content(_Whole):
    """One turn; without a role it is the user's."""

    parts: msgspec.Raw = msgspec.Raw()
    role: Literal["user", "model", "function", "system"] | None = None


class Part(_Whole):
    """One of `text`, `inlineData`, `fileData`, `functionCall` and `functionResponse`."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    inline_data: msgspec.Raw = msgspec.Raw()
    file_data: msgspec.Raw = msgspec.Raw()
    function_call: msgspec.Raw = msgspec.Raw()
    function_response: msgspec.Raw = msgspec.Raw()
    # Dropped.
    part_metadata: Any = None
    # Refused.
    audio_transcription: None = None
    code_execution_result: None = None
    executable_code: None = None
    media_processing: None = None
    media_resolution: None = None
    speech_metadata: None = None
    tool_call: None = None
    tool_response: None = None
    video_metadata: None = None


class Blob(_Whole):
    """Base64."""

    data: str
    mime_type: str
    display_name: str | None = None


class FileData(_Whole):
    """What lies elsewhere."""

    file_uri: str
    mime_type: str | None = None
    display_name: str | None = None


class FunctionCall(_Whole):
    """An earlier call."""

    name: str
    id: str | None = None
    args: msgspec.Raw = msgspec.Raw()
    partial_args: None = None
    will_continue: None = None


class FunctionResponse(_Whole):
    """What a call gave."""

    name: str
    id: str | None = None
    response: msgspec.Raw = msgspec.Raw()
    parts: msgspec.Raw = msgspec.Raw()
    scheduling: None = None
    will_continue: None = None


class ResponsePart(_Whole):
    """A picture or document among what a call gave."""

    inline_data: msgspec.Raw = msgspec.Raw()
    file_data: msgspec.Raw = msgspec.Raw()


class Tool(_Whole):
    """Functions; all other tools run at Google."""

    function_declarations: msgspec.Raw = msgspec.Raw()
    code_execution: None = None
    computer_use: None = None
    enterprise_web_search: None = None
    exa_ai_search: None = None
    file_search: None = None
    google_maps: None = None
    google_search: None = None
    google_search_retrieval: None = None
    mcp_servers: None = None
    parallel_ai_search: None = None
    retrieval: None = None
    url_context: None = None


class Declaration(_Whole):
    """A function's definition; its response only documents it."""

    name: str
    description: str | None = None
    parameters: msgspec.Raw = msgspec.Raw()
    parameters_json_schema: msgspec.Raw = msgspec.Raw()
    response: Any = None
    response_json_schema: Any = None
    behavior: None = None


class ToolConfig(_Whole):
    """Which functions may, or must, be called."""

    function_calling_config: msgspec.Raw = msgspec.Raw()
    include_server_side_tool_invocations: Any = None
    retrieval_config: None = None


class CallingConfig(_Whole):
    """See `ToolConfig`."""

    mode: str | None = None
    allowed_function_names: list[str] | None = None
    stream_function_call_arguments: bool | None = None


class Safety(_Whole):
    """A filter of Google's."""

    category: Any = None
    threshold: str | None = None
    method: Any = None


class Generation(_Whole):
    """How to generate."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    candidate_count: int | None = None
    max_output_tokens: int | None = None
    stop_sequences: list[str] | None = None
    response_logprobs: bool | None = None
    logprobs: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    response_mime_type: str | None = None
    response_schema: msgspec.Raw = msgspec.Raw()
    response_json_schema: msgspec.Raw = msgspec.Raw()
    response_modalities: list[str] | None = None
    media_resolution: str | None = None
    thinking_config: msgspec.Raw = msgspec.Raw()
    # Refused.
    audio_timestamp: None = None
    audio_transcription_config: None = None
    enable_affective_dialog: None = None
    enable_enhanced_civic_answers: None = None
    image_config: None = None
    model_selection_config: None = None
    response_format: None = None
    routing_config: None = None
    speech_config: None = None


class ThinkingConfig(_Whole):
    """How much to think, and whether to show it."""

    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    thinking_level: str | None = None


generate_decoder = msgspec.json.Decoder(Generate)
content_decoder = msgspec.json.Decoder(Content)
part_decoder = msgspec.json.Decoder(Part)
blob_decoder = msgspec.json.Decoder(Blob)
file_decoder = msgspec.json.Decoder(FileData)
call_decoder = msgspec.json.Decoder(FunctionCall)
response_decoder = msgspec.json.Decoder(FunctionResponse)
response_part_decoder = msgspec.json.Decoder(ResponsePart)
tool_decoder = msgspec.json.Decoder(Tool)
declaration_decoder = msgspec.json.Decoder(Declaration)
tool_config_decoder = msgspec.json.Decoder(ToolConfig)
calling_decoder = msgspec.json.Decoder(CallingConfig)
safety_decoder = msgspec.json.Decoder(Safety)
generation_decoder = msgspec.json.Decoder(Generation)
thinking_decoder = msgspec.json.Decoder(ThinkingConfig)
