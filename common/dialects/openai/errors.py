"""Refusals as OpenAI's API writes them.

Source: https://platform.openai.com/docs/guides/error-codes and openai-python's exceptions, which
follow the status and keep `code`, `param` and `type`.
"""

from typing import Any

import msgspec

from common.dialects.base import Headers
from common.dialects.refused import refusal_headers, status_of
from common.domain.refusals import Reason, Refusal

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    429: "rate_limit_error",
}
# Where OpenAI has a word of its own that programs compare with.
_CODES: dict[Reason, str | None] = {
    Reason.INVALID_REQUEST: None,
    Reason.MISSING_KEY: "missing_api_key",
    Reason.UNKNOWN_KEY: "invalid_api_key",
    Reason.REVOKED_KEY: "invalid_api_key",
    Reason.EXPIRED_KEY: "invalid_api_key",
    Reason.RATE_LIMITED: "rate_limit_exceeded",
    Reason.UPSTREAM_RATE_LIMITED: "rate_limit_exceeded",
    Reason.BUDGET_EXHAUSTED: "insufficient_quota",
}


def type_of(status: int) -> str:
    """OpenAI's word for errors of that status."""
    return _TYPES.get(status, "server_error")


def error_response(refusal: Refusal, request_id: str) -> tuple[int, Headers, bytes]:
    """Status, headers and body."""
    status = refusal.status or status_of(refusal.reason)
    return status, refusal_headers(refusal), _body(refusal, status, request_id)


def stream_error_event(refusal: Refusal, request_id: str) -> bytes:
    """A `data` event with an error, at which openai-python raises; no `[DONE]` follows."""
    return b"data: " + _body(refusal, status_of(refusal.reason), request_id) + b"\n\n"


def _body(refusal: Refusal, status: int, request_id: str) -> bytes:
    exhausted = refusal.reason is Reason.BUDGET_EXHAUSTED
    error: dict[str, Any] = {
        "message": refusal.message,
        # OpenAI's own word for an exhausted budget; clients compare it.
        "type": "insufficient_quota" if exhausted else type_of(status),
        "param": refusal.field,
        "code": _CODES.get(refusal.reason, refusal.reason.value),
        "request_id": request_id,
    }
    if refusal.by is not None:
        error["limit"] = msgspec.to_builtins(refusal.by)
    return msgspec.json.encode({"error": error})
