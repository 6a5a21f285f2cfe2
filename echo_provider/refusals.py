"""Answers with an error status, and the words that each provider uses for them."""

from typing import Any

import msgspec

_OPENAI_TYPES = {
    401: "invalid_request_error",
    403: "invalid_request_error",
    404: "invalid_request_error",
    429: "requests",
}
_OPENAI_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
_ANTHROPIC_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class Refusal(Exception):
    """A request that gets an error body.

    `kind`, `param` and `code` are OpenAI's fields `type`, `param` and `code`; Anthropic has only
    `type`, which is `anthropic_kind`. What is None follows from the status.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str | None = None,
        param: str | None = None,
        code: str | None = None,
        anthropic_kind: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code
        self.anthropic_kind = anthropic_kind
        self.retry_after: str | None = None
        self.headers: list[tuple[str, str]] = []


def openai_error(refusal: Refusal) -> dict[str, Any]:
    """OpenAI's error body (platform.openai.com/docs/guides/error-codes)."""
    kind = refusal.kind or _OPENAI_TYPES.get(refusal.status)
    if kind is None:
        kind = "server_error" if refusal.status >= 500 else "invalid_request_error"
    error = {
        "message": refusal.message,
        "type": kind,
        "param": refusal.param,
        "code": refusal.code or _OPENAI_CODES.get(refusal.status),
    }
    return {"error": error}


def anthropic_error(refusal: Refusal, request_id: str) -> dict[str, Any]:
    """Anthropic's error body (docs.anthropic.com/en/api/errors)."""
    kind = refusal.anthropic_kind or _ANTHROPIC_TYPES.get(refusal.status)
    if kind is None:
        kind = "api_error" if refusal.status >= 500 else "invalid_request_error"
    error = {"type": kind, "message": refusal.message}
    return {"type": "error", "error": error, "request_id": request_id}


def encoded(value: Any) -> bytes:
    """Compact JSON in UTF-8."""
    return msgspec.json.encode(value)
