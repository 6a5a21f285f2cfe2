"""`x-ratelimit-*` as OpenAI's API writes them.

Source: https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers; the reset is a
duration such as `1s`, `350ms` or `6m0s`.
"""

from collections.abc import Sequence

from common.dialects.base import Headers
from common.domain.rates import Rate


def rate_limit_headers(rates: Sequence[Rate]) -> Headers:
    """Limit, remaining and reset of each."""
    headers: Headers = []
    for rate in rates:
        for what, value in (
            ("limit", str(rate.limit)),
            ("remaining", str(rate.remaining)),
            ("reset", _duration(rate.reset_ms)),
        ):
            headers.append((f"x-ratelimit-{what}-{rate.unit}".encode(), value.encode()))
    return headers


def _duration(span_ms: int) -> str:
    if span_ms < 1000:
        return f"{span_ms}ms"
    minutes, rest_ms = divmod(span_ms, 60_000)
    seconds = f"{rest_ms / 1000:g}s"
    return f"{minutes}m{seconds}" if minutes else seconds
