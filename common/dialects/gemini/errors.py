"""Refusals as Google's APIs write them, and what Google's own errors say.

Source: https://cloud.google.com/apis/design/errors (google.rpc.Status and its details) and
`errors.APIError` of python-genai, which keeps `code`, `status` and `message`.
"""

from typing import Any

import msgspec

from common.dialects.base import Headers
from common.dialects.bodies import loads
from common.dialects.refused import refusal_headers, status_of
from common.domain.refusals import Reason, Refusal

# As in Anthropic's dialect: no client repeats a 402, where many repeat every 429.
BILLING = 402
_STATUSES = {
    401: "UNAUTHENTICATED",
    BILLING: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_RPC = "type.googleapis.com/google.rpc."
_DOMAIN = "relay"


def error_response(refusal: Refusal, request_id: str) -> tuple[int, Headers, bytes]:
    """Status, headers and body."""
    status = _status(refusal)
    return status, refusal_headers(refusal), _body(refusal, status, request_id)


def stream_error_event(refusal: Refusal, request_id: str) -> bytes:
    """A `data` event with an error, at which python-genai raises."""
    return b"data: " + _body(refusal, _status(refusal), request_id) + b"\n\n"


def is_error_body(body: bytes) -> bool:
    """`{"error": {"code", "message", "status"}}`, or that alone in a list, as Google writes it."""
    return error_of(loads(body)) is not None


def error_of(value: Any) -> dict[str, Any] | None:
    """The error that a decoded body or event holds, which has a message."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    error = value.get("error") if isinstance(value, dict) else None
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        return error
    return None


def _status(refusal: Refusal) -> int:
    if refusal.status is not None:
        return refusal.status
    return BILLING if refusal.reason is Reason.BUDGET_EXHAUSTED else status_of(refusal.reason)


def _body(refusal: Refusal, status: int, request_id: str) -> bytes:
    info: dict[str, Any] = {
        "@type": _RPC + "ErrorInfo",
        "reason": refusal.reason.value.upper(),
        "domain": _DOMAIN,
    }
    if refusal.by is not None:
        limit = msgspec.to_builtins(refusal.by)
        info["metadata"] = {name: value for name, value in limit.items() if value is not None}
    details = [info]
    if refusal.field is not None:
        violation = {"field": refusal.field, "description": refusal.message}
        details.append({"@type": _RPC + "BadRequest", "fieldViolations": [violation]})
    if refusal.retry_after_ms is not None:
        seconds, ms = divmod(refusal.retry_after_ms, 1000)
        delay = f"{seconds}.{ms:03d}s" if ms else f"{seconds}s"
        details.append({"@type": _RPC + "RetryInfo", "retryDelay": delay})
    details.append({"@type": _RPC + "RequestInfo", "requestId": request_id})
    error = {
        "code": status,
        "message": refusal.message,
        "status": _STATUSES.get(status, "INVALID_ARGUMENT"),
        "details": details,
    }
    return msgspec.json.encode({"error": error})
