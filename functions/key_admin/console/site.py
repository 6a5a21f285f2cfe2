"""The console's pages by their addresses, who may see them, and errors as pages."""

import re
from collections.abc import Awaitable, Callable
from importlib import import_module
from urllib.parse import quote, unquote, unquote_to_bytes

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from common.state.commands import RedisUnavailable
from common.store.database import DatabaseUnavailable
from common.telemetry import logs
from functions.key_admin import branding
from functions.key_admin.console import again, assets, logo
from functions.key_admin.console.view import ADMIN, View
from functions.key_admin.identity.cookies import StaleForm
from functions.key_admin.identity.pages import (
    check_own_page,
    home_of,
    login_url,
    page_actor,
    path_of,
    read_form,
)
from functions.key_admin.problem import Problem, unavailable
from functions.key_admin.services import services

Handler = Callable[..., Awaitable[Response]]


class Page(msgspec.Struct, frozen=True):
    """An address below a site's home and its module in `pages`, imported when it is asked for.

    The module has `show(view, **names)`, and `submit(view, form, **names)` if it takes a form.
    `asks` are the operations, `METHOD /path`, that the form may ask for: from whom none of them
    admits no form is taken, nor is it shown to them, unless the page `is_read` by others too.
    """

    pattern: str
    module: str
    show: str = "show"
    submit: str = ""
    asks: tuple[str, ...] = ()
    is_read: bool = False

    def __post_init__(self) -> None:
        """Raises `ValueError` for a form that names no operation."""
        if self.submit and not self.asks:
            raise ValueError(f"{self.pattern!r}: a page with a form names what the form asks for")


_ID = r"[0-9A-Z]{26}"
# A text of somebody's own, percent-encoded: what was a slash in it is none.
_ANY = r"[^/]+"
_TEAM = f"(?P<section>teams)/(?P<name>{_ID})"
_USER = f"(?P<section>users)/(?P<name>{_ANY})"
# Of a team or a key; of the organisation without one.
_POLICIES = f"(?:(?P<of>teams|keys)/(?P<of_id>{_ID})/)?policies"
_RULE = "(?P<rule>redaction|content-policy|response-cache)"
_CHANGE_KEY = "PATCH /internal/api-keys/{key_id}"
_CHANGE_TEAM = "PATCH /internal/teams/{team_id}"
_CHANGE_USER = "PATCH /internal/users/{user_id}"
_CHANGE_ACCOUNT = "PATCH /internal/accounts/{account_id}"
_CHANGE_ORGANISATION = "PATCH /internal/organisation"
_PUT_ALIAS = "PUT /internal/aliases/{name}"
_TRY = "POST /internal/redaction/try"
_RETRY = ("POST /internal/dead-letters/{letter_id}/retry",
          "POST /internal/quarantine/{record_id}/retry")  # fmt: skip
