"""What relaying needs to know of a provider, and how its answers are judged.

One file a provider; each offers a `ProviderProtocol`, and `common.providers.PROVIDERS` names it.
The judgement is shared: it follows what HTTP statuses mean to a holder of the credential, not to
the caller.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from common.domain.account_health import LASTING, Cause, Rest, cause_of
from common.domain.credentials import Credential, UsableAccount, secrets_of
from common.domain.refusals import Reason

if TYPE_CHECKING:
    from common.providers.http import UpstreamClient

Headers = list[tuple[str, str]]

# How long an account rests after each kind of failure; a provider's own retry-after wins.
RATE_LIMITED_MS = 5_000
OVERLOADED_MS = 10_000
UNREACHABLE_MS = 2_000
# Longer than from one test call of `cleanup` to the next: a request tries it only where none is
# made.
CREDENTIAL_MS = 15 * 60_000
QUOTA_MS = 3_600_000
QUOTA_MS_MAX = 31 * 24 * 3_600_000
COOLDOWN_MS_MAX = 15 * 60_000
# What a single failure says little of: so many in a row, as one process sees them, and the account
# rests, for so long at first.
ROW = 3
FAILING_MS = 10_000
SAID_CHARACTERS_MAX = 300


class Failure(msgspec.Struct, frozen=True):
    """An attempt that failed at the account's or the provider's side: another may serve.

    `cooldown_ms` is how long the account should rest while others can serve. Where there is no
    other, only `asked_rest_ms` counts, the rest that the provider itself asked for: an account
    that may well serve the next request is better than none. `pass_through` says that the
    provider's own error body is fit for the caller. `status` is the provider's, where it answered,
    and `told` its own message, for whoever looks after the account. `cause` is why the account
    rests, where the reason alone does not say.
    """

    reason: Reason
    message: str
    cooldown_ms: int = 0
    asked_rest_ms: int = 0
    retry_after_ms: int | None = None
    pass_through: bool = False
    status: int | None = None
    cause: Cause | None = None
    told: str = ""
    # What exactly went wrong, for the log alone: it may name hosts and addresses.
    detail: str | None = None

    def rest(self, *, others: bool, row: int = 1) -> Rest | None:
        """How the account is to rest; None: not at all.

        `others`: other accounts could have served. `row`: how many failures without a success this
        is. What lasts is noted of the only account, too.
        """
        cause = self.cause or cause_of(self.reason)
        ms = self.cooldown_ms if others else self.asked_rest_ms
        if not self.cooldown_ms and others and row >= ROW:
            ms = CREDENTIAL_MS if cause == "unauthorized" else FAILING_MS
        if ms or (cause in LASTING and self.cooldown_ms):
            return Rest(ms, cause, named=ms > 0 and ms == self.asked_rest_ms)
        return None

    def said(self, credential: Credential) -> str:
        """The provider's words, or else ours: cut short, and without the account's secrets."""
        said = self.told or self.message
        for secret in secrets_of(credential):
            said = said.replace(secret, "***")
        return said[:SAID_CHARACTERS_MAX]


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


def is_named_by_operator(account: UsableAccount, model: str) -> bool:
    """Whether the account's own list has that name of the provider's, or it is a caller's word.

    Only an operator may write a name with its path (`models/…`, `publishers/…`): of a caller's it
    would make another model than the one that the key's rules and the prices were asked about.
    """
    return model in account.models.values()


def proxy_of(account: UsableAccount) -> str | None:
    """The account's way out; None where it has none."""
    return account.credential.egress_proxy or None


def judge(
    status: int,
    retry_after: str | None,
    provider: str,
    body: bytes = b"",
    headers: Sequence[tuple[str, str]] = (),
) -> Failure | None:
    """What a provider's refusal means; None when the answer is the caller's own to see.

    Why each is or is not tried elsewhere: 400, 404, 413, 422 speak of the request and would
    fail on any account, unless the words say otherwise. 401 and 403 speak of our credential, 402 of
    our bill, 429 of our share, 408 and 5xx (with Anthropic's 529) of the provider.
    """
    from common.providers.failures import meaning_of

    meaning = meaning_of(status, body, headers, int(time.time() * 1000))
    told = parse_retry_after_ms(retry_after)
    reset_ms = meaning.reset_ms if told is None else told
    failure = _judge(status, reset_ms, provider, meaning.cause)
    if failure is None:
        return None
    return msgspec.structs.replace(failure, status=status, cause=meaning.cause, told=meaning.told)


def _judge(
    status: int, retry_after_ms: int | None, provider: str, cause: Cause | None
) -> Failure | None:
    asked_rest_ms = _bounded(retry_after_ms, 0)
    if cause == "quota_exhausted":
        rest_ms = QUOTA_MS if retry_after_ms is None else min(retry_after_ms, QUOTA_MS_MAX)
        return Failure(
            Reason.UPSTREAM_RATE_LIMITED if status == 429 else Reason.UPSTREAM_CREDENTIAL,
            f"{provider} refuses the account until it is paid for or its quota is reset (status "
            f"{status}); an administrator has to look at the account",
            cooldown_ms=rest_ms,
            asked_rest_ms=0 if retry_after_ms is None else rest_ms,
            retry_after_ms=(retry_after_ms or RATE_LIMITED_MS) if status == 429 else None,
        )
    if cause == "unauthorized" or status in (401, 403):
        return Failure(
            Reason.UPSTREAM_CREDENTIAL,
            f"{provider} refused the account's credential (status {status}); "
            "an administrator has to look at the account",
            # A 403 without words may as well be about what the caller asked for, such as a model.
            cooldown_ms=CREDENTIAL_MS if cause == "unauthorized" else 0,
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
