"""The console's pages by their addresses, who may see them, and errors as pages."""

import re
from collections.abc import Awaitable, Callable
from importlib import import_module

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from common.state.commands import RedisUnavailable
from common.store.database import DatabaseUnavailable
from common.telemetry import logs
from functions.key_admin import branding
from functions.key_admin.console import assets, logo
from functions.key_admin.console.view import ADMIN, View
from functions.key_admin.identity.pages import home_of, login_url, page_actor, read_form
from functions.key_admin.problem import Problem, unavailable
from functions.key_admin.services import services

Handler = Callable[..., Awaitable[Response]]


class Page(msgspec.Struct, frozen=True):
    """An address below a site's home and its module in `pages`, imported when it is asked for.

    The module has `show(view, **names)`, and `submit(view, form, **names)` if it takes a form.
    """

    pattern: str
    module: str
    show: str = "show"
    submit: str = ""


_ID = r"[0-9A-Z]{26}"
_ANY = r".+"
_TENANT = f"(?P<section>teams|users)/(?P<name>{_ANY})"
# Of a team or a key; of the organisation without one.
_POLICIES = f"(?:(?P<of>teams|keys)/(?P<of_id>{_ID})/)?policies"
_RULE = "(?P<rule>redaction|content-policy|response-cache)"
PAGES = (
    Page("", "overview"),
    Page("overview/keys", "overview_parts", "show_keys"),
    Page("overview/budgets", "overview_parts", "show_budgets"),
    Page("keys", "keys"),
    Page("keys/new", "key_form", "show_new", "create"),
    Page("keys/bulk", "keys_bulk", "show_new", "create"),
    Page("keys/change", "keys_change", submit="submit"),
    Page(f"keys/(?P<key_id>{_ID})", "key"),
    Page(f"keys/(?P<key_id>{_ID})/edit", "key_form", "show", "save"),
    Page(f"keys/(?P<key_id>{_ID})/(?P<act>rotate|revoke|restore)", "key_acts", submit="submit"),
    Page("(?P<section>teams|users)/new", "tenant_form", "show_new", "create"),
    Page(f"(?P<section>teams|users)/(?P<name>{_ANY})/edit", "tenant_form", "show", "save"),
    Page(
        f"(?P<section>teams|users)/(?P<name>{_ANY})/delete", "tenant_form", "ask_delete", "delete"
    ),
    Page("teams", "teams"),
    Page(f"teams/(?P<team_id>{_ID})", "teams", "show_one"),
    Page("users", "users"),
    Page(f"users/(?P<user_id>{_ANY})", "users", "show_one"),
    Page("accounts", "accounts"),
    Page(f"accounts/(?P<account_id>{_ID})", "accounts", "show_one"),
    Page("accounts/new", "account_form", "choose"),
    Page("accounts/new/(?P<preset>[a-z_]+)", "account_form", "show_new", "create"),
    Page(f"accounts/(?P<account_id>{_ID})/edit", "account_form", "show", "save"),
    Page(f"accounts/(?P<account_id>{_ID})/delete", "account_acts", "ask_delete", "delete"),
    Page(
        f"accounts/(?P<account_id>{_ID})/(?P<act>enable|disable|drain|undrain)",
        "account_acts",
        submit="submit",
    ),
    Page(f"accounts/(?P<account_id>{_ID})/reset", "accounts", "show_one", "reset"),
    Page(f"accounts/(?P<account_id>{_ID})/test", "accounts", "show_one", "test"),
    Page("routing", "routing"),
    Page("routing/edit", "level_routing", "show", "save"),
    Page(f"(?P<section>teams|keys)/(?P<name>{_ID})/routing", "level_routing", "show", "save"),
    Page("routing/aliases", "aliases"),
    Page("routing/aliases/new", "aliases", "show_new", "create"),
    Page(f"routing/aliases/(?P<name>{_ANY})/edit", "aliases", "edit", "save"),
    Page(f"routing/aliases/(?P<name>{_ANY})/delete", "aliases", "ask_delete", "delete"),
    Page("routing/groups", "groups"),
    Page("routing/groups/new", "groups", "show_new", "create"),
    Page(f"routing/groups/(?P<group_id>{_ID})", "groups", "show_one", "save"),
    Page(f"routing/groups/(?P<group_id>{_ID})/delete", "groups", "ask_delete", "delete"),
    Page("routing/simulator", "simulator"),
    Page("budgets", "budgets"),
    Page("prices", "prices"),
    Page("prices/import", "price_import", submit="submit"),
    Page("prices/recompute", "price_recompute", submit="submit"),
    Page(_POLICIES, "policies", submit="try_text"),
    Page(f"{_POLICIES}/{_RULE}", "policy_form", submit="submit"),
    Page(f"{_POLICIES}/forget", "cache_forget", submit="submit"),
    Page("organisation", "organisation"),
    Page("organisation/edit", "organisation", "show_form", "save"),
    Page("requests", "requests"),
    Page("requests/export", "export"),
    Page("requests/export/(?P<kind>csv|xlsx)", "export", "download"),
    Page(r"requests/export/progress/(?P<export_id>[\w-]+)", "export", "progress"),
    Page(f"requests/(?P<request_id>{_ID})", "receipt"),
    Page("audit", "audit"),
    Page("audit/export", "audit", "export"),
    Page("system", "system"),
    Page("system/(?P<what>dead-letters|quarantine)/retry", "system", "ask_all", "retry_all"),
    Page("system/(?P<what>dead-letters|quarantine)/(?P<name>[0-9A-Za-z]+)", "system",
         "show_one", "retry"),
    Page("notifications", "channels"),
    Page("notifications/new", "channel_form", "choose"),
    Page("notifications/new/(?P<kind>[a-z]+)", "channel_form", "show_new", "create"),
    Page(f"notifications/messages/(?P<message_id>{_ID})", "channels", submit="retry"),
    Page(f"notifications/(?P<channel_id>{_ID})", "channels", "show_one"),
    Page(f"notifications/(?P<channel_id>{_ID})/edit", "channel_form", "show", "save"),
    Page(f"notifications/(?P<channel_id>{_ID})/test", "channels", "show_one", "test"),
    Page(f"notifications/(?P<channel_id>{_ID})/delete", "channels", "ask_delete", "delete"),
    Page("service-accounts", "service_accounts"),
    Page("service-accounts/new", "service_account_form", "show_new", "create"),
    Page(f"service-accounts/(?P<account_id>{_ID})", "service_accounts", "show_one"),
    Page(f"service-accounts/(?P<account_id>{_ID})/edit", "service_account_form", "show", "save"),
    Page(f"service-accounts/(?P<account_id>{_ID})/(?P<act>rotate|revoke)", "service_accounts",
         "ask", "submit"),
    Page("sessions", "sessions"),
    Page("sessions/everywhere", "sessions", "ask_everywhere", "end_everywhere"),
    Page(f"sessions/(?P<session_id>{_ID})/end", "sessions", submit="end"),
    Page("branding", "branding", submit="submit"),
    Page("preferences", "preferences", submit="submit"),
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
    path = request.path_params.get("page", "")
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


async def _answer(request: Request, path: str, site: Site) -> Response:
    if path in site.open_to_all:
        handler: Handler = import_module(f"{site.package}.{site.open_to_all[path]}").answer
        return await handler(request)
    page, names = _found(path, site)
    form = await read_form(request) if request.method == "POST" else None
    token = None if form is None else form.get("csrf_token", "")
    actor = await page_actor(request, csrf_token=token)
    if actor is None:
        return _to_sign_in(request)
    view = View(request, actor, site.home)
    if home_of(actor) != site.home:
        return view.redirect(home_of(actor))
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
            return page, match.groupdict()
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
