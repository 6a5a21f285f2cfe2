"""What the pages need of identity: who has the browser's session, signing in, forms."""

from urllib.parse import parse_qsl, quote

from starlette.requests import Request

from common.domain.roles import Actor, Role, Rule
from functions.key_admin import multipart
from functions.key_admin.bodies import BODY_BYTES_MAX, read_stream
from functions.key_admin.identity import cookies, sessions, sign_in
from functions.key_admin.identity.identify import by_cookies, check_role
from functions.key_admin.identity.sessions import Opened
from functions.key_admin.identity.sign_in import Ways, ways_of
from functions.key_admin.problem import Problem
from functions.key_admin.services import services

LOGIN = "/admin/login"
PORTAL, PORTAL_LOGIN = "/portal", "/portal/login"
FORM_TYPE = "application/x-www-form-urlencoded"
FORM_FIELDS_MAX = 1000
# What stands in a path that is encoded already (RFC 3986, 3.3).
_IN_PATHS = "/%:@!$&'()*+,;=~"
_PLACES = ("/admin", "/portal", "/docs")

# In what `?error=` of the login page says.
SIGN_IN_ERRORS = {
    "provider_unavailable": "The identity provider cannot be reached, or refused. Try again.",
    "provider_refused": "The identity provider did not let you in.",
    "state_lost": "This sign-in is over or was begun in another browser. Try again.",
    "token_invalid": "What the identity provider answered does not hold. Try again.",
    "email_unverified": "The identity provider has not verified your e-mail address.",
    "domain_not_allowed": "E-mail addresses of your domain may not sign in here.",
    "no_role": "You have no role in Relay: ask an administrator for one.",
    "no_team": "The team that you administrate is not there: ask an administrator.",
    "user_taken": "Somebody else signs in with your address: ask an administrator.",
    "no_user": "The identity provider does not say which user you are: ask an administrator.",
}


async def page_actor(request: Request, csrf_token: str | None = None) -> Actor | None:
    """Who has the session; None without one.

    Raises `Problem` 403 for a form of another site, and `StaleForm` for one of another session.

    `csrf_token` is the form's; without a form the header `x-csrf-token` counts.
    """
    return await by_cookies(services(), request, csrf_token)


def require(actor: Actor, rule: Rule) -> None:
    """Raises `Problem` 403 when the rule does not admit the actor."""
    check_role(actor, rule)


def login_url(request: Request) -> str:
    """The login page, which leads back here: a form's address is its page's."""
    login = login_of(request.url.path)
    path = path_of(request) + (f"?{request.url.query}" if request.url.query else "")
    return f"{login}?next={quote(path, safe='/')}"


def path_of(request: Request) -> str:
    """The path as it was asked for, percent-encoded: a slash in an id is no separator."""
    raw: bytes | None = request.scope.get("raw_path")
    return quote(raw, safe=_IN_PATHS) if raw else quote(request.scope["path"])


def login_of(path: str) -> str:
    """The login page of whoever wants to go there: the portal has its own."""
    return PORTAL_LOGIN if path == PORTAL or path.startswith(f"{PORTAL}/") else LOGIN


def safe_next(text: str | None) -> str:
    """A page of ours to go on to; `/admin` for whatever else was given."""
    text = text or ""
    plain = text.isprintable() and "\\" not in text and not text.startswith("//")
    ours = any(text == one or text.startswith((f"{one}/", f"{one}?")) for one in _PLACES)
    return text if plain and ours and not text.startswith((LOGIN, PORTAL_LOGIN)) else "/admin"


def home_of(actor: Actor) -> str:
    """The first page of somebody of this role."""
    return "/portal" if actor.role is Role.PORTAL else "/admin"


def ways_to_sign_in(request: Request) -> Ways:
    """What the login page offers."""
    del request
    return ways_of(services())


async def sign_in_by_password(request: Request, username: str, password: str) -> Actor:
    """Sets the cookies. Raises `Problem` 401, 403, 422 and 429."""
    cookies.check_origin(services(), request)
    return _signed_in(request, await sign_in.by_password(services(), request, username, password))


async def sign_in_by_master_key(request: Request, key: str) -> Actor:
    """The same with the master key, where the settings leave that on."""
    cookies.check_origin(services(), request)
    return _signed_in(request, await sign_in.by_master_key(services(), request, key))


async def sign_in_by_api_key(request: Request, key: str) -> Actor:
    """The same with an API key: its holder sees that key and what it used."""
    cookies.check_origin(services(), request)
    return _signed_in(request, await sign_in.by_api_key(services(), request, key))


def check_own_page(request: Request) -> None:
    """A form comes from a page of ours. Raises `Problem` 403."""
    cookies.check_origin(services(), request)


async def read_form(request: Request, bytes_max: int = BODY_BYTES_MAX) -> dict[str, str]:
    """A form as a page sends it, of a name given twice the last; files in base64.

    Raises `Problem` 400 to 415.
    """
    content_type = request.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == multipart.MEDIA_TYPE:
        return multipart.fields_of(content_type, await read_stream(request, bytes_max))
    if media_type != FORM_TYPE:
        raise Problem(415, "Unsupported media type", f"Send the form as {FORM_TYPE}.")
    text = (await read_stream(request, bytes_max)).decode("utf-8", "replace")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX))
    except ValueError:
        raise Problem(
            413, "Form too large", f"A form has at most {FORM_FIELDS_MAX} fields."
        ) from None


def _signed_in(request: Request, opened: Opened) -> Actor:
    sessions.put_cookies(services(), request, opened)
    return sessions.actor_of(services(), opened.session)
