"""Answers: a refusal or a provider's answer as ASGI messages, always with our request id."""

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from common.domain.refusals import Refusal
from functions.relay.open_request import OpenRequest

Send = Callable[[dict[str, Any]], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]

_ACCOUNTS_MAX = 1_024
MODEL_CHARACTERS_MAX = 256
# What stands in models' names as it is; all else is escaped as in a URL.
_PLAIN = "/:@.,+*()[]{}=!$&'~ "

STREAM_HEADERS: RawHeaders = [
    # nginx and its like hold streams back unless told not to.
    (b"x-accel-buffering", b"no"),
]


def translated_headers(request: OpenRequest, media_type: str) -> RawHeaders:
    """The head of a translated answer: a provider of another dialect has nothing to say in it."""
    headers: RawHeaders = [(b"content-type", media_type.encode())]
    if request.dialect is not None and request.dialect.name == "anthropic":
        # Where anthropic-sdk-python looks for the request's id.
        headers.append((b"request-id", request.id.encode()))
    return headers


async def start(request: OpenRequest, send: Send, status: int, headers: RawHeaders) -> None:
    """The head of the answer."""
    own = [(b"x-request-id", request.id.encode())]
    if request.attempts:
        own += _served_by(request)
    if request.queued_ms is not None:
        own.append((b"x-relay-queued-ms", str(request.queued_ms).encode()))
    if request.content_flags:
        own.append((b"x-relay-content", ",".join(request.content_flags).encode()))
    headers = headers + request.limit_headers + own
    await send({"type": "http.response.start", "status": status, "headers": headers})
    # A head that cannot be sent raises, and was no beginning.
    request.status = status
    request.response_started = True
    if request.on_served is not None:
        request.on_served()
    request.body = b""  # nobody else is asked: long streams hold no long bodies


def _served_by(request: OpenRequest) -> RawHeaders:
    """Who served it, or was asked last: an account by its id, which says nothing of it."""
    account = request.account
    if account is None:
        return []
    # A model's name may be the caller's own words, of any length.
    served = request.served[:MODEL_CHARACTERS_MAX]
    who = _account_headers(account.id, account.provider, served)
    return [*who, (b"x-relay-attempts", b"%d" % request.attempts)]


# The same few come with every request.
@lru_cache(maxsize=_ACCOUNTS_MAX)
def _account_headers(account_id: str, provider: str, model: str) -> RawHeaders:
    named = quote(model, safe=_PLAIN)
    return [
        (b"x-relay-account", account_id.encode()),
        (b"x-relay-provider", provider.encode()),
        (b"x-relay-model", named.encode()),
    ]


async def whole(
    request: OpenRequest, send: Send, status: int, headers: RawHeaders, body: bytes
) -> None:
    """A whole answer."""
    length = [(b"content-length", str(len(body)).encode())]
    await start(request, send, status, headers + length)
    await send({"type": "http.response.body", "body": body})


async def part(send: Send, body: bytes) -> None:
    """A part of a streamed answer."""
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def end(send: Send, body: bytes = b"") -> None:
    """The last part of a streamed answer."""
    await send({"type": "http.response.body", "body": body})


async def refuse(request: OpenRequest, send: Send, refusal: Refusal) -> None:
    """A refusal in the caller's dialect."""
    if request.dialect is None:
        raise ValueError("the dialect is chosen before anything is refused")
    request.reason = refusal.reason
    status, headers, body = request.dialect.error_response(refusal, request.id)
    await whole(request, send, status, headers, body)
