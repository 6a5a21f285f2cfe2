"""The echo provider's HTTP server: which request gets which answer."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qs

from echo_provider import gemini, models, reports
from echo_provider.anthropic_requests import no_such_model as anthropic_no_such_model
from echo_provider.batch_store import PATH as BATCHES
from echo_provider.batch_store import BatchStore
from echo_provider.connection import (
    ClientGone,
    Connection,
    Request,
    connection_protocol,
)
from echo_provider.dialects import ANTHROPIC, OPENAI, Dialect
from echo_provider.endpoints import MESSAGES, endpoints
from echo_provider.exchange import Exchange
from echo_provider.faults import Times
from echo_provider.openai_requests import no_such_model as openai_no_such_model
from echo_provider.paths import Paths
from echo_provider.record import Record, Recorder
from echo_provider.refusals import Refusal, encoded
from echo_provider.replies import Endpoint
from echo_provider.responses_store import PATH as RESPONSES
from echo_provider.responses_store import ResponseStore
from echo_provider.sending import Broken
from echo_provider.vertex import TOKEN_PATH, Vertex, token_error, token_uri

MODELS = "/v1/models"
_MODEL_LISTS = (MODELS, gemini.PATH)
REDIRECTED = "/echo/redirected"
ANTHROPIC_ADMIN = "/v1/organizations/"
_JSON = [("content-type", "application/json")]
# Hundreds of connections may come in the same moment.
_BACKLOG = 4096
# How long answers under way may take when the server stops.
STOP_S_MAX = 1.0


class EchoServer:
    """Answers as the providers do, and keeps a record for tests."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self._times = Times()
        self._responses = ResponseStore()
        self._batches = BatchStore()
        self._endpoints = endpoints(self._responses, self._batches)
        self._vertex = Vertex()
        self._paths = Paths(self._endpoints, self._vertex)
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._serving: dict[asyncio.Future[None], Connection] = {}

    async def run(
        self, host: str, port: int, stop: asyncio.Event, ready: Callable[[], None]
    ) -> None:
        """Listen until `stop`, then let answers under way end for at most `STOP_S_MAX` seconds.

        Raises `OSError` when it cannot listen.
        """
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: connection_protocol(self._serve), host, port, backlog=_BACKLOG
        )
        ready()
        await stop.wait()
        server.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S_MAX):
                await self._idle.wait()
        await self._break_off()

    async def _break_off(self) -> None:
        """End what is left: idle connections, and answers that took too long."""
        for connection in self._serving.values():
            connection.writer.transport.abort()
        if self._serving:
            await asyncio.wait(self._serving)

    async def _serve(self, connection: Connection) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._serving[task] = connection
            task.add_done_callback(self._serving.pop)
        try:
            while (request := await connection.read_head()) is not None:
                self._busy += 1
                self._idle.clear()
                try:
                    await self._read_and_answer(connection, request)
                finally:
                    self._busy -= 1
                    if not self._busy:
                        self._idle.set()
                if not request.keep_alive:
                    break
        except (ClientGone, Broken):
            pass
        except Refusal as refusal:
            await _refuse_head(connection, refusal)
        finally:
            connection.writer.close()

    async def _read_and_answer(self, connection: Connection, request: Request) -> None:
        try:
            await connection.read_body(request)
        except Refusal as refusal:
            # What comes next on this connection is the rest of the body.
            request.keep_alive = False
            await self._exchange(connection, request).refuse(refusal)
            await connection.drop_input()
            return
        await self._answer(connection, request)

    def _exchange(self, connection: Connection, request: Request) -> Exchange:
        """An exchange that is not listed."""
        dialect = self._dialect_of(request)
        return Exchange(connection, request, dialect, _record(request, dialect.name), self._times)

    async def _answer(self, connection: Connection, request: Request) -> None:
        path = request.path
        if path == REDIRECTED:
            await self._redirected(connection, request)
        elif path == TOKEN_PATH:
            await self._token(connection, request)
        elif path == "/health/ready":
            await connection.write_whole(200, _JSON, b'{"status":"ready"}')
        elif path.startswith("/echo/"):
            await self._control(connection, request)
        elif request.method == "POST" and (endpoint := self._endpoint(request)) is not None:
            await self._post(connection, request, endpoint)
        elif path.startswith(f"{RESPONSES}/"):
            await self._kept_response(connection, request)
        elif path == BATCHES or path.startswith(f"{BATCHES}/"):
            await self._kept_batch(connection, request)
        else:
            await self._get(connection, request)

    def _endpoint(self, request: Request) -> Endpoint | None:
        return self._endpoints.get(request.path) or self._paths.endpoint_at(request)

    def _dialect_of(self, request: Request) -> Dialect:
        if (dialect := self._paths.dialect_at(request.path)) is not None:
            return dialect
        anthropic = request.path.startswith((MESSAGES, ANTHROPIC_ADMIN))
        return ANTHROPIC if anthropic or "anthropic-version" in request.headers else OPENAI

    async def _post(self, connection: Connection, request: Request, endpoint: Endpoint) -> None:
        record = _record(request, endpoint.dialect.name)
        exchange = Exchange(connection, request, endpoint.dialect, record, self._times)
        await self._listed(request, record, exchange.post(endpoint))

    async def _kept_response(self, connection: Connection, request: Request) -> None:
        record = _record(request, OPENAI.name)
        exchange = Exchange(connection, request, OPENAI, record, self._times)
        query = _query(request)
        answer = exchange.get(lambda: self._responses.answer(request.method, request.path, query))
        await self._listed(request, record, answer)

    async def _kept_batch(self, connection: Connection, request: Request) -> None:
        record = _record(request, ANTHROPIC.name)
        exchange = Exchange(connection, request, ANTHROPIC, record, self._times)
        query, host = _query(request), request.headers.get("host", "")
        answer = exchange.get(
            lambda: self._batches.answer(request.method, request.path, query, host)
        )
        await self._listed(request, record, answer)

    async def _listed(
        self, request: Request, record: Record, answer: Coroutine[Any, Any, None]
    ) -> None:
        """Answer, with the request in the record."""
        self.recorder.keep_last(_described(request), request.body)
        self.recorder.begin(record)
        try:
            await answer
        except ClientGone:
            record.client_gone = True
            raise
        finally:
            self.recorder.finish(record)

    async def _get(self, connection: Connection, request: Request) -> None:
        """Models, or what is no endpoint at all."""
        dialect = self._dialect_of(request)
        exchange = self._exchange(connection, request)
        path = request.path
        if path in reports.PATHS and request.method == "GET":
            await exchange.get(lambda: self._report(request))
            return
        posts = self._endpoint(request) is not None
        lists = path in _MODEL_LISTS or path.startswith(tuple(f"{one}/" for one in _MODEL_LISTS))
        known = lists or posts
        if known and not posts and request.method == "GET":
            await exchange.get(lambda: _models(request, dialect))
            return
        text = dialect.unknown_url.format(method=request.method, path=path)
        await exchange.refuse(Refusal(405 if known else 404, text))

    def _report(self, request: Request) -> dict[str, Any]:
        reports.check_admin_key(request.headers)
        query = parse_qs(request.query)
        return reports.report(request.path, query, self.recorder.requests)

    async def _redirected(self, connection: Connection, request: Request) -> None:
        """Where `redirect` leads: listed, so that a test sees who has followed."""
        record = _record(request, self._dialect_of(request).name)
        self.recorder.begin(record)
        record.status = 200
        await connection.write_whole(200, _JSON, b'{"redirected":true}')
        record.completed = True
        self.recorder.finish(record)

    async def _token(self, connection: Connection, request: Request) -> None:
        """Google's tokens for a signed assertion: listed, so that a test sees how many."""
        record = _record(request, self._vertex.dialect.name)
        self.recorder.begin(record)
        try:
            record.status, body = 200, self._vertex.account.token(request.body, token_uri(request))
        except Refusal as refusal:
            record.status, body = refusal.status, token_error(refusal)
        await connection.write_whole(record.status, _JSON, encoded(body))
        record.completed = record.status == 200
        self.recorder.finish(record)

    async def _control(self, connection: Connection, request: Request) -> None:
        status, body = self._controlled(request)
        await connection.write_whole(status, _JSON, encoded(body))

    def _controlled(self, request: Request) -> tuple[int, Any]:
        match request.method, request.path:
            case "GET", "/echo/requests":
                return 200, {"requests": list(self.recorder.requests)}
            case "DELETE", "/echo/requests":
                self.recorder.clear()
                self._times.forget()
                return 200, {}
            case "GET", "/echo/totals":
                return 200, self.recorder.totals()
            case "GET", "/echo/service-account":
                return 200, self._vertex.account.file(token_uri(request))
            case "DELETE", "/echo/tokens":
                self._vertex.account.forget()
                return 200, {}
            case "GET", "/echo/received":
                return 200, {"requests": self.recorder.received()}
            case "GET", "/echo/last":
                return 200, self.recorder.last()
        return 404, {"error": {"message": f"echo: no {request.method} {request.path}"}}


