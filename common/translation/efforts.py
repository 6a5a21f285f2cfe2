"""How much to think, in words and in tokens: formats that know one are given the other."""

from common.translation.conversation import Effort, ThinkingMode

# Budgets that providers name for these words in their own compatibility layers (Google's table of
# `reasoning_effort`: 1,024, 8,192 and 24,576); the largest words have no limit of their own.
BUDGETS: dict[Effort, int] = {
    "minimal": 1024,
    "low": 1024,
    "medium": 8192,
    "high": 24_576,
    "xhigh": 32_768,
    "max": 32_768,
}


def effort_of(mode: ThinkingMode) -> Effort | None:
    """The word for it; None leaves it to the model."""
    if mode.effort is not None or mode.budget_tokens is None:
        return mode.effort
    if not mode.budget_tokens:
        return "none"
    if mode.budget_tokens <= BUDGETS["low"] * 2:
        return "low"
    return "medium" if mode.budget_tokens <= BUDGETS["medium"] * 2 else "high"


def budget_of(mode: ThinkingMode) -> int | None:
    """The tokens for it; None leaves it to the model."""
    if mode.budget_tokens is not None or mode.effort is None:
        return mode.budget_tokens
    return BUDGETS.get(mode.effort, 0)
