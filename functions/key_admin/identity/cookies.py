"""The cookies of a session in a browser, and what proves that its own page sent a form.

Over https they carry the prefix `__Host-` (RFC 6265bis): no other host of the domain can set them,
and no plain connection carries them. Over plain http, as on a laptop, browsers refuse that.
"""

import hmac

from starlette.requests import Request

from common.caller import called_origin
from common.domain.roles import Actor
from functions.key_admin.problem import Problem
from functions.key_admin.services import Services

SESSION = "relay-session"
REFRESH = "relay-refresh"
OIDC = "relay-oidc"
CSRF_HEADER = "x-csrf-token"
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
_PREFIX = "__Host-"


class StaleForm(Problem):
    """A form of another session than the browser's: `actor` is who has that one now."""

    actor: Actor


def own_origin(parts: Services, request: Request) -> str:
    """Where browsers find us: as the settings say, else as this one does."""
    settings = parts.settings
    return settings.identity.public_url or called_origin(
        request.scope, settings.edge_token, settings.trusted_proxies
    )


def read(parts: Services, request: Request, name: str) -> str:
    """A cookie's value; empty without it."""
    return request.cookies.get(_full(parts, request, name), "")


def put(parts: Services, request: Request, name: str, value: str, seconds: int) -> None:
    """Set it with the answer, whichever comes; 0 seconds take it away."""
    attributes = f"Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax"
    if _is_secure(parts, request):
        attributes += "; Secure"
    cookie = f"{_full(parts, request, name)}={value}; {attributes}"
    request.scope["relay.set_cookies"].append(cookie)


def take_all(parts: Services, request: Request) -> None:
    """Take the session's cookies away."""
    for name in (SESSION, REFRESH):
        put(parts, request, name, "", 0)


def csrf_token(parts: Services, session_id: str) -> str:
    """What the session's own pages send with each change."""
    return hmac.new(parts.csrf_key, session_id.encode(), "sha256").hexdigest()[:32]


def check_origin(parts: Services, request: Request) -> None:
    """A change comes from a page of ours. Raises `Problem` 403.

    Browsers say where a request comes from in one of two headers, or in both.
    """
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    foreign = origin is not None and origin.lower() != own_origin(parts, request).lower()
    if foreign or site not in (None, "same-origin", "none"):
        raise Problem(
            403,
            "Another site asks",
            "The request comes from a page of another address: open the page again at the one that "
            "Relay has (RELAY_PUBLIC_URL).",
        )


def check_csrf(parts: Services, request: Request, session_id: str, given: str | None) -> None:
    """A change that a cookie authenticates carries the session's token.

    Raises `Problem` 403 for another site's, and `StaleForm`.
    """
    if request.method in SAFE_METHODS:
        return
    check_origin(parts, request)
    presented = given or request.headers.get(CSRF_HEADER, "")
    expected = csrf_token(parts, session_id)
    if not hmac.compare_digest(presented.encode("utf-8", "surrogateescape"), expected.encode()):
        raise StaleForm(
            403,
            "Not sent by a page of Relay",
            f"A change that a cookie authenticates needs the header {CSRF_HEADER} with the "
            "`csrf_token` of GET /internal/session: load the page again.",
        )


def _is_secure(parts: Services, request: Request) -> bool:
    return own_origin(parts, request).startswith("https://")


def _full(parts: Services, request: Request, name: str) -> str:
    return f"{_PREFIX}{name}" if _is_secure(parts, request) else name
