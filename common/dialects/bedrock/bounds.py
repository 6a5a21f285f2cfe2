"""What requests to Converse can use at most, and where their output cap is written.

Nobody asks Relay for Converse: its requests are Relay's own translations, which hold no more than
text, media and functions. Source: the API reference of Converse (`InferenceConfiguration`).
"""

from common.dialects.bounds import read, whole
from common.dialects.spans import find_member, set_member
from common.domain.reservation import Bound

_CONFIG, _CAP = "inferenceConfig", "maxTokens"


def converse_bound(body: bytes) -> Bound:
    """Models of many makers count media each in their own way: the context window is the bound.

    Thinking takes part in the cap, which must be above its budget.
    """
    given = read(body)
    fields = given.get("additionalModelRequestFields")
    thinking = fields.get("thinking") if isinstance(fields, dict) else None
    budget = whole(thinking.get("budget_tokens"), 0) if isinstance(thinking, dict) else 0
    return Bound(
        input_tokens=None, caches=b"cachePoint" in body or b"\\u" in body, least_output=budget + 1
    )


def set_converse_cap(body: bytes, cap: int, provider: str) -> bytes:
    """`inferenceConfig.maxTokens`."""
    del provider
    member = find_member(body, _CONFIG)
    config = b"{}" if member is None else body[member.value_start : member.end]
    return set_member(body, _CONFIG, set_member(config, _CAP, b"%d" % cap))
