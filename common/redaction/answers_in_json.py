"""Whether a request asks for an answer in JSON: then values stand in its text as JSON has them."""

from typing import Any

import msgspec

from common.dialects.bodies import loads

# Skips what it does not give, a long prompt with it.
_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
# By endpoint where the format stands, and what it is called.
_WHERE: dict[str, tuple[tuple[str, ...], ...]] = {
    "chat.completions": (("response_format", "type"),),
    "responses": (("text", "format", "type"),),
    "messages": (("output_format", "type"), ("output_config", "format", "type")),
    "gemini.generate": (
        ("generationConfig", "responseMimeType"),
        ("generation_config", "response_mime_type"),
    ),
}
_WHERE["gemini.stream"] = _WHERE["gemini.generate"]


def asks_for_json(endpoint: str, body: bytes) -> bool:
    """Whether the answer's text is JSON text by the words of the request, which was parsed."""
    where = _WHERE.get(endpoint)
    if where is None or b"json" not in body:
        return False
    members = _decoder.decode(body)
    return any("json" in str(_at(members, path)) for path in where)


def _at(members: dict[str, msgspec.Raw], path: tuple[str, ...]) -> Any:
    first, *rest = path
    value = loads(bytes(members.get(first, b"")))
    for name in rest:
        value = value.get(name) if isinstance(value, dict) else None
    return value
