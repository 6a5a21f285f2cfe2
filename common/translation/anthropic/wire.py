"""The bodies of POST /v1/messages as callers write them, for reading.

Members of the type `None` are known and cannot be translated; those of `Any` have no influence on
the answer (docs/translation.md lists them). Source: anthropic.types of anthropic-sdk-python.
"""

from typing import Any, Literal

import msgspec


class _Whole(msgspec.Struct, forbid_unknown_fields=True):
    pass


class Base64Source(_Whole, tag_field="type", tag="base64"):
    """Data in the body."""

    data: str
    media_type: str


class UrlSource(_Whole, tag_field="type", tag="url"):
    """Data elsewhere."""

    url: str


class TextSource(_Whole, tag_field="type", tag="text"):
    """A document that is text."""

    data: str
    media_type: Literal["text/plain"] = "text/plain"


class Citations(_Whole):
    """Whether a document is to be cited: only Anthropic does that."""

    enabled: Literal[False] | None = None


class TextBlock(_Whole, tag_field="type", tag="text"):
    """See `conversation.Text`. Citations are what an earlier answer had."""

    text: str
    cache_control: Any = None
    citations: Any = None


class ImageBlock(_Whole, tag_field="type", tag="image"):
    """See `conversation.Media`."""

    source: Base64Source | UrlSource
    cache_control: Any = None
    transformations: None = None


class DocumentBlock(_Whole, tag_field="type", tag="document"):
    """See `conversation.Media`."""

    source: Base64Source | UrlSource | TextSource
    title: str | None = None
    context: None = None
    citations: dict[str, bool] | None = None
    cache_control: Any = None


class ResultBlock(_Whole, tag_field="type", tag="tool_result"):
    """See `conversation.ToolResult`."""

    tool_use_id: str
    content: str | list[TextBlock | ImageBlock | DocumentBlock] | None = None
    is_error: bool | None = None
    cache_control: Any = None
    toolset_name: None = None


class ThinkingBlock(_Whole, tag_field="type", tag="thinking"):
    """See `conversation.Thinking`."""

    thinking: str
    signature: str = ""


class RedactedBlock(_Whole, tag_field="type", tag="redacted_thinking"):
    """See `conversation.Thinking`."""

    data: str


class CallBlock(_Whole, tag_field="type", tag="tool_use"):
    """See `conversation.ToolCall`. `caller` says that the model called it itself."""

    id: str
    name: str
    input: msgspec.Raw
    cache_control: Any = None
    caller: Any = None
    toolset_name: None = None


class UserTurn(_Whole, tag_field="role", tag="user"):
    """What the user says."""

    content: str | list[TextBlock | ImageBlock | DocumentBlock | ResultBlock]


class AssistantTurn(_Whole, tag_field="role", tag="assistant"):
    """What the model said."""

    content: str | list[TextBlock | ThinkingBlock | RedactedBlock | CallBlock]


class SystemTurn(_Whole, tag_field="role", tag="system"):
    """Instructions in mid-conversation."""

    content: str | list[TextBlock]


Turn = UserTurn | AssistantTurn | SystemTurn


class Tool(_Whole):
    """A tool that the caller runs; those that Anthropic runs have other types."""

    name: str
    input_schema: msgspec.Raw
    type: Literal["custom"] | None = None
    description: str | None = None
    strict: bool | None = None
    cache_control: Any = None
    eager_input_streaming: Any = None
    defer_loading: Literal[False] | None = None
    allowed_callers: list[Literal["direct"]] | None = None
    input_examples: None = None


class ToolChoice(_Whole):
    """Whether tools must be called."""

    type: Literal["auto", "any", "none", "tool"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(_Whole):
    """How much to think."""

    type: Literal["enabled", "adaptive", "disabled"]
    budget_tokens: int | None = None
    display: Literal["summarized", "omitted"] | None = None


class SchemaFormat(_Whole, tag_field="type", tag="json_schema"):
    """JSON of a schema."""

    schema: msgspec.Raw


class OutputConfig(_Whole):
    """How the answer is made."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: SchemaFormat | None = None


class Metadata(_Whole):
    """An opaque id of the person behind the call."""

    user_id: str | None = None


class Edit(msgspec.Struct):
    """What is to be left out of the context."""

    type: str


class ContextManagement(_Whole):
    """Edits of the context; of earlier thoughts no other format sees anything."""

    edits: list[Edit] = []


class Messages(_Whole):
    """A request; its messages and tools are read one by one, to name the one at fault."""

    model: str
    max_tokens: int
    messages: list[msgspec.Raw]
    system: str | list[TextBlock] | None = None
    stream: bool | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    tools: list[msgspec.Raw] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    metadata: Metadata | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    speed: Literal["standard"] | None = None
    context_management: ContextManagement | None = None
    # Dropped.
    cache_control: Any = None
    diagnostics: Any = None
    user_profile_id: Any = None
    # Refused.
    container: None = None
    inference_geo: None = None
    mcp_servers: None = None
