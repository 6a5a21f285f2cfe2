"""The local broker.

    python -m cli.dev.broker --port N --manifests knative --state DIR --service NAME=URL …

It acts on the same manifests that are deployed, as strictly as Knative does. Events go to
`POST /<namespace>/<broker>`; the other paths are for `relayctl events` and for tests:

    GET /state                  counts, queue depth, dead letters, faults
    GET, PUT /faults            what goes wrong on purpose (cli/dev/broker_faults.py)
    GET /events[/<id>]          the last events and what became of them; ?limit= and ?type=
    GET /dead-letters[/<id>]    what could not be delivered; ?limit=
    POST /dead-letters/retry    {"ids": [...]} or {"all": true}
"""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli.dev.broker_dead_letters import DeadLetters
from cli.dev.broker_dispatch import Dispatcher
from cli.dev.broker_event import from_request
from cli.dev.broker_faults import Faults, parse_faults
from cli.dev.manifests import MANIFESTS_DIRECTORY, ManifestError, Manifests, load_manifests
from common.events.receive import MalformedEvent
from common.serve import end, serve
from common.settings import ServeSettings, SettingsError, serve_settings
from common.telemetry import logs

EVENT_BYTES_MAX = 1024 * 1024
LIST_LIMIT = 50
# Requests to the broker are short; of what is queued, only what is under way still arrives.
_DRAIN_TIMEOUT_S = 46


class _RetryRequest(msgspec.Struct, forbid_unknown_fields=True):
    ids: list[str] = []
    all: bool = False


class _Pages:
    """The HTTP side of one broker."""

    def __init__(self, manifests: Manifests, dispatcher: Dispatcher) -> None:
        self._broker = manifests.broker
        self._dispatcher = dispatcher

    async def ingress(self, request: Request) -> Response:
        if request.url.path != self._broker.path:
            return _problem(404, f"there is no such broker; events go to {self._broker.path}")
        if request.method == "OPTIONS":
            # CloudEvents 1.0, HTTP web hooks, section 4.2: anybody may send, as much as they like.
            return Response(headers={"webhook-allowed-origin": "*", "webhook-allowed-rate": "*"})
        body = await _read_body(request)
        if body is None:
            return _problem(413, f"an event may have {EVENT_BYTES_MAX} bytes")
        try:
            event = from_request(request.headers, body)
        except MalformedEvent as error:
            return _problem(400, str(error))
        if not self._dispatcher.accept(event):
            return _problem(503, "the queue is full")
        return Response(status_code=202)

    async def state(self, _: Request) -> Response:
        dispatcher = self._dispatcher
        return _json(
            {
                "broker": self._broker.path,
                "queued": dispatcher.depth,
                **msgspec.to_builtins(dispatcher.counts),
                "dead_letters": len(dispatcher.dead_letters),
                "dead_letters_forgotten": dispatcher.dead_letters.forgotten,
                "faults": msgspec.to_builtins(dispatcher.faults),
            }
        )

    async def faults(self, request: Request) -> Response:
        if request.method == "PUT":
            try:
                self._dispatcher.faults = msgspec.json.decode(await request.body(), type=Faults)
            except msgspec.DecodeError as error:
                return _problem(400, f'{error}; e.g. {{"duplicate": 2, "shuffle_ms": 500}}')
        return _json(msgspec.to_builtins(self._dispatcher.faults))

    async def events(self, request: Request) -> Response:
        newest = self._dispatcher.history.newest(_limit(request), request.query_params.get("type"))
        return _json({"items": [seen.summary() for seen in newest]})

    async def event(self, request: Request) -> Response:
        found = self._dispatcher.history.with_id(request.path_params["event_id"])
        if not found:
            return _problem(404, "no event of that id is among the last ones")
        return _json({"items": [seen.full() for seen in found]})

    async def dead_letters(self, request: Request) -> Response:
        newest = self._dispatcher.dead_letters.newest(_limit(request))
        return _json({"items": msgspec.to_builtins(newest)})

    async def dead_letter(self, request: Request) -> Response:
        letter = self._dispatcher.dead_letters.get(request.path_params["letter_id"])
        if letter is None:
            return _problem(404, "there is no dead letter of that id")
        return _json(msgspec.to_builtins(letter))

    async def retry(self, request: Request) -> Response:
        try:
            asked = msgspec.json.decode(await request.body(), type=_RetryRequest)
        except msgspec.DecodeError as error:
            return _problem(400, f'{error}; e.g. {{"all": true}}')
        taken = self._dispatcher.retry(None if asked.all else asked.ids)
        return _json({"retried": [letter.id for letter in taken]})


