"""What relaying needs to know of a provider, and how its answers are judged.

One file a provider; each offers a `ProviderProtocol`, and `common.providers.PROVIDERS` names it.
The judgement is shared: it follows what HTTP statuses mean to a holder of the credential, not to
the caller.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from common.domain.credentials import UsableAccount
from common.domain.refusals import Reason

if TYPE_CHECKING:
    from common.providers.http import UpstreamClient

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
    # What exactly went wrong, for the log alone: it may name hosts and addresses.
    detail: str | None = None

    def rest_ms(self, *, others: bool) -> int:
        """How long the account is to rest, given whether other accounts could have served."""
        return self.cooldown_ms if others else self.asked_rest_ms


class Ask(NamedTuple):
    """What a provider is asked, whoever it is.

    `target` is what `ProviderProtocol.target` said and `model` the account's name for the model.
    `body` is the whole body in the target's format, empty for what is sent as it comes (forms).
    `headers` are the caller's, as `headers.to_provider` let them through. `now_s` is the time in s
    since 1970, which signatures tell. A `path` such as `/v1/responses/resp_1` is of something that
    the provider keeps, with its query if there is one; the target then counts for nothing.
    """

    target: str
    model: str
    body: bytes = b""
    headers: Sequence[tuple[str, str]] = ()
    stream: bool = False
    now_s: float = 0.0
    path: str = ""
    method: str = "POST"


class Call(NamedTuple):
    """One request as it goes out: all of its headers, the credential among them.

    `proxy` is the URL of the account's way out; None goes directly.
    """

    method: str
    url: str
    headers: Headers
    body: bytes
    proxy: str | None = None


class ProviderProtocol(Protocol):
    """One provider: in which format it is asked for what, and what a request to it looks like."""

    name: str

    def target(self, account: UsableAccount, endpoint: str, model: str) -> str | None:
        """In which format the account is asked for an endpoint, by its name in the ledger.

        `own_target(endpoint)`: the caller's bytes go on as they are. Another format: they are
        translated. None: it cannot serve that. `model` is the account's name for it.
        """
        ...

    async def credential(self, account: UsableAccount, client: "UpstreamClient") -> str:
        """What is to be fetched before a call, to be handed to it; kept for as long as it is valid.

        Raises `UpstreamFailed`. Most providers need nothing.
        """
        return ""

    def call(self, account: UsableAccount, ask: Ask, token: str = "") -> Call:
        """The request. `token` is what `credential` gave."""
        ...


# What callers' endpoints of conversations are written in; any other endpoint is its own format.
_OWN_FORMATS = {
    "chat.completions": "openai.chat",
    "responses": "openai.responses",
    "messages": "anthropic.messages",
    "gemini.generate": "gemini.generate",
    "gemini.stream": "gemini.generate",
}
CONVERSATIONS = frozenset(_OWN_FORMATS)


def own_target(endpoint: str) -> str:
    """The format that an endpoint's callers write, which passes untouched where it is the target.

    An endpoint that has no other form than its own, such as `embeddings`, is told by its name.
    """
    return _OWN_FORMATS.get(endpoint, endpoint)


def with_account_headers(account: UsableAccount, headers: Headers) -> Headers:
    """Headers of a call with those that the account adds, in place of any of the same name."""
    extra = account.extra_headers
    if not extra:
        return headers
    return [one for one in headers if one[0] not in extra] + list(extra.items())


def proxy_of(account: UsableAccount) -> str | None:
    """The account's way out; None where it has none."""
    return account.credential.egress_proxy or None


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
