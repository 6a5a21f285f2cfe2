"""What a provider's refusal says of the account, by its status and its words. Pure.

Statuses alone do not tell: that an organisation is disabled or its credit gone comes as a 400, a
429 may be over in a second or when somebody pays, and Google refuses a wrong key by a 400.
Loaded with the first refusal; answers that are good never need it.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from common.domain.account_health import Cause

_BODY_MAX = 64 * 1024
DAY_MS = 24 * 3600 * 1000

# What providers call it: OpenAI and Azure `code` or `type`, Anthropic `type`, Google `status` or a
# detail's `reason`, AWS the header `x-amzn-errortype`. In lower case.
_UNAUTHORIZED = frozenset((
    "account_deactivated", "invalid_api_key", "authentication_error", "invalid_organization",
    "organization_disabled", "missing_scope",
    "api_key_invalid", "api_key_service_blocked", "api_key_expired", "consumer_suspended",
    "consumer_invalid", "service_disabled", "unauthenticated", "access_token_expired",
    "unrecognizedclientexception", "invalidsignatureexception", "expiredtokenexception",
    "missingauthenticationtokenexception", "incompletesignatureexception", "invalidclienttokenid",
    "signaturedoesnotmatch",
))  # fmt: skip
_NO_QUOTA = frozenset((
    "insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "billing_error",
    "billing_disabled", "servicequotaexceededexception",
))  # fmt: skip
# How messages begin that come without a kind of their own. Not what they hold: some repeat what the
# caller has sent, and a caller must not be able to talk an account out of service.
_UNAUTHORIZED_WORDS = (
    "this organization has been disabled",
    "your organization has been disabled",
    "your account has been disabled",
    "api key not valid",
    "api key expired",
    "your api key was reported as leaked",
)
_NO_QUOTA_WORDS = (
    "your credit balance is too low",
    "you have reached your specified api usage limits",
    "too many tokens per day",
    "insufficient credits",
)
# Anthropic, of a workspace that has spent what its owner allowed.
_REGAINED = re.compile(r"regain access on (\d{4}-\d\d-\d\d)(?: at (\d\d:\d\d))? utc")
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")


class Meaning(NamedTuple):
    """What was read. `cause` is None where the words say nothing of the account as a whole.

    `reset_ms` is in how many ms the provider says that it serves again; `told` its message.
    """

    cause: Cause | None
    reset_ms: int | None
    told: str


def meaning_of(
    status: int, body: bytes, headers: Iterable[tuple[str, str]], now_ms: int
) -> Meaning:
    """Read a refusal. `headers` have lower-case names; `now_ms` since 1970."""
    kinds, details, told = _read(body)
    named = dict(headers)
    if kind := named.get("x-amzn-errortype"):
        kinds.add(kind.partition(":")[0].lower())
    text = told.lower()
    reset_ms = _retry_info_ms(details)
    if reset_ms is None:
        reset_ms = reset_of(headers, now_ms)
    if status == 402 or kinds & _NO_QUOTA or text.startswith(_NO_QUOTA_WORDS):
        regained_ms = _regained_ms(text, now_ms)
        return Meaning("quota_exhausted", reset_ms if regained_ms is None else regained_ms, told)
    if status == 429:
        cause: Cause = "quota_exhausted" if _is_daily(details) else "rate_limited"
        return Meaning(cause, reset_ms, told)
    if status == 401 or kinds & _UNAUTHORIZED or text.startswith(_UNAUTHORIZED_WORDS):
        return Meaning("unauthorized", None, told)
    return Meaning(None, reset_ms, told)


def reset_of(headers: Iterable[tuple[str, str]], now_ms: int) -> int | None:
    """In how many ms the provider's own limit resets of which nothing is left; None: of none.

    Where nothing is left of several, the latest.
    """
    named = dict(headers)
    resets = []
    for name, value in named.items():
        if value.strip() == "0" and (reset := _reset_name(name)) and reset in named:
            resets.append(_in_ms(named[reset], now_ms))
    known = [one for one in resets if one is not None]
    return max(known, default=None)


def _reset_name(name: str) -> str | None:
    """The header that says when what this one counts is there again.

    `x-ratelimit-remaining-requests` (OpenAI, Azure, Groq), `anthropic-ratelimit-tokens-remaining`.
    """
    if name.startswith("x-ratelimit-remaining"):
        return name.replace("remaining", "reset", 1)
    if name.startswith("anthropic-ratelimit-") and name.endswith("-remaining"):
        return name.removesuffix("remaining") + "reset"
    return None


def _in_ms(text: str, now_ms: int) -> int | None:
    """A duration (`6m0s`, `120ms`, `7`) or a moment (RFC 3339), as ms from now; at most a day."""
    text = text.strip()
    found = _DURATION.fullmatch(text)
    if text and found is not None:
        days, hours, minutes, seconds, ms = (float(part or 0) for part in found.groups())
        total_s = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        return min(int(total_s * 1000 + ms), DAY_MS)
    try:
        return min(int(float(text) * 1000), DAY_MS) if float(text) >= 0 else None
    except (ValueError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return min(max(int(moment.timestamp() * 1000) - now_ms, 0), DAY_MS)


def _regained_ms(text: str, now_ms: int) -> int | None:
    found = _REGAINED.search(text)
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(f"{found[1]}T{found[2] or '00:00'}").replace(tzinfo=UTC)
    except ValueError:
        return None
    return max(int(moment.timestamp() * 1000) - now_ms, 0)


def _read(body: bytes) -> tuple[set[str], list[dict[str, Any]], str]:
    """The kinds that an error body names in lower case, Google's details, and the message."""
    try:
        read = msgspec.json.decode(body[:_BODY_MAX])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return set(), [], ""
    if isinstance(read, list) and read:
        read = read[0]  # Google's stream of JSON
    if not isinstance(read, dict):
        return set(), [], ""
    error = read.get("error")
    error = error if isinstance(error, dict) else read
    kinds = {error.get(name) for name in ("code", "type", "status", "__type")}
    details = error.get("details")
    details = [one for one in details if isinstance(one, dict)] if isinstance(details, list) else []
    kinds |= {one.get("reason") for one in details if isinstance(one.get("reason"), str)}
    message = error.get("message") or error.get("Message") or ""
    told = message if isinstance(message, str) else ""
    return {one.lower() for one in kinds if isinstance(one, str)}, details, told


def _retry_info_ms(details: list[dict[str, Any]]) -> int | None:
    """`google.rpc.RetryInfo`: `"retryDelay": "34.07s"`."""
    for one in details:
        if isinstance(delay := one.get("retryDelay"), str):
            return _in_ms(delay, 0)
    return None


def _is_daily(details: list[dict[str, Any]]) -> bool:
    """`google.rpc.QuotaFailure` of a quota a day: `…PerDayPerProjectPerModel-FreeTier`."""
    violations = [
        violation
        for one in details
        if isinstance(found := one.get("violations"), list)
        for violation in found
        if isinstance(violation, dict)
    ]
    return any("perday" in str(one.get("quotaId", "")).lower() for one in violations)