def make_application(manifests: Manifests, dispatcher: Dispatcher) -> Starlette:
    """The broker as an ASGI application."""
    pages = _Pages(manifests, dispatcher)

    async def healthy(_: Request) -> Response:
        return _json({"status": "ok"})

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await dispatcher.stop()

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/health/live", healthy),
            Route("/health/ready", healthy),
            Route("/state", pages.state),
            Route("/faults", pages.faults, methods=["GET", "PUT"]),
            Route("/events", pages.events),
            Route("/events/{event_id:path}", pages.event),
            Route("/dead-letters", pages.dead_letters),
            Route("/dead-letters/retry", pages.retry, methods=["POST"]),
            Route("/dead-letters/{letter_id}", pages.dead_letter),
            Route("/{namespace}/{broker}", pages.ingress, methods=["POST", "OPTIONS"]),
        ],
    )


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM; 2 when the command line or a manifest is wrong."""
    parser = argparse.ArgumentParser(prog="python -m cli.dev.broker")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--manifests", type=Path, default=MANIFESTS_DIRECTORY)
    parser.add_argument("--state", type=Path, required=True, help="directory for dead letters")
    parser.add_argument(
        "--service",
        action="append",
        default=[],
        metavar="NAME=URL",
        help="where a Knative Service of the manifests listens; once for each subscriber",
    )
    parser.add_argument("--fault", default="", metavar="duplicate=2,shuffle=500,drop=0.1")
    options = parser.parse_args(arguments)
    try:
        log_level = serve_settings().log_level
        manifests = load_manifests(options.manifests)
        addresses = _addresses(options.service, manifests)
        faults = parse_faults(options.fault)
        dead_letters = DeadLetters(options.state)
    except (SettingsError, ValueError, OSError) as error:
        print(f"the broker cannot start: {error}", file=sys.stderr)
        return 2
    settings = ServeSettings(
        host=options.host,
        port=options.port,
        metrics_port=0,
        timeout_s=_DRAIN_TIMEOUT_S,
        log_level=log_level,
    )
    logs.configure(log_level, "broker")
    asyncio.run(_serve(manifests, addresses, dead_letters, faults, settings))
    return 0


async def _serve(
    manifests: Manifests,
    addresses: dict[str, str],
    dead_letters: DeadLetters,
    faults: Faults,
    settings: ServeSettings,
) -> None:
    dispatcher = Dispatcher(manifests.triggers, addresses, dead_letters)
    dispatcher.faults = faults
    await serve(make_application(manifests, dispatcher), settings)


def _addresses(written: list[str], manifests: Manifests) -> dict[str, str]:
    """Base URL by service. Raises `ManifestError` when a subscriber's is not given."""
    addresses = {}
    for one in written:
        name, _, url = one.partition("=")
        if not url.startswith(("http://", "https://")):
            raise ManifestError(f"--service {one}: must be NAME=URL, e.g. a=http://127.0.0.1:9000")
        addresses[name] = url.rstrip("/")
    for trigger in manifests.triggers:
        if (service := trigger.subscriber.service) not in addresses:
            raise ManifestError(
                f"Trigger {trigger.name} needs the address of its subscriber: "
                f"--service {service}=http://127.0.0.1:PORT"
            )
        sink = trigger.delivery.dead_letter_service
        if sink is not None and sink not in addresses:
            raise ManifestError(
                f"Trigger {trigger.name} needs the address of its dead letter sink: "
                f"--service {sink}=http://127.0.0.1:PORT"
            )
    return addresses


async def _read_body(request: Request) -> bytes | None:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > EVENT_BYTES_MAX:
            return None
    return bytes(body)


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else LIST_LIMIT


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _problem(status: int, detail: str) -> Response:
    """RFC 9457, as far as a local tool needs it."""
    content = msgspec.json.encode({"status": status, "detail": detail})
    return Response(content, status_code=status, media_type="application/problem+json")


if __name__ == "__main__":
    end(main(sys.argv[1:]))
