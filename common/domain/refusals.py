"""Why a request was not served: one value for every refusal, rendered by the caller's dialect.

Refusals are values, not exceptions: admission and routing return them, `common.dialects`
turns them into the body that the caller's SDK parses.
"""

from enum import StrEnum

import msgspec


class Reason(StrEnum):
    """The closed list of reasons; metric labels and `error_code` in the ledger use these words."""

    INVALID_REQUEST = "invalid_request"
    REQUEST_TOO_LARGE = "request_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    CALLER_TIMEOUT = "caller_timeout"
    MISSING_KEY = "missing_key"
    UNKNOWN_KEY = "unknown_key"
    REVOKED_KEY = "revoked_key"
    EXPIRED_KEY = "expired_key"
    TOO_MANY_FAILURES = "too_many_failures"
    SCOPE_NOT_ALLOWED = "scope_not_allowed"
    DIALECT_NOT_ALLOWED = "dialect_not_allowed"
    CLIENT_NOT_ALLOWED = "client_not_allowed"
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    MODEL_NOT_ALLOWED = "model_not_allowed"
    MODEL_NOT_FOUND = "model_not_found"
    REQUEST_NOT_FOUND = "request_not_found"
    UNKNOWN_ROUTE = "unknown_route"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    RATE_LIMITED = "rate_limited"
    BUDGET_RESERVED = "budget_reserved"
    BUDGET_EXHAUSTED = "budget_exhausted"
    UNBOUNDED = "unbounded"
    CONTENT_BLOCKED = "content_blocked"
    PII_BLOCKED = "pii_blocked"
    PII_UNAVAILABLE = "pii_unavailable"
    GUARDRAIL_UNAVAILABLE = "guardrail_unavailable"
    NO_CAPACITY = "no_capacity"
    ACCOUNT_LIMITED = "account_limited"
    COOLING_DOWN = "cooling_down"
    REBUILDING = "rebuilding"
    STATE_UNAVAILABLE = "state_unavailable"
    STORE_UNAVAILABLE = "store_unavailable"
    UPSTREAM_ERROR = "upstream_error"
    UPSTREAM_RATE_LIMITED = "upstream_rate_limited"
    UPSTREAM_OVERLOADED = "upstream_overloaded"
    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    UPSTREAM_CREDENTIAL = "upstream_credential"
    UPSTREAM_GARBAGE = "upstream_garbage"
    UPSTREAM_CUT = "upstream_cut"
    DEADLINE = "deadline"
    SHUTTING_DOWN = "shutting_down"
    INTERNAL = "internal"


# What a repetition cannot cure: the official SDKs repeat every 408, 409, 429 and 5xx unless the
# answer says `x-should-retry: false` (openai-python and anthropic-sdk-python, _base_client.py).
FINAL = frozenset(
    {
        Reason.INVALID_REQUEST,
        Reason.REQUEST_TOO_LARGE,
        Reason.UNSUPPORTED_MEDIA_TYPE,
        Reason.MISSING_KEY,
        Reason.UNKNOWN_KEY,
        Reason.REVOKED_KEY,
        Reason.EXPIRED_KEY,
        Reason.TOO_MANY_FAILURES,
        Reason.SCOPE_NOT_ALLOWED,
        Reason.DIALECT_NOT_ALLOWED,
        Reason.CLIENT_NOT_ALLOWED,
        Reason.ADDRESS_NOT_ALLOWED,
        Reason.MODEL_NOT_ALLOWED,
        Reason.MODEL_NOT_FOUND,
        Reason.REQUEST_NOT_FOUND,
        Reason.UNKNOWN_ROUTE,
        Reason.METHOD_NOT_ALLOWED,
        Reason.BUDGET_EXHAUSTED,
        Reason.UNBOUNDED,
        Reason.CONTENT_BLOCKED,
        Reason.PII_BLOCKED,
        Reason.UPSTREAM_CREDENTIAL,
    }
)


class RefusedBy(msgspec.Struct, frozen=True):
    """Which limit refused: whose it is, its name and figure, what is left, when it resets."""

    level: str
    rule: str
    limit: str
    remaining: str
    resets_at: str | None


class Refusal(msgspec.Struct, frozen=True):
    """A refusal: `message` is for the caller, `field` names the request member at fault.

    `allow` names the methods that a path takes, where another was used; `by` the limit, where one
    refused. `status` is the HTTP status of a provider's own error that is said again here, in place
    of the reason's.
    """

    reason: Reason
    message: str
    field: str | None = None
    retry_after_ms: int | None = None
    should_retry: bool | None = None
    allow: str | None = None
    by: RefusedBy | None = None
    status: int | None = None

    @property
    def final(self) -> bool:
        """Whether the caller is told not to repeat."""
        if self.should_retry is not None:
            return not self.should_retry
        return self.reason in FINAL


class Refused(Exception):
    """Carries a `Refusal` out of a stage to the one place that renders it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
