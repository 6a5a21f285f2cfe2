"""The ASGI application: routes, errors as problem details, a request id and a log line for each."""

import time
from collections.abc import MutableMapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from common.asgi import HEALTH_PATHS, Receive, Send, answer_health, run_lifespan
from common.caller import caller_address
from common.identifiers import new_ulid
from common.state.commands import RedisUnavailable
from common.store.database import DatabaseUnavailable
from common.telemetry import catalogue, logs
from functions.key_admin.api import (
    account_calls,
    account_facts,
    accounts,
    aliases,
    audit,
    branding,
    condition,
    configuration,
    content_rules,
    dead_letters,
    explain,
    groups,
    keys,
    keys_bulk,
    limits_tree,
    limits_use,
    master_key,
    models,
    notifications,
    organisation,
    own_usage,
    prices,
    quarantine,
    records_export,
    redaction,
    response_cache,
    self_service,
    service_accounts,
    sessions,
    spend,
    teams,
    timings,
    usage,
    users,
    webhook_secrets,
)
from functions.key_admin.bodies import Receiving
from functions.key_admin.callers import is_of_callers, of_callers
from functions.key_admin.console.mount import ROUTES as CONSOLE_ROUTES
from functions.key_admin.docs import Docs
from functions.key_admin.identity import routes as identity
from functions.key_admin.problem import Problem, response, unavailable
from functions.key_admin.services import services, stop_services

OPERATIONS = (
    *keys_bulk.OPERATIONS,
    *keys.OPERATIONS,
    # Before those of one account, whose path is as long as that of the presets.
    *account_facts.OPERATIONS,
    *accounts.OPERATIONS,
    *account_calls.OPERATIONS,
    *groups.OPERATIONS,
    *aliases.OPERATIONS,
    *models.OPERATIONS,
    *explain.OPERATIONS,
    *users.OPERATIONS,
    *teams.OPERATIONS,
    *organisation.OPERATIONS,
    *redaction.OPERATIONS,
    *content_rules.OPERATIONS,
    *webhook_secrets.OPERATIONS,
    *usage.OPERATIONS,
    *timings.OPERATIONS,
    *records_export.OPERATIONS,
    *limits_use.OPERATIONS,
    *limits_tree.OPERATIONS,
    *spend.OPERATIONS,
    *prices.OPERATIONS,
    *audit.OPERATIONS,
    *condition.OPERATIONS,
    *quarantine.OPERATIONS,
    *dead_letters.OPERATIONS,
    *notifications.OPERATIONS,
    *configuration.OPERATIONS,
    *master_key.OPERATIONS,
    *sessions.OPERATIONS,
    *service_accounts.OPERATIONS,
    *response_cache.OPERATIONS,
    *branding.OPERATIONS,
    *self_service.OPERATIONS,
)
# A user's id is its caller's own string, and a model's its provider's: both may have slashes.
_ANY_TEXT = {"{user_id}": "{user_id:path}", "{name}": "{name:path}"}
_docs = Docs(OPERATIONS)
# A request with one of these has a body.
_OF_BODIES = frozenset((b"content-length", b"transfer-encoding"))
# Of every answer that does not say otherwise: they are for who asked, of this moment, and what they
# say they are. An entity tag is for If-Match and needs no copy.
_UNLESS_SAID = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


def _any_text(path: str) -> str:
    for name, wider in _ANY_TEXT.items():
        path = path.replace(name, wider)
    return path


ROUTES = [
    *(
        Route(_any_text(operation.path), operation.__call__, methods=[operation.method])
        for operation in OPERATIONS
    ),
    *own_usage.ROUTES,
    *CONSOLE_ROUTES,
    *identity.ROUTES,
    Route("/docs", _docs.page, methods=["GET"]),
    Route("/internal/openapi.json", _docs.openapi, methods=["GET"]),
]


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """The ASGI application (ASGI 3.0)."""
    if scope["type"] == "lifespan":
        await run_lifespan(receive, send, services, stop_services)
    elif scope["type"] == "http":
        if scope["path"] in HEALTH_PATHS:
            await answer_health(send)
        else:
            await _serve(scope, receive, send)


async def _serve(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    started = time.perf_counter()
    request_id = new_ulid()
    settings = services().settings
    address = caller_address(scope, settings.edge_token, settings.trusted_proxies)
    cookies: list[str] = []
    scope = {
        **scope,
        "relay.request_id": request_id,
        "relay.address": address,
        "relay.set_cookies": cookies,
    }
    status = 500

    async def send_with_id(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            said = {name for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *(one for one in _UNLESS_SAID if one[0] not in said),
                (b"x-request-id", request_id.encode()),
                *((b"set-cookie", cookie.encode("latin-1")) for cookie in cookies),
            ]
        await send(dict(message))

    receiving = Receiving(receive)
    try:
        await _starlette(scope, receiving, send_with_id)
        if any(name in _OF_BODIES for name, _ in scope["headers"]):
            await receiving.drain()
    finally:
        catalogue.REQUESTS.increment(function="key_admin", endpoint="admin", status=str(status))
        logs.log(
            "request",
            request_id=request_id,
            method=scope["method"],
            path=scope["path"],
            status=status,
            address=address,
            latency_ms=int((time.perf_counter() - started) * 1000),
        )


async def _problem(request: Request, error: Exception) -> Response:
    """Every exception as a problem; what nobody expected is logged and says nothing of itself."""
    match error:
        case Problem():
            return response(request, error)
        case DatabaseUnavailable() | RedisUnavailable():
            return response(request, unavailable(f"{error}; nothing was changed, try again."))
        case HTTPException():
            problem = _no_operation(request, error)
            if is_of_callers(request):
                return of_callers(request, problem)
            return response(request, problem)
        case _:
            logs.log(
                "internal_error",
                level="error",
                request_id=request.scope["relay.request_id"],
                error=repr(error),
            )
            problem = Problem(500, "Internal error", "Relay failed; see its log.")
            if is_of_callers(request):
                return of_callers(request, problem)
            return response(request, problem)


def _no_operation(request: Request, error: HTTPException) -> Problem:
    path = request.url.path[:200]
    match error.status_code:
        case 404:
            detail = f"There is nothing at {path}; /docs has all there is."
            return Problem(404, "Not found", detail)
        case 405:
            allowed = _allowed(request)
            detail = f"{path} takes {allowed}, not {request.method}."
            return Problem(405, "Method not allowed", detail, headers={"allow": allowed})
        case status:
            return Problem(status, "Request refused", error.detail, headers=error.headers)


def _allowed(request: Request) -> str:
    """The methods of all routes with this path: each of starlette's routes names only its own."""
    methods: set[str] = set()
    for route in ROUTES:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    return ", ".join(sorted(methods))


_starlette = Starlette(
    routes=ROUTES,
    exception_handlers={
        Problem: _problem,
        DatabaseUnavailable: _problem,
        RedisUnavailable: _problem,
        HTTPException: _problem,
        Exception: _problem,
    },
)
# A path with a slash too many is another path, not a redirect that drops the body.
_starlette.router.redirect_slashes = False
