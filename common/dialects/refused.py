"""What all dialects say alike of a refusal: its status, and the headers that SDKs heed."""

from common.dialects.base import Headers
from common.domain.refusals import Reason, Refusal

_STATUS: dict[Reason, int] = {
    Reason.INVALID_REQUEST: 400,
    Reason.REQUEST_TOO_LARGE: 413,
    Reason.UNSUPPORTED_MEDIA_TYPE: 415,
    Reason.CALLER_TIMEOUT: 408,
    Reason.MISSING_KEY: 401,
    Reason.UNKNOWN_KEY: 401,
    Reason.REVOKED_KEY: 401,
    Reason.EXPIRED_KEY: 401,
    Reason.TOO_MANY_FAILURES: 429,
    Reason.SCOPE_NOT_ALLOWED: 403,
    Reason.DIALECT_NOT_ALLOWED: 403,
    Reason.CLIENT_NOT_ALLOWED: 403,
    Reason.ADDRESS_NOT_ALLOWED: 403,
    Reason.MODEL_NOT_ALLOWED: 403,
    Reason.MODEL_NOT_FOUND: 404,
    Reason.REQUEST_NOT_FOUND: 404,
    Reason.UNKNOWN_ROUTE: 404,
    Reason.METHOD_NOT_ALLOWED: 405,
    Reason.RATE_LIMITED: 429,
    Reason.BUDGET_RESERVED: 429,
    Reason.BUDGET_EXHAUSTED: 429,
    Reason.UNBOUNDED: 400,
    Reason.CONTENT_BLOCKED: 400,
    Reason.PII_BLOCKED: 400,
    Reason.PII_UNAVAILABLE: 503,
    Reason.GUARDRAIL_UNAVAILABLE: 503,
    Reason.NO_CAPACITY: 429,
    Reason.ACCOUNT_LIMITED: 429,
    Reason.COOLING_DOWN: 503,
    Reason.REBUILDING: 503,
    Reason.STATE_UNAVAILABLE: 503,
    Reason.STORE_UNAVAILABLE: 503,
    Reason.UPSTREAM_ERROR: 502,
    Reason.UPSTREAM_RATE_LIMITED: 429,
    Reason.UPSTREAM_OVERLOADED: 503,
    Reason.UPSTREAM_UNREACHABLE: 502,
    Reason.UPSTREAM_TIMEOUT: 504,
    Reason.UPSTREAM_CREDENTIAL: 502,
    Reason.UPSTREAM_GARBAGE: 502,
    Reason.UPSTREAM_CUT: 502,
    Reason.DEADLINE: 504,
    Reason.SHUTTING_DOWN: 503,
    Reason.INTERNAL: 500,
}


def status_of(reason: Reason) -> int:
    """The HTTP status of a refusal, before a dialect's own exceptions."""
    return _STATUS[reason]


def refusal_headers(refusal: Refusal) -> Headers:
    """`retry-after` (RFC 9110, 10.2.3; whole seconds, rounded up), and what the SDKs heed on top.

    `retry-after-ms` and `x-should-retry` are read by the official SDKs (`_base_client.py` of
    openai-python and anthropic-sdk-python), which otherwise repeat every 429 and 5xx.
    """
    headers: Headers = [(b"content-type", b"application/json")]
    if refusal.retry_after_ms is not None:
        headers.append((b"retry-after", str(-(-refusal.retry_after_ms // 1000)).encode()))
        headers.append((b"retry-after-ms", str(refusal.retry_after_ms).encode()))
    if refusal.final:
        headers.append((b"x-should-retry", b"false"))
    if refusal.allow is not None:
        headers.append((b"allow", refusal.allow.encode()))
    if status_of(refusal.reason) == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    return headers
