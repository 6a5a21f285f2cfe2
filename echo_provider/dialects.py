"""What differs between the providers' APIs, for one exchange that serves all of them."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from echo_provider import anthropic_answers, openai_answers
from echo_provider.connection import Request
from echo_provider.refusals import Refusal, anthropic_error, encoded, openai_error

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One provider's API.

    `error_event` and `error` make the event and the body for a refusal and a request id;
    `headers` those of any answer, for a request id and the milliseconds that it took;
    `error_headers` those of an error alone. `authenticate` raises `Refusal` for a caller without a
    credential.
    """

    name: str
    error: Callable[[Refusal, str], bytes]
    error_event: Callable[[Refusal, str], bytes]
    garbage_event: bytes
    headers: Callable[[str, float], Headers]
    authenticate: Callable[[Request], None]
    bad_json: str
    unknown_url: str
    failure: Refusal
    error_headers: Callable[[Refusal], Headers] = lambda _: []


def _openai_error(refusal: Refusal, request_id: str) -> bytes:  # noqa: ARG001
    return encoded(openai_error(refusal))


def _anthropic_error(refusal: Refusal, request_id: str) -> bytes:
    return encoded(anthropic_error(refusal, request_id))


# Figures of nobody: what a gateway has to keep from its callers.
_OPENAI_LIMITS = [
    ("openai-organization", "echo-organization"),
    ("openai-version", "2020-10-01"),
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-limit-tokens", "2000000"),
    ("x-ratelimit-remaining-requests", "9999"),
    ("x-ratelimit-remaining-tokens", "1999990"),
    ("x-ratelimit-reset-requests", "6ms"),
    ("x-ratelimit-reset-tokens", "0s"),
]
_ANTHROPIC_LIMITS = [
    ("anthropic-organization-id", "00000000-0000-4000-8000-00000000ec40"),
    ("anthropic-ratelimit-requests-limit", "4000"),
    ("anthropic-ratelimit-requests-remaining", "3999"),
    ("anthropic-ratelimit-requests-reset", "2026-01-01T00:00:00Z"),
    ("anthropic-ratelimit-input-tokens-limit", "2000000"),
    ("anthropic-ratelimit-input-tokens-remaining", "1999000"),
    ("anthropic-ratelimit-input-tokens-reset", "2026-01-01T00:00:00Z"),
    ("anthropic-ratelimit-output-tokens-limit", "400000"),
    ("anthropic-ratelimit-output-tokens-remaining", "399000"),
    ("anthropic-ratelimit-output-tokens-reset", "2026-01-01T00:00:00Z"),
]


def _openai_headers(request_id: str, milliseconds: float) -> Headers:
    own = [("x-request-id", request_id), ("openai-processing-ms", str(int(milliseconds)))]
    return own + _OPENAI_LIMITS


def _anthropic_headers(request_id: str, milliseconds: float) -> Headers:  # noqa: ARG001
    return [("request-id", request_id), *_ANTHROPIC_LIMITS]


def bearer(request: Request) -> str:
    """The token of the header `authorization`; empty without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _any_key(complaint: str) -> Callable[[Request], None]:
    """A key in either of the two headers will do."""

    def authenticate(request: Request) -> None:
        if not bearer(request) and not request.headers.get("x-api-key"):
            raise Refusal(401, complaint)

    return authenticate


OPENAI = Dialect(
    name="openai",
    error=_openai_error,
    error_event=openai_answers.openai_error_event,
    garbage_event=openai_answers.GARBAGE_EVENT,
    headers=_openai_headers,
    authenticate=_any_key(
        "You didn't provide an API key. You need to provide your API key in an Authorization "
        "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
    ),
    bad_json="We could not parse the JSON body of your request. (HINT: This likely means you "
    "aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what "
    "was sent was not valid JSON.)",
    unknown_url="Invalid URL ({method} {path})",
    failure=Refusal(500, "The server had an error while processing your request. Sorry!"),
)
ANTHROPIC = Dialect(
    name="anthropic",
    error=_anthropic_error,
    error_event=anthropic_answers.anthropic_error_event,
    garbage_event=anthropic_answers.GARBAGE_EVENT,
    headers=_anthropic_headers,
    authenticate=_any_key("x-api-key header is required"),
    bad_json="The request body is not valid JSON",
    unknown_url="Not found: {method} {path}",
    failure=Refusal(529, "Overloaded"),
)


def new_request_id() -> str:
    """An id as both providers have it in a header."""
    return f"req_{secrets.token_hex(12)}"
