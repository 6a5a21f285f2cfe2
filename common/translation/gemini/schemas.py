"""Google's own schemas (a subset of OpenAPI's), as JSON schemas.

Source: https://ai.google.dev/api/caching#Schema. Types are upper case, numbers may be strings, and
members come in either spelling.
"""

from typing import Any

import msgspec

from common.dialects.base import BadRequest
from common.translation.gemini.wire import ABSENT, camel_name

DEPTH_MAX = 64
_SAME = frozenset({"title", "description", "format", "default", "pattern", "minimum", "maximum",
                   "enum", "required"})  # fmt: skip
_SIZES = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties",
                    "maxProperties"})  # fmt: skip
# They order what is generated or show what it may look like, and allow nothing else.
_DROPPED = frozenset({"propertyOrdering", "example"})


def read_schema(raw: msgspec.Raw, field: str) -> msgspec.Raw | None:
    """The JSON schema of one of Google's own. Raises `BadRequest`."""
    if bytes(raw) in ABSENT:
        return None
    try:
        return msgspec.Raw(msgspec.json.encode(json_schema(msgspec.json.decode(raw))))
    except (ValueError, TypeError, AttributeError) as error:
        raise BadRequest(f"Invalid value for {field!r}: {error}", field) from None


def json_schema(given: Any, depth: int = 0) -> dict[str, Any]:
    """The JSON schema. Raises `ValueError` or `TypeError` for what is not understood."""
    if not isinstance(given, dict):
        raise TypeError("a schema must be an object")
    if depth > DEPTH_MAX:
        raise ValueError("a schema is nested too deeply")
    members = {camel_name(name): value for name, value in given.items()}
    nullable = bool(members.pop("nullable", False))
    schema: dict[str, Any] = {}
    for name, value in members.items():
        if name == "type":
            if (kind := str(value).lower()) != "type_unspecified":
                schema["type"] = [kind, "null"] if nullable and kind != "null" else kind
        elif name not in _DROPPED:
            schema[name] = _member(name, value, depth + 1)
    if nullable and "anyOf" in schema:
        schema["anyOf"].append({"type": "null"})
    if nullable and None not in schema.get("enum", [None]):
        schema["enum"] = [*schema["enum"], None]
    return schema


def _member(name: str, value: Any, depth: int) -> Any:
    if name in _SAME:
        return value
    if name in _SIZES:
        return int(value)
    if name == "items":
        return json_schema(value, depth)
    if name == "anyOf":
        return [json_schema(one, depth) for one in value]
    if name == "properties":
        return {key: json_schema(one, depth) for key, one in value.items()}
    raise ValueError(f"a schema's {name!r} is not understood")
