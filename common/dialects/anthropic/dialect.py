"""What all endpoints of Anthropic's API have in common.

Source: https://docs.anthropic.com/en/api and the types of anthropic-sdk-python.
"""

from collections.abc import Sequence

from common.dialects.anthropic.answers import is_error_body
from common.dialects.anthropic.errors import error_response
from common.dialects.anthropic.rates import rate_limit_headers
from common.dialects.base import Headers
from common.domain.rates import Rate
from common.domain.refusals import Refusal


class Anthropic:
    """See `common.dialects.base.Dialect`."""

    name = "anthropic"
    keep_alive = b'event: ping\ndata: {"type": "ping"}\n\n'

    def error_response(self, refusal: Refusal, request_id: str) -> tuple[int, Headers, bytes]:
        """See `Dialect`."""
        return error_response(refusal, request_id)

    def rate_limit_headers(self, rates: Sequence[Rate], now_ms: int) -> Headers:
        """See `Dialect`."""
        return rate_limit_headers(rates, now_ms)

    def is_error_body(self, body: bytes) -> bool:
        """See `Dialect`."""
        return is_error_body(body)

    def models_response(self, models: list[str], query: str) -> bytes:
        """See `Dialect`."""
        from common.dialects.anthropic.models import models_response

        return models_response(models, query)

    def model_response(self, model: str) -> bytes:
        """See `Dialect`."""
        from common.dialects.anthropic.models import model_response

        return model_response(model)
