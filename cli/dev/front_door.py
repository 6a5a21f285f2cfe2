"""The one address of the local stack: a streaming reverse proxy by the front door's table.

Run as `python -m common.serve cli.dev.front_door:application`. It does what the edge does on
Knative: blocks and routes paths, overwrites what says who the caller is, copies bytes in both
directions as they come (each side waits for the slower one), passes on that a caller has gone.
A function that restarts refuses connections for a moment: such a request was never sent, so it is
tried again for a few seconds before the caller hears of it.

Environment: RELAY_FRONT_DOOR_RELAY_URL, RELAY_FRONT_DOOR_KEY_ADMIN_URL, RELAY_EDGE_TOKEN.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote, urlsplit

from cli.dev.front_door_headers import Headers, has_body, request_headers, response_headers
from cli.dev.front_door_routes import Route, route
from cli.dev.front_door_upstream import Upstream, UpstreamAway, UpstreamLost
from common.identifiers import new_ulid
from common.settings import variable

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Scope = MutableMapping[str, Any]

LINGER_S_MAX = 10.0
NOTHING_HERE = "There is nothing at this path. See /docs."


class FrontDoor:
    """The ASGI application. `urls` is where each function listens, e.g. http://127.0.0.1:20001."""

    def __init__(self, urls: dict[Route, str], edge_token: str) -> None:
        self._urls = urls
        self._edge_token = edge_token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
        found = route(raw_path)
        if found is Route.EDGE:
            await _answer(send, 200, {"status": "ok"})
        elif found is Route.NOWHERE:
            await _answer(send, 404, _problem(404, "Not Found", NOTHING_HERE))
        else:
            await self._forward(scope, raw_path, found, receive, send)

    async def _forward(
        self, scope: Scope, raw_path: bytes, to: Route, receive: Receive, send: Send
    ) -> None:
        """Copy both ways until the answer has ended or the caller has gone."""
        caller: asyncio.Task[bool] | None = None
        caller_heard = asyncio.Event()
        with_body = has_body(scope)
        answered = False
        try:
            async with Upstream(self._urls[to]) as upstream:
                await upstream.request(
                    scope["method"],
                    urlsplit(self._urls[to]).path.encode() + _target(scope, raw_path),
                    request_headers(scope, self._edge_token),
                    has_body=with_body,
                )
                caller = asyncio.create_task(_hear_out(receive, upstream, with_body, caller_heard))
                status, headers = await upstream.answer()
                answered = True
                await send(_start(status, response_headers(headers)))
                async for chunk in upstream.chunks():
                    await send(_body(chunk, more=True))
            await send(_body(b"", more=False))
            if with_body:
                await _wait_for(caller_heard)
        except ValueError as error:
            await _answer(send, 400, _problem(400, "Bad Request", str(error)))
        except UpstreamAway:
            detail = f"{to} is not running at the moment; its log says why."
            await _answer(send, 503, _problem(503, "Service Unavailable", detail), retry_s=2)
        except UpstreamLost:
            if caller is not None and caller.done():
                return  # it was the caller who went, and nobody is left to hear of it
            if answered:
                raise  # the connection breaks: a clean end would be a lie
            detail = f"{to} closed the connection without an answer."
            await _answer(send, 502, _problem(502, "Bad Gateway", detail), retry_s=1)
        finally:
            if caller is not None:
                caller.cancel()


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _wait_for(caller_heard: asyncio.Event) -> None:
    """Let the rest of a body come whose answer was early.

    A connection that is closed with bytes unread is reset, and the answer may be lost with it.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S_MAX):
            await caller_heard.wait()


async def _hear_out(
    receive: Receive, upstream: Upstream, has_body: bool, heard: asyncio.Event
) -> bool:
    """Pass the caller's body on as it comes; return when the caller has gone."""
    while (message := await receive())["type"] != "http.disconnect":
        if not has_body:
            continue
        if body := message.get("body", b""):
            await upstream.send(body)
        has_body = message.get("more_body", False)
        if not has_body:
            await upstream.send(None)
            heard.set()
    heard.set()
    upstream.abort()
    return True


def _target(scope: Scope, raw_path: bytes) -> bytes:
    query: bytes = scope.get("query_string", b"")
    return raw_path + b"?" + query if query else raw_path


def _start(status: int, headers: Headers) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}


def _body(chunk: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": chunk, "more_body": more}


def _problem(status: int, title: str, detail: str) -> dict[str, object]:
    """RFC 9457 problem details, and `error` beside them, where the providers' SDKs look."""
    error = {"message": detail, "type": title.lower().replace(" ", "_"), "code": None}
    return {"type": "about:blank", "title": title, "status": status, "detail": detail} | {
        "error": error
    }


async def _answer(
    send: Send, status: int, content: dict[str, object], *, retry_s: int | None = None
) -> None:
    """The front door's own answer."""
    request_id = new_ulid()
    if status >= 400:
        content = content | {"request_id": request_id}
    body = json.dumps(content).encode()
    headers = [
        (b"content-type", b"application/json" if status < 400 else b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", request_id.encode()),
    ]
    if retry_s is not None:
        headers.append((b"retry-after", str(retry_s).encode()))
    await send(_start(status, headers))
    await send(_body(body, more=False))


application = FrontDoor(
    {
        Route.RELAY: variable("RELAY_FRONT_DOOR_RELAY_URL", "http://127.0.0.1:8080"),
        Route.KEY_ADMIN: variable("RELAY_FRONT_DOOR_KEY_ADMIN_URL", "http://127.0.0.1:8081"),
    },
    variable("RELAY_EDGE_TOKEN"),
)
