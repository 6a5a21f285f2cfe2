"""Fallback models: which are asked where nobody can serve the model, and which do not fit. Pure.

What `relay` asks, and what `key_admin` says that it would ask.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from common.domain.policies import Applied
from common.domain.routing_table import ModelEntry

Lacking = Literal["context_window", "tools", "images"]


def fallbacks_at(
    levels: Sequence[Applied], asked: str, model: str
) -> tuple[Applied, tuple[str, ...]] | None:
    """The innermost level that names any, and those in turn; `levels` from the outermost in.

    By what was asked for, such as an alias, before the model that it stands for.
    """
    for one in reversed(levels):
        routing = one.policy.routing
        names = routing.fallbacks_of(asked)
        names = routing.fallbacks_of(model) if names is None else names
        if names is not None:
            return one, names
    return None


def lacking(
    entry: ModelEntry | None,
    input_tokens: Callable[[], int],
    content: Callable[[], tuple[bool, bool]],
) -> Lacking | None:
    """What a model is known to lack of what a request has; None: nothing that is known.

    `content`: whether the request has tools, and images; asked for only where it matters.
    """
    if entry is None:
        return None
    window, able = entry.context_window, entry.capabilities
    if window is not None and input_tokens() > window:
        return "context_window"
    if able is None or {"tools", "vision"} <= set(able):
        return None
    tools, images = content()
    if tools and "tools" not in able:
        return "tools"
    return "images" if images and "vision" not in able else None
