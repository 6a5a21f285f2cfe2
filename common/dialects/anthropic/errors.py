"""Refusals as Anthropic's API writes them. Source: https://docs.anthropic.com/en/api/errors."""

from typing import Any

import msgspec

from common.dialects.base import Headers
from common.dialects.refused import refusal_headers, status_of
from common.domain.refusals import Reason, Refusal

OVERLOADED = 529
# An exhausted budget is a matter of money, not of time: no client repeats a 402, with or without
# `x-should-retry`, where many repeat every 429.
BILLING = 402
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    BILLING: "billing_error",
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
    if refusal.status is not None:
        return refusal.status
    if refusal.reason is Reason.UPSTREAM_OVERLOADED:
        return OVERLOADED
    if refusal.reason is Reason.BUDGET_EXHAUSTED:
        return BILLING
    return status_of(refusal.reason)


def _body(refusal: Refusal, status: int, request_id: str) -> bytes:
    error: dict[str, Any] = {
        "type": _TYPES.get(status, "api_error"),
        "message": refusal.message,
    }
    if refusal.by is not None:
        error["limit"] = msgspec.to_builtins(refusal.by)
    return msgspec.json.encode({"type": "error", "error": error, "request_id": request_id})
