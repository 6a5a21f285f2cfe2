"""Bedrock's Converse: what is refused, and what the rest of it asks for.

Field by field as in the service model of bedrock-runtime (botocore's service-2.json); members that
it does not have are refused, which AWS itself ignores: a test must see a misspelt one.
"""

import base64
import binascii
import re
from collections.abc import Collection
from typing import Any, NoReturn

from echo_provider.ask import Ask, Thinking
from echo_provider.checks import Fields, Path
from echo_provider.refusals import Refusal, encoded
from echo_provider.signatures import is_signature
from echo_provider.tokens import count_tokens

TOKENS_PER_ATTACHMENT = 85
SIGNATURE_KIND = "bedrock"
STOPS_MAX = 2500
_REQUEST = frozenset(
    {
        *("messages", "system", "inferenceConfig", "toolConfig", "guardrailConfig"),
        *("additionalModelRequestFields", "promptVariables", "requestMetadata"),
        *("additionalModelResponseFieldPaths", "performanceConfig", "serviceTier", "outputConfig"),
    }
)
_CONFIG = frozenset({"maxTokens", "temperature", "topP", "stopSequences"})
_BLOCKS = (
    *("text", "image", "document", "video", "audio", "toolUse", "toolResult", "guardContent"),
    *("cachePoint", "reasoningContent", "citationsContent", "searchResult"),
)
_IMAGES = ("png", "jpeg", "gif", "webp")
_DOCUMENTS = ("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md")
_AUDIO = ("mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a")
_FORMATS = {"image": _IMAGES, "document": _DOCUMENTS, "audio": _AUDIO}
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class BedrockComplaints:
    """What Bedrock's validator says."""

    def missing(self, path: Path) -> NoReturn:
        """See `Complaints`."""
        self._refuse(path, "Member must not be null")

    def wrong_type(self, path: Path, expected: str, value: Any) -> NoReturn:  # noqa: ARG002
        """See `Complaints`."""
        raise Refusal(
            400, f"{self._written(path)}: expected {expected}", code="SerializationException"
        )

    def too_small(self, path: Path, least: float, value: float) -> NoReturn:  # noqa: ARG002
        """See `Complaints`."""
        self._refuse(path, f"Member must have value greater than or equal to {least:g}")

    def too_large(self, path: Path, most: float, value: float) -> NoReturn:  # noqa: ARG002
        """See `Complaints`."""
        self._refuse(path, f"Member must have value less than or equal to {most:g}")

    def not_one_of(self, path: Path, allowed: Collection[str], value: Any) -> NoReturn:  # noqa: ARG002
        """See `Complaints`."""
        self._refuse(path, f"Member must satisfy enum value set: [{', '.join(allowed)}]")

    def empty(self, path: Path) -> NoReturn:
        """See `Complaints`."""
        self._refuse(path, "Member must have length greater than or equal to 1")

    def unknown(self, path: Path) -> NoReturn:
        """A member that the shape does not have."""
        raise Refusal(400, f"echo: the service model has no member {self._written(path)}")

    def _written(self, path: Path) -> str:
        steps = (str(step + 1) + ".member" if isinstance(step, int) else step for step in path)
        return ".".join(steps)

    def _refuse(self, path: Path, text: str) -> NoReturn:
        where = f"Value at '{self._written(path)}' failed to satisfy constraint: {text}"
        raise Refusal(400, f"1 validation error detected: {where}")


_COMPLAINTS = BedrockComplaints()


def parse_converse(body: dict[str, Any], model: str, *, stream: bool = False) -> Ask:
    """The request, checked. Raises `Refusal` as bedrock-runtime does."""
    top = _known(Fields(body, _COMPLAINTS), _REQUEST)
    tools, tool_tokens, choice, forced = _tools(top)
    reader = _Conversation(tools)
    for index, turn in enumerate(top.items("messages", required=True)):
        reader.read(turn, index)
    reader.check()
    config = _known(top.fields("inferenceConfig") or Fields({}, _COMPLAINTS), _CONFIG)
    config.number("temperature", 0, 1)
    config.number("topP", 0, 1)
    limit = config.integer("maxTokens", 1)
    return Ask(
        model=model,
        served_model=model,
        stream=stream,
        prompt_tokens=reader.tokens + tool_tokens + _system(top),
        text=reader.text,
        limit=limit,
        stops=_stops(config),
        include_usage=True,
        tools=tools,
        tool_choice=choice,
        forced_tool=forced,
        thinking=_thinking(top, limit),
    )


