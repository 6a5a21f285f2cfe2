"""What requests to the Gemini API can use at most, and where their output cap is written.

Sources: https://ai.google.dev/gemini-api/docs/tokens and /media-resolution (tokens of media),
https://ai.google.dev/gemini-api/docs/pricing (what tools cost).
"""

from typing import Any

from common.dialects.bounds import ReadBound, Uncountable, items_of, read, whole
from common.dialects.gemini.requests import CAP_NAMES, CONFIG_NAMES
from common.dialects.spans import find_member, set_member
from common.domain.model_prices import Tier
from common.domain.reservation import Bound

# 258 for the whole image and each of its tiles: at most 12 by 2 in 3,072 pixels, to which larger
# ones are scaled down; media_resolution's highest is less (2,240).
IMAGE_TOKENS_MAX = 258 * 25
_TEXT_PARTS = frozenset({"text", "thought", "thoughtSignature", "thought_signature", "functionCall",
                         "function_call"})  # fmt: skip
# Beside a part's data; they change what an image counts, within its maximum.
_ASIDE = frozenset({"mediaResolution", "media_resolution", "partMetadata", "part_metadata"})
_OWN_TOOLS = frozenset({"functionDeclarations", "function_declarations"})
_TIERS: dict[str, Tier] = {
    **dict.fromkeys(("", "unspecified", "standard", "flex"), "standard"),
    "priority": "priority",
}


def generate_bound(body: bytes) -> Bound:
    """`:generateContent` and `:streamGenerateContent`."""
    given = read(body)
    config = _either(given, "generationConfig", "generation_config")
    config = config if isinstance(config, dict) else {}
    thinking = _either(config, "thinkingConfig", "thinking_config")
    budget = _either(thinking, "thinkingBudget", "thinking_budget")
    tier = str(_either(given, "serviceTier", "service_tier") or "").lower()
    return Bound(
        input_tokens=_input_tokens(given, len(body)),
        choices=max(whole(_either(config, "candidateCount", "candidate_count")), 1),
        audio=b"audio/" in body or b"\\" in body,
        least_output=max(whole(budget, 0), 0) + 1,
        unbounded=_unbounded(given, config),
        tier=_TIERS.get(tier, "standard"),
    )


def embed_bound(body: bytes) -> Bound:
    """`:embedContent`."""
    try:
        tokens = len(body) + _content_beyond_bytes(read(body).get("content"))
    except Uncountable:
        return Bound(input_tokens=None, generates=False)
    return Bound(input_tokens=tokens, generates=False)


def batch_embed_bound(body: bytes) -> Bound:
    """`:batchEmbedContents`; the window bounds each request, not all."""
    tokens = len(body)
    try:
        for request in items_of(read(body).get("requests")):
            tokens += _content_beyond_bytes(request.get("content"))
    except Uncountable:
        named = "requests with media that are not in the body"
        return Bound(input_tokens=None, generates=False, unbounded=named)
    return Bound(input_tokens=tokens, windowed=False, generates=False)


def free_bound(body: bytes) -> Bound:
    """Counting is free."""
    del body
    return Bound(input_tokens=0, free=True)


def set_generate_cap(body: bytes, cap: int, provider: str) -> bytes:
    """`generationConfig.maxOutputTokens`, in the spelling that the caller chose."""
    del provider
    name = next((one for one in CONFIG_NAMES if find_member(body, one) is not None), None)
    config = b"{}"
    if name is not None and (member := find_member(body, name)) is not None:
        given = body[member.value_start : member.end]
        config = given if given != b"null" else config
    inner = next((one for one in CAP_NAMES if find_member(config, one) is not None), CAP_NAMES[0])
    return set_member(body, name or CONFIG_NAMES[0], set_member(config, inner, b"%d" % cap))


def _unbounded(given: dict[str, Any], config: dict[str, Any]) -> str | None:
    """Fees, inner loops, output that has a price of its own, and what may be read in two ways."""
    if (name := _twice(given) or _twice(config)) is not None:
        return name
    for name in ("continuationToken", "continuation_token"):
        if given.get(name):
            return name
    tier = _either(given, "serviceTier", "service_tier")
    if str(tier or "").lower() not in _TIERS:
        return f"serviceTier ({tier})"
    modalities = _either(config, "responseModalities", "response_modalities") or []
    for modality in modalities if isinstance(modalities, list) else [modalities]:
        if str(modality).upper() != "TEXT":
            return f"responseModalities ({modality})"
    tools = given.get("tools")
    for index, tool in enumerate(tools if isinstance(tools, list) else [tools] if tools else []):
        for name in tool if isinstance(tool, dict) else {"?": None}:
            if name not in _OWN_TOOLS:
                return f"tools[{index}] ({name})"
    return None


def _input_tokens(given: dict[str, Any], size: int) -> int | None:
    if _either(given, "cachedContent", "cached_content"):
        return None
    contents = given.get("contents")
    system = _either(given, "systemInstruction", "system_instruction")
    try:
        tokens = size + _content_beyond_bytes(system)
        for content in [contents] if isinstance(contents, dict) else items_of(contents):
            tokens += _content_beyond_bytes(content)
    except Uncountable:
        return None
    return tokens


def _content_beyond_bytes(content: Any) -> int:
    """What a content's parts may count beyond their bytes. Raises `Uncountable`."""
    if content is None or isinstance(content, str):
        return 0
    if not isinstance(content, dict):
        raise Uncountable
    parts = content.get("parts")
    return _parts_beyond_bytes([parts] if isinstance(parts, dict) else parts)


def _parts_beyond_bytes(parts: Any) -> int:
    tokens = 0
    for part in items_of(parts):
        for name, value in part.items():
            if name in ("inlineData", "inline_data"):
                tokens += _media_beyond_bytes(value)
            elif name in ("functionResponse", "function_response"):
                tokens += _parts_beyond_bytes(value.get("parts") if isinstance(value, dict) else [])
            elif name not in _TEXT_PARTS and name not in _ASIDE:
                raise Uncountable
    return tokens


def _media_beyond_bytes(value: Any) -> int:
    """An image by its maximum; what is as long as it likes cannot be counted."""
    if not isinstance(value, dict) or _twice(value) is not None:
        raise Uncountable
    kind, data = _either(value, "mimeType", "mime_type"), value.get("data")
    if not isinstance(kind, str) or not isinstance(data, str):
        raise Uncountable
    if kind.startswith("text/"):
        return 0
    if not kind.startswith("image/"):
        raise Uncountable
    return IMAGE_TOKENS_MAX - (len(data) if data.isascii() else 0)


def _twice(given: dict[str, Any]) -> str | None:
    """The first member that stands there in both spellings."""
    for name in given:
        first, *others = name.split("_")
        if others and first + "".join(word.title() for word in others) in given:
            return name
    return None


def _either(given: Any, camel: str, snake: str) -> Any:
    """A member in either spelling; both at once are named as unbounded, or uncountable."""
    if not isinstance(given, dict):
        return None
    value = given.get(camel)
    return given.get(snake) if value is None else value


BOUNDS: dict[str, ReadBound] = {
    "gemini.generate": generate_bound,
    "gemini.stream": generate_bound,
    "gemini.count_tokens": free_bound,
    "gemini.embed": embed_bound,
    "gemini.batch_embed": batch_embed_bound,
}
