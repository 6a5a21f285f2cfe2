"""What requests to OpenAI's API can use at most, and where their output cap is written.

Sources: https://platform.openai.com/docs/guides/images-vision (tokens of an image),
https://platform.openai.com/docs/pricing (what tools cost), the API reference.
"""

from typing import Any

from common.dialects.bounds import (
    ReadBound,
    SetCap,
    Uncountable,
    first_unknown_tool,
    items_of,
    parts_of,
    read,
    whole,
)
from common.dialects.spans import find_member, set_member
from common.domain.model_prices import Tier
from common.domain.reservation import Bound

# gpt-4o-mini: 2,833 and 8 tiles of 5,667; every other model counts less for its largest image.
IMAGE_TOKENS_MAX = 48_169
# Tools that the caller runs itself: their use costs only the tokens that are in the body.
_OWN_TOOLS = frozenset({"function", "custom", "local_shell", "apply_patch"})
_TEXT_PARTS = frozenset({"text", "refusal", "input_text", "output_text", "summary_text",
                         "reasoning_text", "input_audio"})  # fmt: skip
_ITEMS = frozenset({"message", "function_call", "function_call_output", "reasoning",
                    "custom_tool_call", "custom_tool_call_output"})  # fmt: skip
# What a request may ask for, and the dearest prices that it may then be billed at. `auto` is what
# the account's project says: the standard tier, unless somebody changed it there.
_TIERS: dict[str | None, Tier] = {
    **dict.fromkeys((None, "auto", "default", "flex"), "standard"),
    **dict.fromkeys(("priority", "fast"), "priority"),
}
_COMPLETION_CAP = 16
# Where reasoning models are, which refuse `max_tokens`.
_NEWER_CAP = ("openai", "azure_openai")


def chat_bound(body: bytes) -> Bound:
    """POST /v1/chat/completions."""
    given = read(body)
    unbounded = _unbounded(given, ("web_search_options", "prediction"))
    tokens: int | None
    try:
        tokens = len(body) + sum(map(_message_beyond_bytes, items_of(given.get("messages"))))
    except Uncountable:
        tokens = None
    audio = "audio" in given or "modalities" in given or b"input_audio" in body
    return Bound(
        input_tokens=tokens,
        choices=max(whole(given.get("n")), 1),
        caches=True,
        audio=audio or b"\\u" in body,
        unbounded=unbounded,
        tier=_tier(given) or "standard",
    )


def responses_bound(body: bytes) -> Bound:
    """POST /v1/responses."""
    given = read(body)
    unbounded = _unbounded(given, ("prompt",))
    tokens: int | None
    try:
        tokens = len(body) + _items_beyond_bytes(given.get("input"))
    except Uncountable:
        tokens = None
    if given.get("previous_response_id") or given.get("conversation"):
        tokens = None
    return Bound(
        input_tokens=tokens,
        caches=True,
        unbounded=unbounded,
        tier=_tier(given) or "standard",
    )


def completions_bound(body: bytes) -> Bound:
    """POST /v1/completions: every prompt of a list is completed by itself."""
    given = read(body)
    prompt = given.get("prompt")
    prompts = 1
    if isinstance(prompt, list) and prompt and not isinstance(prompt[0], int):
        prompts = len(prompt)
    choices = max(whole(given.get("n")), whole(given.get("best_of")), 1)
    return Bound(
        input_tokens=len(body),
        windowed=prompts == 1,
        choices=choices * prompts,
        default_cap=_COMPLETION_CAP,
        unbounded=_unbounded(given, ()),
        tier=_tier(given) or "standard",
    )


def embeddings_bound(body: bytes) -> Bound:
    """POST /v1/embeddings: the window is that of one input, of which there may be many."""
    return Bound(input_tokens=len(body), windowed=False, generates=False)


def free_bound(body: bytes) -> Bound:
    """What providers do not bill."""
    del body
    return Bound(input_tokens=0, free=True)


def set_chat_cap(body: bytes, cap: int, provider: str) -> bytes:
    """Lower the caps that are there; else add the one that the model takes.

    OpenAI's reasoning models refuse `max_tokens`; compatible servers may know nothing else.
    """
    names = ("max_completion_tokens", "max_tokens")
    present = [name for name in names if find_member(body, name) is not None]
    if not present:
        present = [names[0] if provider in _NEWER_CAP else names[1]]
    for name in present:
        body = set_member(body, name, b"%d" % cap)
    return body


def set_completion_cap(body: bytes, cap: int, provider: str) -> bytes:
    """The older endpoint knows one name."""
    del provider
    return set_member(body, "max_tokens", b"%d" % cap)


def set_responses_cap(body: bytes, cap: int, provider: str) -> bytes:
    """See the API reference of responses."""
    del provider
    return set_member(body, "max_output_tokens", b"%d" % cap)


def _unbounded(given: dict[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        # An empty object asks for it, too: OpenAI's own examples send `web_search_options: {}`.
        if given.get(name) not in (None, False):
            return name
    if _tier(given) is None:
        return f"service_tier ({given['service_tier']})"
    return first_unknown_tool(given.get("tools"), lambda tool: tool.get("type") in _OWN_TOOLS)


def _tier(given: dict[str, Any]) -> Tier | None:
    named = given.get("service_tier")
    return _TIERS.get(named) if named is None or isinstance(named, str) else None


def _beyond_bytes(content: Any) -> int:
    """What a message's parts may count beyond their bytes. Raises `Uncountable`."""
    tokens = 0
    for part in parts_of(content):
        kind = part.get("type")
        if kind in ("image_url", "input_image"):
            tokens += IMAGE_TOKENS_MAX - _inline_bytes(part.get("image_url"))
        elif kind not in _TEXT_PARTS:
            raise Uncountable
    return tokens


def _message_beyond_bytes(message: dict[str, Any]) -> int:
    if message.get("audio") is not None:  # an earlier answer, by its id
        raise Uncountable
    return _beyond_bytes(message.get("content"))


def _inline_bytes(image: Any) -> int:
    """The bytes of an image in the body, which are no text."""
    url = image.get("url") if isinstance(image, dict) else image
    if isinstance(url, str) and url.startswith("data:") and url.isascii():
        return len(url)
    return 0


def _items_beyond_bytes(given: Any) -> int:
    return 0 if isinstance(given, str) else sum(map(_item_beyond_bytes, items_of(given)))


def _item_beyond_bytes(item: dict[str, Any]) -> int:
    kind = item.get("type", "message")
    if kind not in _ITEMS:
        raise Uncountable
    if kind == "reasoning":
        return 0
    return _beyond_bytes(item.get("content")) + _beyond_bytes(item.get("output"))


BOUNDS: dict[str, ReadBound] = {
    "chat.completions": chat_bound,
    "completions": completions_bound,
    "responses": responses_bound,
    "embeddings": embeddings_bound,
    "moderations": free_bound,
}
CAPS: dict[str, SetCap] = {
    "chat.completions": set_chat_cap,
    "completions": set_completion_cap,
    "responses": set_responses_cap,
}
