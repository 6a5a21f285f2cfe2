"""What all endpoints of OpenAI's API have in common.

Source: https://platform.openai.com/docs/api-reference and the types of openai-python.
"""

from collections.abc import Sequence

from common.dialects.base import Headers
from common.dialects.openai.answers import is_error_body
from common.dialects.openai.errors import error_response
from common.dialects.openai.rates import rate_limit_headers
from common.domain.rates import Rate
from common.domain.refusals import Refusal


class OpenAI:
    """See `common.dialects.base.Dialect`."""

    name = "openai"
    keep_alive = b": keep-alive\n\n"

    def error_response(self, refusal: Refusal, request_id: str) -> tuple[int, Headers, bytes]:
        """See `Dialect`."""
        return error_response(refusal, request_id)

    def rate_limit_headers(self, rates: Sequence[Rate], now_ms: int) -> Headers:
        """See `Dialect`."""
        del now_ms  # OpenAI's resets are durations
        return rate_limit_headers(rates)

    def is_error_body(self, body: bytes) -> bool:
        """See `Dialect`."""
        return is_error_body(body)

    def models_response(self, models: list[str], query: str) -> bytes:
        """See `Dialect`."""
        del query  # OpenAI's list has no pages
        from common.dialects.openai.models import models_response

        return models_response(models)

    def model_response(self, model: str) -> bytes:
        """See `Dialect`."""
        from common.dialects.openai.models import model_response

        return model_response(model)
