"""What an organisation, a team or a key says about the content of requests. Pure.

Three policies, each kept and projected as the JSON that was checked when it was set, so that a
relay whose keys say nothing of content decodes and imports nothing for it:
`redaction` (`common/redaction/policy.py`), `content_policy` and `response_cache`.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

# What may be kept of nobody, as no policy of the response cache says less.
NOTHING_CACHED: dict[str, Any] = {"mode": "off"}


class ContentRules(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """The policies of one level; None is silence.

    What a request needs that is compiled from them may be kept in its `__dict__`: a relay has the
    same object for as long as the level says the same.
    """

    redaction: dict[str, Any] | None = None
    content_policy: dict[str, Any] | None = None
    response_cache: dict[str, Any] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is said."""
        return (
            self.redaction is None and self.content_policy is None and self.response_cache is None
        )


NO_CONTENT = ContentRules()
MEMBERS = ContentRules.__struct_fields__


def redaction_of(levels: Iterable[ContentRules]) -> ContentRules | None:
    """The level whose redaction holds: the nearest that says something. `levels` nearest first."""
    return next((one for one in levels if one.redaction is not None), None)


def response_cache_of(levels: Iterable[ContentRules]) -> ContentRules | None:
    """The level whose response cache holds, as `redaction_of`."""
    return next((one for one in levels if one.response_cache is not None), None)


def content_policies_of(levels: Iterable[ContentRules]) -> tuple[ContentRules, ...]:
    """The levels with a content policy: all of them hold, so none loosens another's."""
    return tuple(one for one in levels if one.content_policy is not None)


def narrowed_content(old: ContentRules, new: ContentRules) -> ContentRules:
    """What holds until a change of the old rules to the new ones is committed.

    A policy that is set holds before its commit, one that is taken away until then: so whatever
    the change is answered with, no request passes by less than was answered. A response cache that
    is changed rests meanwhile.
    """
    if old == new:
        return old
    redaction, content_policy = old.redaction, old.content_policy
    # Without entities it says that nothing is redacted, which gives as silence may.
    if new.redaction is not None and new.redaction.get("entities"):
        redaction = new.redaction
    if new.content_policy is not None:
        content_policy = new.content_policy
    same = old.response_cache == new.response_cache
    return ContentRules(redaction, content_policy, old.response_cache if same else NOTHING_CACHED)
