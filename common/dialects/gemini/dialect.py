"""What all endpoints of the Gemini API have in common."""

from collections.abc import Sequence

from common.dialects.base import Headers
from common.dialects.gemini.errors import error_response, is_error_body
from common.domain.rates import Rate
from common.domain.refusals import Refusal


class Gemini:
    """See `common.dialects.base.Dialect`.

    Google's SDK for Python takes every line that has no `data: ` for JSON, comments included: so
    a quiet stream carries empty lines, which end no event where none has begun.
    """

    name = "gemini"
    keep_alive = b"\n\n"

    def error_response(self, refusal: Refusal, request_id: str) -> tuple[int, Headers, bytes]:
        """See `Dialect`."""
        return error_response(refusal, request_id)

    def rate_limit_headers(self, rates: Sequence[Rate], now_ms: int) -> Headers:
        """See `Dialect`. Google has no such headers: what a limit says, its refusal says."""
        del rates, now_ms
        return []

    def is_error_body(self, body: bytes) -> bool:
        """See `Dialect`."""
        return is_error_body(body)

    def models_response(self, models: list[str], query: str) -> bytes:
        """See `Dialect`."""
        from common.dialects.gemini.models import models_response

        return models_response(models, query)

    def model_response(self, model: str) -> bytes:
        """See `Dialect`."""
        from common.dialects.gemini.models import model_response

        return model_response(model)
