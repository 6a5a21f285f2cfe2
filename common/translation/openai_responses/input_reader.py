"""`input` of POST /v1/responses: a text, or items, as messages."""

from typing import Literal, NoReturn

from common.dialects.base import BadRequest
from common.translation.conversation import (
    Media,
    Message,
    Part,
    Refused,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from common.translation.media import from_url, type_of_name
from common.translation.members import TEXT, Members, is_text, objects_in, text_in
from common.translation.openai_responses.items import PARAGRAPH, thought_in

_ITEM_DROPPED = frozenset({"id", "status"})
_ROLES: dict[str, Role] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "system",
}
# The answer's own members of a text: what hosted tools cited, and how probable its tokens were.
_TEXT_DROPPED = frozenset({"annotations", "logprobs"})
# "auto" says nothing.
_DETAILS = {"auto": "", "low": "low", "high": "high", "original": "original"}
_KEPT = (
    "files are kept by the account that they were uploaded to: send the content itself, "
    "or a URL where it lies"
)


class InputReader:
    """Reads items one after the other; those of the assistant in a row are one message.

    Raises `BadRequest`, as all methods of `Members` do.
    """

    def __init__(self) -> None:
        self.system: list[Text] = []
        self.fields: dict[str, str] = {}
        self._messages: list[tuple[Role, list[Part]]] = []
        self._open = False  # whether another item of the same kind goes into the last message
        self._names: dict[str, str] = {}
        self._call_signature: str | None = None

    def messages(self) -> tuple[Message, ...]:
        """What was read."""
        return tuple(Message(role, tuple(parts)) for role, parts in self._messages)

    def instruct(self, text: str) -> None:
        """Take `instructions`."""
        self.system.append(Text(text))

    def read(self, body: Members) -> None:
        """Take `input`."""
        raw = body.raw("input")
        if raw is None:
            raise body.missing("input")
        if is_text(raw):
            self._add("user", [Text(text_in(raw, "input"))], ["input"])
            return
        for item in objects_in(raw, "input"):
            self._read_item(item)

    def _read_item(self, item: Members) -> None:
        kind = item.take("type", TEXT) or "message"
        if kind == "message":
            self._read_message(item)
        elif kind == "reasoning":
            self._read_reasoning(item)
        elif kind == "function_call":
            self._read_call(item)
        elif kind == "function_call_output":
            self._read_output(item)
        else:
            raise BadRequest(
                f"An item of type {kind[:100]!r} cannot be passed on to this model's provider",
                item.path_of("type"),
            )

    def _read_message(self, item: Members) -> None:
        role = item.word("role", _ROLES)
        if role is None:
            raise item.missing("role")
        parts, paths = _read_content(item, "content", role)
        item.finish(_ITEM_DROPPED | {"phase"})
        if role == "system" and not self._messages:
            for part, path in zip(parts, paths, strict=True):
                if isinstance(part, Text):
                    self.fields[f"system.{len(self.system)}"] = path
                    self.system.append(part)
            return
        self._add(role, parts, paths, joined=role == "assistant")

    def _read_reasoning(self, item: Members) -> None:
        summary = _texts(item, "summary")
        content = _texts(item, "content")
        item_id = item.take("id", TEXT)
        encrypted = item.take("encrypted_content", TEXT)
        item.finish(_ITEM_DROPPED)
        thought = thought_in(PARAGRAPH.join(summary or content), item_id, encrypted)
        if isinstance(thought, Thinking):
            self._add("assistant", [thought], [item.path], joined=True)
        else:
            self._call_signature = thought.value

    def _read_call(self, item: Members) -> None:
        call = ToolCall(
            id=item.need("call_id", TEXT),
            name=item.need("name", TEXT),
            arguments=item.need("arguments", TEXT),
            signature=self._call_signature,
        )
        item.finish(_ITEM_DROPPED, {"async": (b"false",), "caller": (b'{"type":"direct"}',)})
        self._call_signature = None
        self._names[call.id] = call.name
        self._add("assistant", [call], [item.path], joined=True)

    def _read_output(self, item: Members) -> None:
        call_id = item.need("call_id", TEXT)
        name = item.take("name", TEXT) or self._names.get(call_id)
        if name is None:
            raise BadRequest(
                f"No 'function_call' before this output has the id {call_id[:100]!r}",
                item.path_of("call_id"),
            )
        parts, _ = _read_content(item, "output", "user")
        item.finish(_ITEM_DROPPED, {"caller": (b'{"type":"direct"}',)})
        shown = tuple(part for part in parts if isinstance(part, Text | Media))
        self._add("user", [ToolResult(call_id, name, shown)], [item.path], joined=True)

    def _add(
        self, role: Role, parts: list[Part], paths: list[str], *, joined: bool = False
    ) -> None:
        if not (joined and self._open and self._messages[-1][0] == role):
            self._messages.append((role, []))
        self._open = joined
        at, (_, last) = len(self._messages) - 1, self._messages[-1]
        for part, path in zip(parts, paths, strict=True):
            self.fields[f"messages.{at}.parts.{len(last)}"] = path
            last.append(part)


