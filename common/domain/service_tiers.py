"""Which prices a response's own `service_tier` means. Pure.

OpenAI (`service_tier` of a response: default, flex, priority, scale; `fast` is shown as
priority) and Anthropic (`usage.service_tier`: standard, priority, batch; `usage.speed`).
"""

from common.domain.model_prices import Tier

_TIERS: dict[str | None, Tier] = {
    None: "standard",
    "": "standard",
    "auto": "standard",
    "default": "standard",
    "standard": "standard",
    # OpenAI's prepaid capacity: what is beyond it costs what the standard tier does.
    "scale": "standard",
    "flex": "flex",
    "priority": "priority",
    # Anthropic's mode; OpenAI shows its own as priority.
    "fast": "fast",
    "batch": "batch",
}


def tier_of(reported: str | None) -> Tier:
    """The tier whose prices hold; `unknown`, which has no price, for a word that is new."""
    return _TIERS.get(reported, "unknown")