async def _refuse_head(connection: Connection, refusal: Refusal) -> None:
    body = encoded({"error": {"message": refusal.message}})
    with contextlib.suppress(ClientGone):
        await connection.write_whole(refusal.status, [*_JSON, ("connection", "close")], body)
        await connection.drop_input()


def _record(request: Request, dialect: str) -> Record:
    headers = request.headers
    request_id = headers.get("x-client-request-id") or headers.get("x-request-id", "")
    path, method = request.path, request.method
    return Record(request_id=request_id, dialect=dialect, endpoint=path, method=method)


def _described(request: Request) -> dict[str, Any]:
    return {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": request.headers,
    }


def _query(request: Request) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(request.query).items()}


def _models(request: Request, dialect: Dialect) -> dict[str, Any]:
    """The list, or one model. Raises `Refusal` (404) for one that there is not."""
    if dialect is gemini.GEMINI:
        return gemini.listed_models(request.path)
    if request.path == MODELS:
        if dialect is OPENAI:
            return models.openai_models()
        query = _query(request)
        return models.anthropic_models(
            query.get("limit"), query.get("after_id"), query.get("before_id")
        )
    model = request.path.removeprefix(f"{MODELS}/")
    if dialect is OPENAI:
        if models.openai_served(model) is None:
            raise openai_no_such_model(model)
        return models.openai_model(model)
    if models.anthropic_served(model) is None:
        raise anthropic_no_such_model(model)
    return models.anthropic_model(model)