def _read_content(item: Members, name: str, role: Role) -> tuple[list[Part], list[str]]:
    """The parts of a content that is a text or an array, and their paths."""
    raw, path = item.raw(name), item.path_of(name)
    if raw is None:
        raise item.missing(name)
    if is_text(raw):
        return [Text(text_in(raw, path))], [path]
    given = objects_in(raw, path)
    return [_read_part(part, role) for part in given], [part.path for part in given]


def _read_part(part: Members, role: Role) -> Part:
    kind = part.need("type", TEXT)
    # For how long a prefix is to be kept is the provider's choice.
    cached = part.object("prompt_cache_breakpoint") is not None
    read: Part
    if kind in ("input_text", "output_text", "text"):
        read = Text(part.need("text", TEXT), cached)
        part.finish(_TEXT_DROPPED if kind == "output_text" else ())
        return read
    if kind == "refusal" and role == "assistant":
        read = Refused(part.need("refusal", TEXT))
    elif kind == "input_image" and role == "user":
        read = _read_image(part, cached=cached)
    elif kind == "input_file" and role == "user":
        read = _read_file(part, cached=cached)
    else:
        raise BadRequest(
            f"Content of type {kind[:100]!r} in a message of role {role!r} cannot be passed on to "
            "this model's provider",
            part.path_of("type"),
        )
    part.finish()
    return read


def _read_image(part: Members, *, cached: bool) -> Media:
    if part.has("file_id"):
        _refuse_file(part)
    url = part.need("image_url", TEXT)
    return _medium(
        "image",
        url,
        part.path_of("image_url"),
        detail=part.word("detail", _DETAILS) or None,
        cached=cached,
    )


def _read_file(part: Members, *, cached: bool) -> Media:
    if part.has("file_id"):
        _refuse_file(part)
    name, detail = part.take("filename", TEXT), part.word("detail", _DETAILS) or None
    url = part.take("file_url", TEXT)
    if url is not None:
        return Media("document", url=url, name=name, detail=detail, cached=cached)
    data, path = part.need("file_data", TEXT), part.path_of("file_data")
    if not data.startswith("data:"):  # OpenAI takes bare base64, too
        return Media("document", type_of_name(name), data, name=name, detail=detail, cached=cached)
    return _medium("document", data, path, name=name, detail=detail, cached=cached)


def _medium(
    kind: Literal["image", "document"],
    url: str,
    path: str,
    *,
    name: str | None = None,
    detail: str | None,
    cached: bool,
) -> Media:
    try:
        return from_url(kind, url, name=name, detail=detail, cached=cached)
    except ValueError as error:
        raise BadRequest(f"Invalid value for {path!r}: {error}", path) from None


def _refuse_file(part: Members) -> NoReturn:
    path = part.path_of("file_id")
    raise BadRequest(f"{path!r} cannot be passed on to this model's provider: {_KEPT}", path)


def _texts(item: Members, name: str) -> list[str]:
    return [part.need("text", TEXT) for part in item.objects(name) or ()]
