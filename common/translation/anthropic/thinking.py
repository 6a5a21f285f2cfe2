"""How Anthropic's models are told to think.

From Claude 4.6 on they decide themselves how much (`adaptive`, with an `effort`), and take no
budget; earlier ones take only a budget, which is part of `max_tokens`.
Source: https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking.
"""

import re
from typing import Any

from common.translation.conversation import (
    CannotExpress,
    Conversation,
    Thinking,
    ThinkingMode,
    ToolCall,
    ToolResult,
)
from common.translation.efforts import BUDGETS, budget_of, effort_of

BUDGET_MIN = 1024
# `max_tokens` is required; where the caller sets none, an answer may be that long, and with
# thinking, which counts too, that long.
DEFAULT_MAX_TOKENS = 4096
DEFAULT_MAX_TOKENS_THINKING = 16_384
_TAKES_A_BUDGET = re.compile(r"claude-(?:[23]|(?:opus|sonnet|haiku)-4(?:-[0-5](?!\d)|-\d{8}|@|$))")


def takes_a_budget(model: str) -> bool:
    """Whether a model knows no adaptive thinking, by its name with any prefix of a cloud's."""
    return _TAKES_A_BUDGET.search(model) is not None


def write_thinking(
    conversation: Conversation, served_model: str, origin: str
) -> tuple[int, dict[str, Any] | None, str | None]:
    """`max_tokens`, `thinking` and `output_config.effort`. Raises `CannotExpress`.

    `origin` is the format whose signed thoughts the model accepts.
    """
    mode, cap = conversation.thinking, conversation.max_output_tokens
    if mode is None:
        return cap or DEFAULT_MAX_TOKENS, None, None
    effort = _effort(mode)
    if not mode.enabled:
        return cap or DEFAULT_MAX_TOKENS, {"type": "disabled"}, effort
    if takes_a_budget(served_model):
        if _lacks_thoughts(conversation, origin):
            return cap or DEFAULT_MAX_TOKENS, None, None
        return (*_with_budget(mode, cap), None)
    thinking = {"type": "adaptive"}
    if not mode.shown:
        thinking["display"] = "omitted"
    return cap or DEFAULT_MAX_TOKENS_THINKING, thinking, effort


def _effort(mode: ThinkingMode) -> str | None:
    effort = effort_of(mode)
    if effort == "none":
        return None
    return "low" if effort == "minimal" else effort


def _with_budget(mode: ThinkingMode, cap: int | None) -> tuple[int, dict[str, Any]]:
    budget = max(BUDGET_MIN, budget_of(mode) or BUDGETS["medium"])
    if cap is None:
        cap = budget + DEFAULT_MAX_TOKENS
    elif cap <= BUDGET_MIN:
        message = f"this model thinks in at least {BUDGET_MIN} tokens, which count as output"
        raise CannotExpress("max_output_tokens", message)
    return cap, {"type": "enabled", "budget_tokens": min(budget, cap - 1)}


def _lacks_thoughts(conversation: Conversation, origin: str) -> bool:
    """Whether the turn goes on after tool calls whose thoughts the caller's dialect has lost.

    With a budget, Anthropic refuses such a turn unless it goes on without thinking.
    """
    if not conversation.messages or not any(
        isinstance(part, ToolResult) for part in conversation.messages[-1].parts
    ):
        return False
    for message in reversed(conversation.messages):
        if message.role == "assistant" and any(isinstance(p, ToolCall) for p in message.parts):
            return not any(
                isinstance(part, Thinking) and part.origin == origin for part in message.parts
            )
    return False