def _known(fields: Fields, members: Collection[str]) -> Fields:
    for name in fields.value:
        if name not in members:
            _COMPLAINTS.unknown(fields.at(name))
    return fields


def _system(top: Fields) -> int:
    tokens = 0
    for block in top.items("system"):
        _known(block, ("text", "cachePoint", "guardContent"))
        if "cachePoint" not in block.value:
            tokens += count_tokens(block.string("text", required=True) or "")
    return tokens


class _Conversation:
    """Reads the turns: who speaks when, what each block holds, which calls want results."""

    def __init__(self, tools: dict[str, Any]) -> None:
        self.tokens = 0
        self.text = ""
        self._tools = tools
        self._open: list[str] = []
        self._role = ""

    def read(self, turn: Fields, index: int) -> None:
        """Take one turn."""
        _known(turn, ("role", "content"))
        role = turn.one_of("role", ("user", "assistant"), required=True) or ""
        if not index and role != "user":
            raise Refusal(400, "A conversation must start with a user message.")
        if role == self._role:
            text = "A conversation must alternate between user and assistant roles."
            raise Refusal(400, text)
        self._role = role
        blocks = turn.items("content", required=True)
        self._match_results(blocks, index)
        texts: list[str] = []
        results: list[str] = []
        for block in blocks:
            tokens, text, kind = self._block(block, role)
            self.tokens += tokens
            (results if kind == "toolResult" else texts).append(text)
        if role == "user":
            self.text = "\n".join(text for text in texts if text) or "\n".join(results)

    def check(self) -> None:
        """Raises `Refusal` for calls without results."""
        if self._open:
            raise Refusal(400, f"Expected toolResult blocks for the Ids: {', '.join(self._open)}")

    def _match_results(self, blocks: list[Fields], index: int) -> None:
        given = [
            block.value["toolResult"].get("toolUseId")
            for block in blocks
            if isinstance(block.value.get("toolResult"), dict)
        ]
        if sorted(map(str, given)) != sorted(self._open):
            text = f"The number of toolResult blocks at messages.{index}.content does not match "
            raise Refusal(400, f"{text}the number of toolUse blocks of previous turn.")
        self._open = []

    def _block(self, block: Fields, role: str) -> tuple[int, str, str]:
        kinds = [name for name in block.value if block.value[name] is not None]
        _known(block, _BLOCKS)
        if len(kinds) != 1:
            raise Refusal(400, f"{_place(block)}: exactly one member of the union must be set")
        kind = kinds[0]
        if kind == "text":
            text = block.string("text") or ""
            if not text.strip():
                raise Refusal(
                    400, f"The text field in the ContentBlock at {_place(block)} is blank."
                )
            return count_tokens(text), text, kind
        if kind == "toolUse":
            return self._call(block), "", kind
        if kind == "toolResult":
            return *_result(block), kind
        if kind == "reasoningContent":
            return _reasoning(block, role), "", kind
        if kind in _FORMATS:
            check_source(block, kind)
        return (0 if kind == "cachePoint" else TOKENS_PER_ATTACHMENT), "", kind

    def _call(self, block: Fields) -> int:
        call = _known(_object(block, "toolUse"), ("toolUseId", "name", "input", "type"))
        name = call.string("name", required=True) or ""
        if not self._tools:
            text = "The toolConfig field must be defined when using toolUse and toolResult content "
            raise Refusal(400, f"{text}blocks.")
        self._open.append(call.string("toolUseId", required=True) or "")
        arguments = call.fields("input", required=True)
        written = encoded(arguments.value if arguments else {}).decode()
        return count_tokens(name) + count_tokens(written)


def _object(block: Fields, name: str) -> Fields:
    return block.fields(name, required=True) or Fields({}, _COMPLAINTS)


def _place(fields: Fields) -> str:
    return ".".join(str(step) for step in fields.path)


def _result(block: Fields) -> tuple[int, str]:
    result = _known(_object(block, "toolResult"), ("toolUseId", "content", "status", "type"))
    result.one_of("status", ("success", "error"))
    texts: list[str] = []
    tokens = 0
    for part in result.items("content"):
        _known(part, ("text", "json", "image", "document", "video", "searchResult"))
        if "json" in part.value:
            texts.append(encoded(part.value["json"]).decode())
        elif "text" in part.value:
            texts.append(part.string("text", required=True) or "")
        else:
            kind = next(iter(part.value), "text")
            tokens += TOKENS_PER_ATTACHMENT
            if kind in _FORMATS:
                check_source(part, kind)
    return tokens + sum(count_tokens(text) for text in texts), "\n".join(texts)


