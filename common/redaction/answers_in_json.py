"""Whether a request asks for an answer in JSON: then values stand in its text as JSON has them."""

from typing import Any

from common.dialects.bodies import loads

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
    """Whether the answer's text is JSON text by the request's own words."""
    where = _WHERE.get(endpoint)
    if where is None or b"json" not in body:
        return False
    decoded = loads(body)
    return any("json" in str(_at(decoded, path)) for path in where)


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
