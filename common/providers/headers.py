"""Which headers cross Relay, in each direction."""

import hashlib
from collections.abc import Iterable
from functools import lru_cache

from common.providers.base import Headers

# Anthropic's API requires one; a caller that sends its own version keeps it.
ANTHROPIC_VERSION = "2023-06-01"

# Towards the provider an allow list: what the caller's SDK says about its request. Everything
# else (its key, cookies, addresses, the edge's headers) stays here.
REQUEST_HEADERS = frozenset(
    {
        "accept",
        "anthropic-beta",
        "anthropic-dangerous-direct-browser-access",
        "anthropic-version",
        "content-type",
        "idempotency-key",
        "openai-beta",
        "user-agent",
    }
)
REQUEST_PREFIXES = ("x-stainless-", "x-echo-")
# Which of them only some providers understand; others are not told what was meant for those.
# (Bedrock and Vertex AI take Anthropic's betas in the body.)
_MEANT_FOR = {
    "anthropic-beta": frozenset({"anthropic", "bedrock", "vertex"}),
    "anthropic-dangerous-direct-browser-access": frozenset({"anthropic"}),
    "anthropic-version": frozenset({"anthropic"}),
    "openai-beta": frozenset({"openai", "azure_openai", "openai_compatible"}),
}

# Towards the caller a deny list, so that what a provider adds comes through: hop-by-hop headers
# (RFC 9110, 7.6.1), framing, cookies, the account's identity, and the account's own rate limits,
# which are shared by many callers and so would mislead each of them.
RESPONSE_HEADERS_DENIED = frozenset(
    {
        "alt-svc",
        "anthropic-organization-id",
        "connection",
        "content-length",
        "keep-alive",
        "openai-organization",
        "openai-project",
        "proxy-authenticate",
        "proxy-connection",
        "retry-after",
        "retry-after-ms",
        "server",
        "set-cookie",
        "strict-transport-security",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "www-authenticate",
        "x-request-id",
        "x-should-retry",
    }
)
RESPONSE_PREFIXES_DENIED = (
    "x-ratelimit-",
    "anthropic-ratelimit-",
    "anthropic-priority-",  # the limits of the account's Priority Tier
    "anthropic-fast-",  # and of its fast mode
)
_IDEMPOTENCY = b"idempotency-key"
_NAMES_MAX = 512


def to_provider(
    headers: Iterable[tuple[bytes, bytes]], request_id: str, provider: str, tenant: str
) -> Headers:
    """The caller's headers that the provider gets, without the credential.

    `accept-encoding: identity`, because usage is read from the bytes that pass. Idempotency keys
    are made the tenant's own: many tenants share the account within which a provider knows them,
    and would be answered with what another one got.
    """
    passed = [
        (
            sent,
            _own(tenant, value.decode("latin-1"))
            if name == _IDEMPOTENCY
            else value.decode("latin-1"),
        )
        for name, value in headers
        if (sent := _sent_name(name, provider)) is not None
    ]
    if provider == "anthropic" and not any(name == "anthropic-version" for name, _ in passed):
        passed.append(("anthropic-version", ANTHROPIC_VERSION))
    passed += [("accept-encoding", "identity"), ("x-client-request-id", request_id)]
    return passed


def to_caller(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """The provider's headers that the caller gets."""
    return [
        (answered, value.encode("latin-1"))
        for name, value in headers
        if (answered := _answered_name(name)) is not None
    ]


def _own(tenant: str, value: str) -> str:
    return hashlib.sha256(f"{tenant}:{value}".encode()).hexdigest()


# The same few names come with every request.
@lru_cache(maxsize=_NAMES_MAX)
def _sent_name(name: bytes, provider: str) -> str | None:
    """The name towards the provider; None for what stays here."""
    text = name.decode("latin-1")
    if text in _MEANT_FOR and provider not in _MEANT_FOR[text]:
        return None
    return text if text in REQUEST_HEADERS or text.startswith(REQUEST_PREFIXES) else None


@lru_cache(maxsize=_NAMES_MAX)
def _answered_name(name: str) -> bytes | None:
    """The name towards the caller; None for what stays here."""
    lower = name.lower()
    denied = lower in RESPONSE_HEADERS_DENIED or lower.startswith(RESPONSE_PREFIXES_DENIED)
    return None if denied else lower.encode("latin-1")
