"""Where text stands in each dialect's bodies.

A body is open: a string is text unless a table here says that it is something else, so that what a
provider adds tomorrow is searched and not passed over. Signed blocks are closed: a changed
character breaks their signature (`docs/privacy.md` has the matrix).
"""

from collections.abc import Mapping
from typing import Literal

Strings = Literal["text", "json", "none"]


class Shape:
    """What a value is: its strings, names and numbers, its members, and types left untouched.

    Members that are not named are `rest`, which is the shape itself unless another is given;
    so are the items of a list. A member that is None is not looked at.
    """

    __slots__ = ("_members", "_rest", "names", "strings", "untouched")

    def __init__(
        self,
        members: Mapping[str, "Shape | None"] | None = None,
        *,
        strings: Strings = "text",
        rest: "Shape | None" = None,
        names: bool = False,
        untouched: frozenset[str] = frozenset(),
    ) -> None:
        """`names`: names of members and numbers are text as well (a tool's arguments)."""
        self.strings = strings
        self.names = names
        self.untouched = untouched
        # Some servers (Go's) take a member's name in any case.
        self._members = {name.casefold(): shape for name, shape in (members or {}).items()}
        self._rest = rest

    def member(self, name: str) -> "Shape | None":
        """The shape of a member's value."""
        return self._members.get(name.casefold(), self._rest or self)

    @property
    def item(self) -> "Shape":
        """The shape of a list's items: what a name would say was said of the list."""
        return self


ALL = Shape(names=True)
JSON_TEXT = Shape(strings="json", rest=ALL, names=True)
_SOURCE = Shape({"media_type": None, "type": None}, untouched=frozenset({"base64", "url", "file"}))
# What is no text wherever it stands: ids and words of the protocol, media, credentials that are
# meant for the provider, and what only the provider can read.
_PROTOCOL: dict[str, Shape | None] = dict.fromkeys(
    (
        *("type", "role", "model", "id", "object", "status", "service_tier", "cache_control"),
        *("tool_call_id", "call_id", "tool_use_id", "file_id", "item_reference", "phase"),
        *("previous_response_id", "conversation", "container", "betas", "include", "modalities"),
        *("encrypted_content", "encrypted_index", "signature", "truncation"),
        *("image_url", "input_audio", "file_data", "file_url", "audio"),
        *("url", "server_url", "authorization", "authorization_token", "headers"),
        *("mime_type", "media_type", "encoding_format", "reasoning_effort", "tool_choice"),
    )
)
_NAMED = {**_PROTOCOL, "name": None}
_SCHEMA = Shape({"$ref": None, "required": None, "pattern": None})
_SCHEMA_OF = {"parameters": _SCHEMA, "input_schema": _SCHEMA, "schema": _SCHEMA}
_TOOLS = Shape({**_NAMED, **_SCHEMA_OF})

_FUNCTION = Shape({**_NAMED, "arguments": JSON_TEXT})
_CHAT_MESSAGES = Shape({**_PROTOCOL, "function": _FUNCTION, "function_call": _FUNCTION})
_OPENAI = {
    **_PROTOCOL,
    "metadata": ALL,
    "tools": _TOOLS,
    "functions": _TOOLS,
    "response_format": _TOOLS,
    "logit_bias": None,
}
CHAT = Shape({**_OPENAI, "messages": _CHAT_MESSAGES}, rest=_CHAT_MESSAGES)

_ITEMS = Shape(
    {**_PROTOCOL, "arguments": JSON_TEXT, "action": ALL},
    untouched=frozenset({"reasoning", "image_generation_call"}),
)
_VARIABLES = Shape({**_PROTOCOL, "variables": ALL})
RESPONSES = Shape({**_OPENAI, "input": _ITEMS, "prompt": _VARIABLES, "text": _TOOLS}, rest=_ITEMS)

_BLOCKS = Shape(
    {**_NAMED, "input": ALL, "source": _SOURCE},
    untouched=frozenset({"thinking", "redacted_thinking"}),
)
MESSAGES = Shape(
    {
        **_PROTOCOL,
        "messages": _BLOCKS,
        "system": _BLOCKS,
        "metadata": ALL,
        "tools": _TOOLS,
        "mcp_servers": _TOOLS,
    },
    rest=_BLOCKS,
)