# What everybody may who is signed in.
WHO_CALLS = "GET /internal/session"
PAGES = (
    Page("", "overview"),
    Page("overview/keys", "overview_parts", "show_keys"),
    Page("overview/budgets", "overview_parts", "show_budgets"),
    Page("overview/live", "overview_parts", "show_live"),
    Page("keys", "keys"),
    Page("keys/new", "key_form", "show_new", "create", ("POST /internal/api-keys",)),
    Page("keys/bulk", "keys_bulk", "show_new", "create", ("POST /internal/api-keys/bulk",)),
    Page("keys/change", "keys_change", "show", "submit", ("PATCH /internal/api-keys/bulk",)),
    Page(f"keys/(?P<key_id>{_ID})", "key"),
    Page(f"keys/(?P<key_id>{_ID})/edit", "key_form", "show", "save", (_CHANGE_KEY,)),
    Page(f"keys/(?P<key_id>{_ID})/(?P<act>rotate|revoke|restore)", "key_acts", "show", "submit",
         tuple(f"POST /internal/api-keys/{{key_id}}/{act}"
               for act in ("rotate", "revoke", "restore"))),
    Page(f"keys/(?P<key_id>{_ID})/(?P<act>unbind)", "key_acts", "show", "submit", (_CHANGE_KEY,)),
    Page("(?P<section>teams)/new", "tenant_form", "show_new", "create",
         ("POST /internal/teams",)),
    Page(f"{_TEAM}/edit", "tenant_form", "show", "save", (_CHANGE_TEAM,)),
    Page(f"{_TEAM}/delete", "tenant_form", "ask_delete", "delete",
         ("DELETE /internal/teams/{team_id}",)),
    # Not below `users`, where everything is somebody's id.
    Page("new-user", "tenant_form", "show_new", "create", ("POST /internal/users",)),
    Page(f"{_USER}/edit", "tenant_form", "show", "save", (_CHANGE_USER,)),
    Page(f"{_USER}/delete", "tenant_form", "ask_delete", "delete",
         ("DELETE /internal/users/{user_id}",)),
    Page("teams", "teams"),
    Page(f"teams/(?P<team_id>{_ID})", "teams", "show_one"),
    Page("users", "users"),
    Page(f"users/(?P<user_id>{_ANY})", "users", "show_one"),
    Page("accounts", "accounts"),
    Page(f"accounts/(?P<account_id>{_ID})", "accounts", "show_one"),
    Page("accounts/new", "account_form", "choose", asks=("POST /internal/accounts",)),
    Page("accounts/new/(?P<preset>[a-z_]+)", "account_form", "show_new", "create",
         ("POST /internal/accounts",)),
    Page(f"accounts/(?P<account_id>{_ID})/edit", "account_form", "show", "save",
         (_CHANGE_ACCOUNT,)),
    Page(f"accounts/(?P<account_id>{_ID})/delete", "account_acts", "ask_delete", "delete",
         ("DELETE /internal/accounts/{account_id}",)),
    Page(f"accounts/(?P<account_id>{_ID})/(?P<act>enable|disable|drain|undrain)", "account_acts",
         "show", "submit", (_CHANGE_ACCOUNT,)),
    Page(f"accounts/(?P<account_id>{_ID})/reset", "accounts", "show_one", "reset",
         ("POST /internal/accounts/{account_id}/reset",), is_read=True),
    Page(f"accounts/(?P<account_id>{_ID})/test", "accounts", "show_one", "test",
         ("POST /internal/accounts/{account_id}/test",), is_read=True),
    Page("routing", "routing"),
    Page("routing/edit", "level_routing", "show", "save", (_CHANGE_ORGANISATION,), is_read=True),
    Page(f"(?P<section>teams|keys)/(?P<name>{_ID})/routing", "level_routing", "show", "save",
         (_CHANGE_TEAM, _CHANGE_KEY), is_read=True),
    Page("routing/aliases", "aliases"),
    Page("routing/aliases/new", "aliases", "show_new", "create", (_PUT_ALIAS,)),
    Page(f"routing/aliases/(?P<name>{_ANY})/edit", "aliases", "edit", "save", (_PUT_ALIAS,),
         is_read=True),
    Page(f"routing/aliases/(?P<name>{_ANY})/delete", "aliases", "ask_delete", "delete",
         ("DELETE /internal/aliases/{name}",)),
    Page("routing/groups", "groups"),
    Page("routing/groups/new", "groups", "show_new", "create", ("POST /internal/groups",)),
    Page(f"routing/groups/(?P<group_id>{_ID})", "groups", "show_one", "save",
         ("PATCH /internal/groups/{group_id}",), is_read=True),
    Page(f"routing/groups/(?P<group_id>{_ID})/delete", "groups", "ask_delete", "delete",
         ("DELETE /internal/groups/{group_id}",)),
    Page("routing/simulator", "simulator"),
    Page("budgets", "budgets"),
    Page("prices", "prices"),
    Page("prices/import", "price_import", "show", "submit", ("POST /internal/prices/books",)),
    Page("prices/recompute", "price_recompute", "show", "submit",
         ("POST /internal/prices/recompute",)),
    Page(_POLICIES, "policies", "show", "try_text", (_TRY,), is_read=True),
    Page(f"{_POLICIES}/{_RULE}", "policy_form", "show", "submit",
         (_CHANGE_TEAM, _CHANGE_KEY, _CHANGE_ORGANISATION, _TRY)),
    Page(f"{_POLICIES}/forget", "cache_forget", "show", "submit",
         ("DELETE /internal/response-cache",)),
    Page("organisation", "organisation"),
    Page("organisation/edit", "organisation", "show_form", "save", (_CHANGE_ORGANISATION,)),
    Page("requests", "requests"),
    Page("requests/export", "export"),
    Page("requests/export/(?P<kind>csv|xlsx)", "export", "download"),
    Page(r"requests/export/progress/(?P<export_id>[\w-]+)", "export", "progress"),
    Page(f"requests/(?P<request_id>{_ID})", "receipt"),
    Page("audit", "audit"),
    Page("audit/export", "audit", "export"),
    Page("system", "system"),
    Page("system/(?P<what>dead-letters|quarantine)/retry", "system", "ask_all", "retry_all",
         _RETRY),
    Page("system/(?P<what>dead-letters|quarantine)/(?P<name>[0-9A-Za-z]+)", "system",
         "show_one", "retry", _RETRY, is_read=True),
    Page("notifications", "channels"),
    Page("notifications/new", "channel_form", "choose",
         asks=("POST /internal/notification-channels",)),
    Page("notifications/new/(?P<kind>[a-z]+)", "channel_form", "show_new", "create",
         ("POST /internal/notification-channels",)),
    Page(f"notifications/messages/(?P<message_id>{_ID})", "channels", "show", "retry",
         ("POST /internal/notification-deliveries/{delivery_id}/retry",), is_read=True),
    Page(f"notifications/(?P<channel_id>{_ID})", "channels", "show_one"),
    Page(f"notifications/(?P<channel_id>{_ID})/edit", "channel_form", "show", "save",
         ("PATCH /internal/notification-channels/{channel_id}",)),
    Page(f"notifications/(?P<channel_id>{_ID})/test", "channels", "show_one", "test",
         ("POST /internal/notification-channels/{channel_id}/test",), is_read=True),
    Page(f"notifications/(?P<channel_id>{_ID})/delete", "channels", "ask_delete", "delete",
         ("DELETE /internal/notification-channels/{channel_id}",)),
    Page("service-accounts", "service_accounts"),
    Page("service-accounts/new", "service_account_form", "show_new", "create",
         ("POST /internal/service-accounts",)),
    Page(f"service-accounts/(?P<account_id>{_ID})", "service_accounts", "show_one"),
    Page(f"service-accounts/(?P<account_id>{_ID})/edit", "service_account_form", "show", "save",
         ("PATCH /internal/service-accounts/{account_id}",)),
    Page(f"service-accounts/(?P<account_id>{_ID})/(?P<act>rotate|revoke)", "service_accounts",
         "ask", "submit",
         ("POST /internal/service-accounts/{account_id}/rotate",
          "DELETE /internal/service-accounts/{account_id}")),
    Page("sessions", "sessions"),
    Page("sessions/everywhere", "sessions", "ask_everywhere", "end_everywhere",
         ("DELETE /internal/sessions",)),
    Page(f"sessions/(?P<session_id>{_ID})/end", "sessions", "show", "end",
         ("DELETE /internal/sessions/{session_id}",)),
    Page("branding", "branding", "show", "submit", ("PATCH /internal/branding",), is_read=True),
    Page("preferences", "preferences", "show", "submit", (WHO_CALLS,), is_read=True),
)  # fmt: skip


