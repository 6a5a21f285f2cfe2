"""`anthropic-ratelimit-*` as Anthropic's API writes them.

Source: https://docs.anthropic.com/en/api/rate-limits#response-headers; the reset is the time, in
RFC 3339, at which the limit is fully replenished.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from common.dialects.base import Headers
from common.domain.rates import Rate


def rate_limit_headers(rates: Sequence[Rate], now_ms: int) -> Headers:
    """Limit, remaining and reset of each."""
    headers: Headers = []
    for rate in rates:
        # Rounded up: nobody is to come a moment too early.
        reset = datetime.fromtimestamp(-(-(now_ms + rate.reset_ms) // 1000), UTC)
        for what, value in (
            ("limit", str(rate.limit)),
            ("remaining", str(rate.remaining)),
            ("reset", reset.strftime("%Y-%m-%dT%H:%M:%SZ")),
        ):
            headers.append((f"anthropic-ratelimit-{rate.unit}-{what}".encode(), value.encode()))
    return headers