def check_source(block: Fields, kind: str) -> None:
    """A picture, document or recording: its format, and base64 or an address in S3."""
    media = _known(_object(block, kind), ("format", "source", "name", "context", "citations"))
    media.one_of("format", _FORMATS[kind], required=kind != "document")
    if kind == "document":
        name = media.string("name", required=True) or ""
        if not re.fullmatch(r"[A-Za-z0-9\-()\[\]]+( [A-Za-z0-9\-()\[\]]+)*", name):
            text = "The document file name can only contain alphanumeric characters, whitespace "
            raise Refusal(400, f"{text}characters, hyphens, parentheses, and square brackets.")
    source = _known(_object(media, "source"), ("bytes", "s3Location", "text", "content"))
    if (data := source.string("bytes")) is not None:
        try:
            base64.b64decode(data, validate=True)
        except binascii.Error as error:
            raise Refusal(400, f"{_place(source)}.bytes: invalid base64") from error


def _reasoning(block: Fields, role: str) -> int:
    found = _known(_object(block, "reasoningContent"), ("reasoningText", "redactedContent"))
    if role != "assistant":
        raise Refusal(400, f"{_place(block)}: reasoning is for the assistant role only")
    thought = found.fields("reasoningText")
    if thought is None:
        return 0
    _known(thought, ("text", "signature"))
    text = thought.string("text", required=True) or ""
    if not is_signature(SIGNATURE_KIND, text, thought.string("signature") or ""):
        raise Refusal(400, f"{_place(block)}: Invalid `signature` in `thinking` block")
    return count_tokens(text)


def _tools(top: Fields) -> tuple[dict[str, Any], int, str, str | None]:
    """The tools by name, their tokens (compact JSON), and what must be called."""
    config = top.fields("toolConfig")
    if config is None:
        return {}, 0, "auto", None
    _known(config, ("tools", "toolChoice"))
    found: dict[str, Any] = {}
    tokens = 0
    for tool in config.items("tools", required=True):
        tokens += count_tokens(encoded(tool.value).decode())
        if "toolSpec" not in _known(tool, ("toolSpec", "systemTool", "cachePoint")).value:
            continue
        spec = _known(_object(tool, "toolSpec"), ("name", "description", "inputSchema", "strict"))
        name = spec.string("name", required=True) or ""
        if not _NAME.fullmatch(name):
            _COMPLAINTS.not_one_of(spec.at("name"), (_NAME.pattern,), name)
        if spec.value.get("description") == "":
            _COMPLAINTS.empty(spec.at("description"))
        schema = _known(_object(spec, "inputSchema"), ("json",))
        schema.fields("json", required=True)
        found[name] = schema.value["json"]
    choice = config.fields("toolChoice")
    if choice is None:
        return found, tokens, "auto", None
    kind = next(iter(_known(choice, ("auto", "any", "tool")).value), "auto")
    named = _object(choice, "tool").string("name", required=True) if kind == "tool" else None
    if named is not None and named not in found:
        raise Refusal(400, f"The tool {named} of toolChoice is not in toolConfig.tools.")
    return found, tokens, "auto" if kind == "auto" else "required", named


def _stops(config: Fields) -> tuple[str, ...]:
    stops = config.array("stopSequences") or []
    for index, stop in enumerate(stops):
        if not isinstance(stop, str):
            _COMPLAINTS.wrong_type((*config.at("stopSequences"), index), "string", stop)
    return tuple(stops)


def _thinking(top: Fields, limit: int | None) -> Thinking:
    """Claude's `thinking`, which stands in the members that are the model's own."""
    more = top.fields("additionalModelRequestFields")
    thinking = None if more is None else more.fields("thinking")
    if thinking is None:
        return "off"
    kind = thinking.one_of("type", ("enabled", "disabled", "adaptive"), required=True)
    if kind == "disabled":
        return "off"
    budget = thinking.integer("budget_tokens", 1024, required=kind == "enabled") or 0
    if limit is not None and limit <= budget:
        raise Refusal(400, "`max_tokens` must be greater than `thinking.budget_tokens`.")
    return "shown"