_BLOB: dict[str, Shape | None] = dict.fromkeys(
    ("inlineData", "inline_data", "fileData", "file_data", "thoughtSignature", "thought_signature")
)
_CALL = Shape({"id": None, "name": None, "args": ALL, "response": ALL}, rest=ALL)
# A part of the model's thoughts has no type; the walk gives it this one.
_PARTS_MEMBERS: dict[str, Shape | None] = {
    **_PROTOCOL,
    **_BLOB,
    "functionCall": _CALL,
    "function_call": _CALL,
    "functionResponse": _CALL,
    "function_response": _CALL,
    "labels": ALL,
}
_PARTS = Shape(_PARTS_MEMBERS, untouched=frozenset({"thought"}))
_CONFIGURATION = Shape(
    {
        **_NAMED,
        "responseSchema": _SCHEMA,
        "responseJsonSchema": _SCHEMA,
        "responseMimeType": None,
    }
)
_DECLARATIONS = Shape(
    {**_NAMED, "parameters": _SCHEMA, "parametersJsonSchema": _SCHEMA, "response": _SCHEMA}
)
GEMINI = Shape(
    {
        **_PROTOCOL,
        "tools": _DECLARATIONS,
        "generationConfig": _CONFIGURATION,
        "toolConfig": None,
        "safetySettings": None,
        "cachedContent": None,
        "labels": ALL,
    },
    rest=_PARTS,
)

PLAIN = Shape(_PROTOCOL)

# Endpoint → the shape of its requests.
REQUESTS: Mapping[str, Shape] = {
    "chat.completions": CHAT,
    "responses": RESPONSES,
    "responses.input_tokens": RESPONSES,
    "messages": MESSAGES,
    "messages.count_tokens": MESSAGES,
    "gemini.generate": GEMINI,
    "gemini.stream": GEMINI,
    "gemini.count_tokens": GEMINI,
    "gemini.embed": GEMINI,
    "gemini.batch_embed": GEMINI,
    "completions": PLAIN,
    "embeddings": PLAIN,
    "moderations": PLAIN,
    "images.generations": PLAIN,
    "audio.speech": PLAIN,
    "messages.batches": Shape({"requests": Shape({"custom_id": None, "params": MESSAGES})}),
    "batches": Shape({**_PROTOCOL, "metadata": ALL, "input_file_id": None, "endpoint": None}),
}
# Whole answers, where values are put back: the same objects stand in them. Tokens with their
# likelihoods are what the model wrote, in pieces.
_GENERATED: dict[str, Shape | None] = {**_PROTOCOL, "logprobs": None, "usage": None}
_WRITTEN_ITEMS = Shape(
    {**_GENERATED, "arguments": JSON_TEXT, "action": ALL},
    untouched=frozenset({"reasoning", "image_generation_call"}),
)
_GEMINI_GENERATED = {**_PARTS_MEMBERS, "logprobsResult": None, "usageMetadata": None}
_WRITTEN_PARTS = Shape(_GEMINI_GENERATED, untouched=frozenset({"thought"}))
_PICTURES = Shape({**_GENERATED, "b64_json": None})
ANSWERS: Mapping[str, Shape] = {
    "chat.completions": Shape({**_GENERATED, "function": _FUNCTION, "function_call": _FUNCTION}),
    "responses": _WRITTEN_ITEMS,
    "messages": Shape({**_PROTOCOL, "content": _BLOCKS, "usage": None}, rest=_BLOCKS),
    "gemini.generate": _WRITTEN_PARTS,
    "gemini.stream": _WRITTEN_PARTS,
    "completions": Shape(_GENERATED),
    "audio.transcriptions": Shape(_GENERATED),
    "audio.translations": Shape(_GENERATED),
    "images.generations": _PICTURES,
    "images.edits": _PICTURES,
}
# An event of Gemini's streams, but for the texts that arrive in pieces.
GEMINI_EVENTS = Shape(
    {
        **_GEMINI_GENERATED,
        "content": Shape({**_GEMINI_GENERATED, "text": None}, untouched=frozenset({"thought"})),
    },
)
