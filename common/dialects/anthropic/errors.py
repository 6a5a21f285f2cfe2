"""Refusals as Anthropic's API writes them. Source: https://docs.anthropic.com/en/api/errors."""

import msgspec

from common.dialects.base import Headers
from common.dialects.refused import refusal_headers, status_of
from common.domain.refusals import Reason, Refusal

OVERLOADED = 529
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    413: "request_too_large",
    415: "invalid_request_error",
    429: "rate_limit_error",
    504: "timeout_error",
    OVERLOADED: "overloaded_error",
}


def error_response(refusal: Refusal, request_id: str) -> tuple[int, Headers, bytes]:
    """Status, headers and body."""
    status = _status(refusal)
    headers = refusal_headers(refusal)
    # Where anthropic-sdk-python looks for the request's id.
    headers.append((b"request-id", request_id.encode()))
    return status, headers, _body(refusal, status, request_id)


def stream_error_event(refusal: Refusal, request_id: str) -> bytes:
    """An `error` event, at which the SDK raises; no `message_stop` follows."""
    return b"event: error\ndata: " + _body(refusal, _status(refusal), request_id) + b"\n\n"


def _status(refusal: Refusal) -> int:
    if refusal.reason is Reason.UPSTREAM_OVERLOADED:
        return OVERLOADED
    return status_of(refusal.reason)


def _body(refusal: Refusal, status: int, request_id: str) -> bytes:
    error = {"type": _TYPES.get(status, "api_error"), "message": refusal.message}
    return msgspec.json.encode({"type": "error", "error": error, "request_id": request_id})
