"""Tool calls: asked for by `call <tool> {json}` in the message, or forced by tool_choice."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from echo_provider.output import EchoedText
from echo_provider.tokens import count_tokens

_CALL = re.compile(r"\bcall\s+([A-Za-z0-9_-]+)", re.IGNORECASE)
_SAMPLES: dict[str, Any] = {
    "string": "echo",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "array": [],
    "object": {},
    "null": None,
}


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call; `arguments` is JSON as it stood in the message. Its tokens: name and arguments."""

    name: str
    arguments: str

    @property
    def tokens(self) -> int:
        """What it counts as output."""
        return count_tokens(self.name) + count_tokens(self.arguments)

    def cut_to(self, tokens: int) -> "ToolCall | None":
        """As much of it as fits; None when not even the name does."""
        left = tokens - count_tokens(self.name)
        if left < 0:
            return None
        output = EchoedText(self.arguments, left)
        return ToolCall(self.name, "".join(part.text for part in output.parts(1)))

    @property
    def parsed(self) -> Any:
        """The arguments as a value; empty when the limit has cut them."""
        try:
            return json.loads(self.arguments)
        except ValueError:
            return {}


def wanted_calls(
    text: str, tools: Mapping[str, Any], tool_choice: str, forced: str | None
) -> list[ToolCall]:
    """The calls to make: all those that the text asks for, at least one if one is required.

    `tools` maps the names on offer to the JSON Schema of their arguments.
    """
    if tool_choice == "none" or not tools:
        return []
    asked = _asked(text, tools)
    if forced is not None:
        asked = [call for call in asked if call.name == forced]
    if asked or (tool_choice != "required" and forced is None):
        return asked
    name = forced if forced is not None else next(iter(tools))
    arguments = json.dumps(sample(tools.get(name)), ensure_ascii=False, separators=(",", ":"))
    return [ToolCall(name, arguments)]


def _asked(text: str, tools: Mapping[str, Any]) -> list[ToolCall]:
    calls: list[ToolCall] = []
    position = 0
    while (found := _CALL.search(text, position)) is not None:
        position = found.end()
        if found.group(1) not in tools:
            continue
        arguments, position = _object_at(text, position)
        calls.append(ToolCall(found.group(1), arguments))
    return calls


def _object_at(text: str, position: int) -> tuple[str, int]:
    """The JSON object that follows, as it is written, and where it ends; else `{}`."""
    start = position
    while start < len(text) and text[start] in " \t\r\n":
        start += 1
    if not text.startswith("{", start):
        return "{}", position
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return "{}", position
    return text[start:end], end


def sample(schema: Any) -> Any:
    """A small value for a JSON Schema: required properties only, the first of an `enum`."""
    if not isinstance(schema, dict):
        return {}
    if isinstance(options := schema.get("enum"), list) and options:
        return options[0]
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = kind[0] if kind else "object"
    if kind != "object":
        return _SAMPLES.get(kind, {}) if isinstance(kind, str) else {}
    properties = schema.get("properties")
    required = schema.get("required")
    if not isinstance(properties, dict) or not isinstance(required, list):
        return {}
    return {name: sample(properties.get(name)) for name in required if isinstance(name, str)}
