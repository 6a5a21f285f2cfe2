"""The bodies of POST /v1/chat/completions as callers write them, for reading.

Members of the type `None` are known and cannot be translated; those of `Any` have no influence on
the answer (docs/translation.md lists them). Source: openai.types.chat of openai-python.
"""

from typing import Any, Literal

import msgspec

from common.translation.conversation import Effort


class _Whole(msgspec.Struct, forbid_unknown_fields=True):
    pass


class ImageUrl(_Whole):
    """A picture's place, which may be a data URL."""

    url: str
    detail: str | None = None


class Sound(_Whole):
    """A recording, base64."""

    data: str
    format: Literal["wav", "mp3"]


class File(_Whole):
    """A document, base64 or a data URL; what was uploaded means nothing elsewhere."""

    file_data: str | None = None
    filename: str | None = None
    file_id: None = None


class TextPart(_Whole, tag_field="type", tag="text"):
    """See `conversation.Text`."""

    text: str
    prompt_cache_breakpoint: Any = None


class ImagePart(_Whole, tag_field="type", tag="image_url"):
    """See `conversation.Media`."""

    image_url: ImageUrl
    prompt_cache_breakpoint: Any = None


class SoundPart(_Whole, tag_field="type", tag="input_audio"):
    """See `conversation.Media`."""

    input_audio: Sound
    prompt_cache_breakpoint: Any = None


class FilePart(_Whole, tag_field="type", tag="file"):
    """See `conversation.Media`."""

    file: File
    prompt_cache_breakpoint: Any = None


class RefusalPart(_Whole, tag_field="type", tag="refusal"):
    """See `conversation.Refused`."""

    refusal: str


UserPart = TextPart | ImagePart | SoundPart | FilePart


class CalledFunction(_Whole):
    """Arguments are JSON's text."""

    name: str
    arguments: str = ""


class GoogleExtra(_Whole):
    """What Google's own compatible API adds to a tool call."""

    thought_signature: str | None = None


class Extra(_Whole):
    """See `GoogleExtra`."""

    google: GoogleExtra | None = None


class Call(_Whole):
    """An earlier call; streams number them, and some clients send that back."""

    id: str
    function: CalledFunction
    type: Literal["function"] = "function"
    index: Any = None
    extra_content: Extra | None = None


class SystemTurn(_Whole, tag_field="role", tag="system"):
    """Instructions."""

    content: str | list[TextPart]
    name: None = None


class DeveloperTurn(_Whole, tag_field="role", tag="developer"):
    """Instructions, by their newer name."""

    content: str | list[TextPart]
    name: None = None


class UserTurn(_Whole, tag_field="role", tag="user"):
    """What the user says."""

    content: str | list[UserPart]
    name: None = None


class AssistantTurn(_Whole, tag_field="role", tag="assistant"):
    """What the model said; SDKs send back all members of its answer."""

    content: str | list[TextPart | RefusalPart] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[Call] | None = None
    annotations: Any = None
    audio: None = None
    function_call: None = None
    name: None = None


class ToolTurn(_Whole, tag_field="role", tag="tool"):
    """What a call gave. The name is the called function's, as older clients send it."""

    content: str | list[TextPart]
    tool_call_id: str
    name: Any = None


Turn = SystemTurn | DeveloperTurn | UserTurn | AssistantTurn | ToolTurn


class Function(_Whole):
    """A function's definition."""

    name: str
    description: str | None = None
    parameters: msgspec.Raw = msgspec.Raw()
    strict: bool | None = None


class FunctionTool(_Whole, tag_field="type", tag="function"):
    """The kind of tool that all formats have."""

    function: Function


class _Named(_Whole):
    name: str


class NamedChoice(_Whole, tag_field="type", tag="function"):
    """One tool that must be called."""

    function: _Named


class TextFormat(_Whole, tag_field="type", tag="text"):
    """No form."""


class JsonFormat(_Whole, tag_field="type", tag="json_object"):
    """Any JSON object."""


class Schema(_Whole):
    """A JSON schema and its name."""

    name: str
    description: str | None = None
    schema: msgspec.Raw = msgspec.Raw()
    strict: bool | None = None


class SchemaFormat(_Whole, tag_field="type", tag="json_schema"):
    """JSON of a schema."""

    json_schema: Schema


class StreamOptions(_Whole):
    """Of a stream."""

    include_usage: bool | None = None
    include_obfuscation: Any = None


class Chat(_Whole):
    """A request; its messages and tools are read one by one, to name the one at fault."""

    model: str
    messages: list[msgspec.Raw]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    tools: list[msgspec.Raw] | None = None
    tool_choice: Literal["auto", "none", "required"] | NamedChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: TextFormat | JsonFormat | SchemaFormat | None = None
    reasoning_effort: Effort | None = None
    service_tier: str | None = None
    user: str | None = None
    store: bool | None = None
    # Their defaults ask for nothing.
    logit_bias: dict[str, Any] | None = None
    modalities: list[str] | None = None
    verbosity: str | None = None
    # Dropped.
    metadata: Any = None
    prompt_cache_key: Any = None
    prompt_cache_options: Any = None
    prompt_cache_retention: Any = None
    safety_identifier: Any = None
    # Refused.
    audio: None = None
    function_call: None = None
    functions: None = None
    moderation: None = None
    prediction: None = None
    web_search_options: None = None
