"""What an organisation, a team or a key says about the content of requests. Pure.

Three policies, each kept and projected as the JSON that was checked when it was set, so that a
relay whose keys say nothing of content decodes and imports nothing for it:
`redaction` (`common/redaction/policy.py`), `content_policy` and `response_cache`.
"""

from typing import Any

import msgspec


class ContentRules(msgspec.Struct, frozen=True, omit_defaults=True):
    """The policies of one level, or those that hold for a request; None is silence."""

    redaction: dict[str, Any] | None = None
    content_policy: dict[str, Any] | None = None
    response_cache: dict[str, Any] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is said."""
        return (
            self.redaction is None and self.content_policy is None and self.response_cache is None
        )