class Site(msgspec.Struct, frozen=True):
    """Pages below `home`, whose modules are in `package`.

    `open_to_all` are addresses that ask nobody who they are, and their modules, with
    `answer(request)`.
    """

    home: str
    package: str
    pages: tuple[Page, ...]
    open_to_all: dict[str, str]


CONSOLE = Site(ADMIN, "functions.key_admin.console.pages", PAGES, {"login": "sign_in"})


async def answer(request: Request, site: Site = CONSOLE) -> Response:
    """Any page, asset or form of a site; what goes wrong is a page too."""
    path = path_below(request, site.home)
    if path.startswith("assets/"):
        found = assets.serve(request, path.removeprefix("assets/"))
        return found or _failed(View(request, None, site.home), Problem(404, "Not found", path))
    try:
        if path.startswith("logo/"):
            return await logo.serve(path.removeprefix("logo/"))
        await branding.refresh(services())
        return await _answer(request, path, site)
    except Problem as problem:
        return _failed(await _view(request, site), problem)
    except (DatabaseUnavailable, RedisUnavailable) as error:
        return _failed(View(request, None, site.home), unavailable(f"{error}"))
    except Exception as error:  # noqa: BLE001 - a page says so, and the log why
        request_id = request.scope["relay.request_id"]
        logs.log("internal_error", level="error", request_id=request_id, error=repr(error))
        return _failed(
            View(request, None, site.home),
            Problem(500, "Internal error", "Relay failed; see its log."),
        )


