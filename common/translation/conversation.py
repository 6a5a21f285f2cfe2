"""A conversation as all dialects understand it: what is translated passes through here. Pure.

A format reads its own bytes into them and writes them as its own bytes; what it cannot say it
refuses by the attribute's name here, which `Conversation.fields` turns into the caller's field.
"""

from typing import Literal

import msgspec

Role = Literal["system", "user", "assistant"]
Finish = Literal[
    "stop", "stop_sequence", "length", "tool_calls", "refusal", "content_filter", "context_window"
]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class CannotExpress(Exception):
    """The other format has no words for this. `attribute` is a path into the conversation.

    For example `seed`, `tools.2` or `messages.3.parts.0`; a longer path than `fields` knows is cut
    from its end until it does.
    """

    def __init__(self, attribute: str, message: str) -> None:
        super().__init__(message)
        self.attribute = attribute
        self.message = message


class Text(msgspec.Struct, frozen=True, tag=True):
    """Text. `cached`: the prefix of the conversation up to here is worth caching."""

    text: str
    cached: bool = False


class Media(msgspec.Struct, frozen=True, tag=True):
    """A picture, document or recording: base64 `data`, or the `url` where it lies.

    `media_type` is empty where only a URL tells it. `detail` is OpenAI's, `name` a file's.
    """

    kind: Literal["image", "document", "audio"]
    media_type: str = ""
    data: str | None = None
    url: str | None = None
    name: str | None = None
    detail: str | None = None
    cached: bool = False


class Thinking(msgspec.Struct, frozen=True, tag=True):
    """What a model thought. `signature` and `redacted` are its provider's own bytes, untouched.

    `origin` is the format that made them: to no other do they mean anything.
    """

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    origin: str = ""


class ToolCall(msgspec.Struct, frozen=True, tag=True):
    """A call that the model asks for. `arguments` is the text of a JSON object, as it came."""

    id: str
    name: str
    arguments: str
    signature: str | None = None
    cached: bool = False


class ToolResult(msgspec.Struct, frozen=True, tag=True):
    """What a call gave. `name` is the tool's, found by the call's id."""

    call_id: str
    name: str
    parts: tuple["Text | Media", ...]
    is_error: bool = False
    cached: bool = False


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The model's own words for why it will not."""

    text: str


Part = Text | Media | Thinking | ToolCall | ToolResult | Refused


class Message(msgspec.Struct, frozen=True):
    """One turn. A `system` one stands here only if it comes after others."""

    role: Role
    parts: tuple[Part, ...]


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call. `parameters` is a JSON schema, as it came."""

    name: str
    description: str | None = None
    parameters: msgspec.Raw | None = None
    strict: bool | None = None
    cached: bool = False


class ToolChoice(msgspec.Struct, frozen=True):
    """Whether tools must be called. `parallel` None leaves several calls to the provider."""

    mode: Literal["auto", "none", "any", "named"] = "auto"
    name: str | None = None
    parallel: bool | None = None


class OutputFormat(msgspec.Struct, frozen=True):
    """The form of the answer: any JSON object, or JSON of a schema."""

    kind: Literal["json", "schema"]
    name: str = "answer"
    description: str | None = None
    schema: msgspec.Raw | None = None
    strict: bool | None = None


class ThinkingMode(msgspec.Struct, frozen=True):
    """How much to think, in tokens or in words; `shown`: the caller wants to see it."""

    enabled: bool = True
    budget_tokens: int | None = None
    effort: Effort | None = None
    shown: bool = True


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """A request. `fields` names the caller's field of an attribute, where they differ.

    None leaves a choice to the provider. `user` is an opaque id of the person behind the call.
    """

    model: str
    system: tuple[Text, ...] = ()
    messages: tuple[Message, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    output_format: OutputFormat | None = None
    thinking: ThinkingMode | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    service_tier: str | None = None
    user: str | None = None
    stream: bool = False
    include_usage: bool = False
    fields: dict[str, str] = {}


class TokenLogprob(msgspec.Struct, frozen=True):
    """How probable a token was, as a natural logarithm, and what else there was."""

    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None
    top: tuple["TokenLogprob", ...] = ()


class Counts(msgspec.Struct, frozen=True):
    """Tokens of an answer for its caller; `input` is without what a cache read or wrote.

    `output` includes `reasoning`.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer. `id` is the provider's, or made from the request's id."""

    id: str
    model: str
    parts: tuple[Part, ...]
    finish: Finish
    stop_sequence: str | None = None
    counts: Counts | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    created_s: int = 0


# The events of a stream, in the order in which a provider says them. Parts come one after the
# other; `ToolCallBegun` ends the part before it, and so does a delta of another kind.


class Begun(msgspec.Struct, frozen=True, tag=True):
    """The first event. `counts` has what is known of the input."""

    id: str
    model: str
    counts: Counts | None = None
    created_s: int = 0


class TextDelta(msgspec.Struct, frozen=True, tag=True):
    """More text."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


class ThinkingDelta(msgspec.Struct, frozen=True, tag=True):
    """More of a thought, or its signature, or a thought that is hidden."""

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    origin: str = ""


class ToolCallBegun(msgspec.Struct, frozen=True, tag=True):
    """A call; `index` counts the calls of the answer from 0."""

    index: int
    id: str
    name: str
    signature: str | None = None


class ToolCallDelta(msgspec.Struct, frozen=True, tag=True):
    """More of the JSON text of a call's arguments."""

    index: int
    arguments: str


class RefusalDelta(msgspec.Struct, frozen=True, tag=True):
    """More of a refusal."""

    text: str


class Finished(msgspec.Struct, frozen=True, tag=True):
    """The last event of an answer that ends; what is known of `counts` by then."""

    finish: Finish
    stop_sequence: str | None = None
    counts: Counts | None = None


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The provider's own error in the middle of its stream; nothing follows."""

    message: str
    kind: Literal["overloaded", "rate_limited", "server", "request"] = "server"


Event = (
    Begun
    | TextDelta
    | ThinkingDelta
    | ToolCallBegun
    | ToolCallDelta
    | RefusalDelta
    | Finished
    | Failed
)
