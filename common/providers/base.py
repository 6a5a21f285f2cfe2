"""What relaying needs to know of a provider, and how its answers are judged.

One file a provider; each offers a `ProviderProtocol`. The judgement is shared: it follows what
HTTP statuses mean to a holder of the credential, not to the caller.
"""

from typing import Protocol

import msgspec

from common.domain.refusals import Reason

Headers = list[tuple[str, str]]

# How long an account rests after each kind of failure; a provider's own retry-after wins.
RATE_LIMITED_MS = 5_000
OVERLOADED_MS = 10_000
UNREACHABLE_MS = 2_000
CREDENTIAL_MS = 60_000
COOLDOWN_MS_MAX = 15 * 60_000


class Failure(msgspec.Struct, frozen=True):
    """An attempt that failed at the account's or the provider's side: another may serve.

    `cooldown_ms` is how long the account should rest while others can serve. Where there is no
    other, only `asked_rest_ms` counts, the rest that the provider itself asked for: an account
    that may well serve the next request is better than none. `pass_through` says that the
    provider's own error body is fit for the caller. `status` is the provider's, where it answered.
    """

    reason: Reason
    message: str
    cooldown_ms: int = 0
    asked_rest_ms: int = 0
    retry_after_ms: int | None = None
    pass_through: bool = False
    status: int | None = None

    def rest_ms(self, *, others: bool) -> int:
        """How long the account is to rest, given whether other accounts could have served."""
        return self.cooldown_ms if others else self.asked_rest_ms


class ProviderProtocol(Protocol):
    """One provider's address and authentication."""

    name: str

    def url(self, base_url: str, endpoint_path: str) -> str:
        """The address for an endpoint path such as `/v1/chat/completions`."""

    def credential_headers(self, api_key: str) -> Headers:
        """The headers that authenticate Relay to the provider."""


def judge(status: int, retry_after: str | None, provider: str) -> Failure | None:
    """What a provider's status means; None when the answer is the caller's own to see."""
    failure = _judge(status, retry_after, provider)
    return None if failure is None else msgspec.structs.replace(failure, status=status)


def _judge(status: int, retry_after: str | None, provider: str) -> Failure | None:
    """See `judge`.

    Why each is or is not tried elsewhere: 400, 404, 413, 422 speak of the request and would
    fail on any account. 401 and 403 speak of our credential, 402 of our bill, 429 of our share,
    408 and 5xx (with Anthropic's 529) of the provider.
    """
    retry_after_ms = parse_retry_after_ms(retry_after)
    asked_rest_ms = _bounded(retry_after_ms, 0)
    if status in (401, 402, 403):
        return Failure(
            Reason.UPSTREAM_CREDENTIAL,
            f"{provider} refused the account's credential (status {status}); "
            "an administrator has to look at the account",
            # A 403 may as well be about what the caller asked for: a model of another kind.
            cooldown_ms=0 if status == 403 else CREDENTIAL_MS,
        )
    if status == 429:
        return Failure(
            Reason.UPSTREAM_RATE_LIMITED,
            f"{provider} limits the rate of the account that serves this model; try again later",
            cooldown_ms=_bounded(retry_after_ms, RATE_LIMITED_MS),
            asked_rest_ms=asked_rest_ms,
            retry_after_ms=retry_after_ms or RATE_LIMITED_MS,
        )
    if status in (503, 529):
        return Failure(
            Reason.UPSTREAM_OVERLOADED,
            f"{provider} is overloaded (status {status}); try again later",
            cooldown_ms=_bounded(retry_after_ms, OVERLOADED_MS),
            asked_rest_ms=asked_rest_ms,
            retry_after_ms=retry_after_ms or OVERLOADED_MS,
            pass_through=True,
        )
    if status == 408 or status >= 500:
        return Failure(
            Reason.UPSTREAM_ERROR,
            f"{provider} failed with status {status}",
            cooldown_ms=asked_rest_ms,
            asked_rest_ms=asked_rest_ms,
            retry_after_ms=retry_after_ms,
            pass_through=True,
        )
    if 300 <= status < 400:
        return Failure(
            Reason.UPSTREAM_GARBAGE,
            f"{provider} answered with a redirect (status {status}), which is not followed",
        )
    return None


def parse_retry_after_ms(text: str | None) -> int | None:
    """`retry-after` in whole or decimal seconds (RFC 9110, 10.2.3); dates are not used here."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        return None
    if not 0 <= seconds <= 86_400:
        return None
    return int(seconds * 1000)


def _bounded(retry_after_ms: int | None, otherwise_ms: int) -> int:
    return min(otherwise_ms if retry_after_ms is None else retry_after_ms, COOLDOWN_MS_MAX)
