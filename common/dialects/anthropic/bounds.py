"""What requests to Anthropic's API can use at most, and where their output cap is written.

Sources: https://docs.anthropic.com/en/docs/build-with-claude/vision (tokens of an image),
https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/overview (tokens that tools add),
https://docs.anthropic.com/en/docs/about-claude/pricing (what server tools cost).
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
from common.dialects.spans import set_member
from common.domain.reservation import Bound

# The largest image of the newest models (2,576 pixels); older ones stop at 1,600.
IMAGE_TOKENS_MAX = 4_784
# The system prompt that tools add (530 at most), and what each tool of Anthropic's own that the
# caller runs adds (computer use: 735 and 499).
TOOLS_TOKENS_MAX = 530
OWN_TOOL_TOKENS_MAX = 1_300
_OWN_TOOLS = ("bash_", "text_editor_", "computer_", "memory_")
_TEXT_BLOCKS = frozenset({"text", "tool_use", "thinking", "redacted_thinking"})
_TIERS = frozenset({None, "auto", "standard_only"})


def messages_bound(body: bytes) -> Bound:
    """POST /v1/messages."""
    given = read(body)
    tools = given.get("tools")
    tokens: int | None
    try:
        tokens = len(body) + _tools_beyond_bytes(tools) + _beyond_bytes(given.get("system"))
        for message in items_of(given.get("messages")):
            tokens += _beyond_bytes(message.get("content"))
    except Uncountable:
        tokens = None
    thinking = given.get("thinking")
    budget = whole(thinking.get("budget_tokens"), 0) if isinstance(thinking, dict) else 0
    return Bound(
        input_tokens=tokens,
        caches=b"cache_control" in body or b"\\u" in body,
        least_output=budget + 1,
        unbounded=_unbounded(given, tools),
    )


def free_bound(body: bytes) -> Bound:
    """Counting is free."""
    del body
    return Bound(input_tokens=0, free=True)


def set_messages_cap(body: bytes, cap: int, provider: str) -> bytes:
    """`max_tokens` is always there."""
    del provider
    return set_member(body, "max_tokens", b"%d" % cap)


def _unbounded(given: dict[str, Any], tools: Any) -> str | None:
    """Fees, inner loops, and what has a price of its own that the price book does not hold."""
    for name in ("mcp_servers", "container", "context_management", "inference_geo"):
        if given.get(name):
            return name
    if given.get("speed") not in (None, "standard"):
        return f"speed ({given['speed']})"
    if given.get("service_tier") not in _TIERS:
        return f"service_tier ({given['service_tier']})"
    return first_unknown_tool(tools, _runs_at_the_caller)


def _runs_at_the_caller(tool: dict[str, Any]) -> bool:
    kind = _kind(tool)
    return kind is None or kind.startswith(_OWN_TOOLS)


def _tools_beyond_bytes(tools: Any) -> int:
    if not isinstance(tools, list) or not tools:
        return 0
    own = sum(1 for tool in tools if _kind(tool) is not None)
    return TOOLS_TOKENS_MAX + own * OWN_TOOL_TOKENS_MAX


def _kind(tool: Any) -> str | None:
    """The type of a tool of Anthropic's own; None for one that the caller describes."""
    kind = tool.get("type") if isinstance(tool, dict) else None
    return None if kind in (None, "custom") else str(kind)


def _beyond_bytes(content: Any) -> int:
    """What a message's blocks may count beyond their bytes. Raises `Uncountable`."""
    tokens = 0
    for block in parts_of(content):
        kind = block.get("type")
        if kind == "image":
            tokens += IMAGE_TOKENS_MAX - _inline_bytes(block.get("source"))
        elif kind == "tool_result":
            tokens += _beyond_bytes(block.get("content"))
        elif kind == "document":
            source = block.get("source")
            if not isinstance(source, dict) or source.get("type") != "text":
                raise Uncountable
        elif kind not in _TEXT_BLOCKS:
            raise Uncountable
    return tokens


def _inline_bytes(source: Any) -> int:
    data = source.get("data") if isinstance(source, dict) else None
    return len(data) if isinstance(data, str) and data.isascii() else 0


BOUNDS: dict[str, ReadBound] = {"messages": messages_bound, "messages.count_tokens": free_bound}
CAPS: dict[str, SetCap] = {"messages": set_messages_cap}