def path_below(request: Request, home: str) -> str:
    """The path below a site's home, each step percent-encoded in the one way that `quote` has."""
    given = path_of(request).split("/")
    steps = [quote(unquote_to_bytes(step), safe="") for step in given]
    return "/".join(steps).removeprefix(home).removeprefix("/")


async def _answer(request: Request, path: str, site: Site) -> Response:
    if path in site.open_to_all:
        handler: Handler = import_module(f"{site.package}.{site.open_to_all[path]}").answer
        return await handler(request)
    page, names = _found(path, site)
    form = await read_form(request) if request.method == "POST" else None
    token = None if form is None else form.get("csrf_token", "")
    is_stale = False
    try:
        actor = await page_actor(request, csrf_token=token)
    except StaleForm as stale:
        actor, is_stale = stale.actor, True
    view = View(request, actor, site.home)
    if actor is None and form is None:
        return _to_sign_in(request)
    if actor is not None and home_of(actor) != site.home:
        return view.redirect(home_of(actor))
    if form is not None and (actor is None or is_stale):
        check_own_page(request)
        return again.page(view, form)
    # What a form says may take long to read, so it is not read from whom may do nothing with it.
    if page.asks and not (form is None and page.is_read):
        view.api.check(page.asks)
    module = import_module(f"{site.package}.{page.module}")
    if form is None:
        handler = getattr(module, page.show)
        return await handler(view, **names)
    if not page.submit:
        raise Problem(405, "Method not allowed", path)
    handler = getattr(module, page.submit)
    return await handler(view, form, **names)


def _found(path: str, site: Site) -> tuple[Page, dict[str, str]]:
    for page in site.pages:
        match = re.fullmatch(page.pattern, path)
        if match is not None:
            given = match.groupdict()
            return page, {name: text and unquote(text) for name, text in given.items()}
    raise Problem(404, "Not found", f"{site.home}/{path[:200]}")


def _to_sign_in(request: Request) -> Response:
    target = login_url(request)
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"hx-redirect": target})
    return View(request, None).redirect(target)


async def _view(request: Request, site: Site) -> View:
    try:
        return View(request, await page_actor(request), site.home)
    except (Problem, RedisUnavailable, DatabaseUnavailable):
        return View(request, None, site.home)


def _failed(view: View, problem: Problem) -> Response:
    page = view.page("error.html", problem.status, problem=problem, section="")
    for name, value in problem.headers.items():
        page.headers[name] = value
    return page
