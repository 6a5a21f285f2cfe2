"""One request to the provider and its answer, with the faults that it asks for."""

import time
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import msgspec

from echo_provider.connection import ClientGone, Connection, Request
from echo_provider.dialects import Dialect, Headers, new_request_id
from echo_provider.faults import HEADER, NO_FAULTS, Faults, Times, parse_faults, split_directives
from echo_provider.multipart import parse_form
from echo_provider.record import Record
from echo_provider.refusals import Refusal, encoded
from echo_provider.replies import JSON, Endpoint, Manner, Pieces, Reply
from echo_provider.sending import Broken, send_events

_JSON = ("content-type", JSON)
_GARBAGE = {
    "html": ("text/html", b"<html><body><h1>502 Bad Gateway</h1></body></html>\n"),
    "json": ("application/json", b'{"unexpected":[1,null,"two"]}'),
    "binary": ("application/octet-stream", bytes(range(256)) * 4),
}
_WITHOUT_BODY = {204, 304}
# Faults that would be a test of nothing where they cannot happen.
_EVENT_FAULTS = ("error_after", "garbage_after")
_STREAM_FAULTS = ("cut_after", "stall_after", "reset_after", *_EVENT_FAULTS)
_CONTENT_FAULTS = (
    *("chunks", "words", "bytes", "huge_event", "usage", "cached", "cache_write"),
    *("cache_write_1h", "reasoning", "thoughts", "failed", "background_ms"),
)


class Exchange:
    """Answers one request; `record` is filled in on the way."""

    def __init__(
        self,
        connection: Connection,
        request: Request,
        dialect: Dialect,
        record: Record,
        times: Times,
    ) -> None:
        self._connection = connection
        self._request = request
        self._dialect = dialect
        self._record = record
        self._times = times
        self._faults = NO_FAULTS
        self._request_id = new_request_id()
        self._start = time.monotonic()

    async def post(self, endpoint: Endpoint) -> None:
        """Answer a POST.

        Raises `ClientGone`, or `Broken` when the connection must be closed.
        """
        try:
            self._authenticate()
            await self._generate(endpoint, self._decoded(endpoint))
        except Refusal as refusal:
            await self._refuse(refusal)

    async def get(self, make: Callable[[], dict[str, Any] | bytes]) -> None:
        """Answer a GET with what `make` gives; bytes are lines of JSON. Raises like `post`."""
        try:
            self._authenticate()
            self._faults = parse_faults(self._header_faults(), self._times)
            _check_applicable(self._faults, "whole", frozenset(), self._request.path)
            if not await self._spoil():
                made = make()
                if isinstance(made, bytes):
                    await self._send_whole(made, "application/x-jsonl")
                else:
                    await self._send_whole(encoded(made))
        except Refusal as refusal:
            await self._refuse(refusal)

    async def refuse(self, refusal: Refusal) -> None:
        """Answer with an error. Raises `ClientGone`."""
        await self._refuse(refusal)

    def _authenticate(self) -> None:
        self._dialect.authenticate(self._request)

    def _decoded(self, endpoint: Endpoint) -> dict[str, Any]:
        if endpoint.multipart:
            content_type = self._request.headers.get("content-type", "")
            body = parse_form(content_type, self._request.body)
        else:
            body = self._json()
        model = body.get("model")
        self._record.model = endpoint.model or (model if isinstance(model, str) else "")
        self._record.stream = body.get("stream") is True or body.get("stream") == "true"
        return body

    def _json(self) -> dict[str, Any]:
        try:
            body = msgspec.json.decode(self._request.body)
        except (ValueError, RecursionError) as error:
            raise Refusal(400, self._dialect.bad_json) from error
        if not isinstance(body, dict):
            raise Refusal(400, self._dialect.bad_json)
        return body

    def _header_faults(self) -> list[str]:
        header = self._request.headers.get(HEADER)
        return [] if header is None else [header]

    async def _generate(self, endpoint: Endpoint, body: dict[str, Any]) -> None:
        wanted = endpoint.parse(body)
        self._record.stream = wanted.manner == "events"
        directives, text = split_directives(wanted.text)
        faults = parse_faults(self._header_faults() + directives, self._times)
        self._faults = faults
        _check_applicable(faults, wanted.manner, endpoint.faults, self._request.path)
        reply = wanted.reply(faults, text)
        if await self._spoil():
            return
        if reply.pieces is not None and self._status not in _WITHOUT_BODY:
            await self._send_pieces(reply, reply.pieces)
        else:
            whole = reply.whole()
            self._record.count(reply.usage, reply.usage.completion)
            await self._send_whole(whole, reply.content_type)

    @property
    def _status(self) -> int:
        return self._faults.status or 200

    async def _spoil(self) -> bool:
        """Wait as long as asked to; whether something else was answered than an answer.

        Raises `Refusal` for an asked error, and `Broken` after an asked reset.
        """
        faults = self._faults
        if faults.delay_ms:
            await self._connection.pause(faults.delay_ms / 1000)
        if faults.reset:
            await self._connection.reset()
            raise Broken
        if faults.redirect is not None:
            status = self._status if 300 <= self._status < 400 else 302
            await self._send(status, [("location", faults.redirect)], b"")
        elif faults.empty_body:
            await self._send(self._status, [_JSON], b"")
        elif faults.error_body:
            error = self._dialect.error(self._dialect.failure, self._request_id)
            await self._send(self._status, [_JSON], error)
        elif faults.garbage is not None:
            content_type, body = _GARBAGE[faults.garbage]
            await self._send(self._status, [("content-type", content_type)], body)
        elif self._status >= 400:
            refusal = _asked_refusal(self._status, faults.code)
            refusal.retry_after = faults.retry_after
            raise refusal
        else:
            return False
        return True

    async def _send_whole(self, body: bytes, content_type: str = JSON) -> None:
        header = ("content-type", content_type)
        if self._faults.half_json is not None:
            await self._send_half(body, self._faults.half_json, header)
            return
        await self._send(self._status, [header], body)
        await self._connection.flush()
        self._record.completed = True

    async def _send_half(self, body: bytes, manner: str, header: tuple[str, str]) -> None:
        half = body[: len(body) // 2]
        if manner == "exact":
            await self._send(self._status, [header], half)
            return
        framing = ("content-length", str(len(half if manner == "excess" else body)))
        if manner == "close":
            framing = ("connection", "close")
        await self._send_head([header, framing])
        await self._connection.write(body if manner == "excess" else half)
        if manner == "stall":
            await self._connection.wait_until_gone()
        elif manner == "reset":
            await self._connection.reset()
        raise Broken

    async def _send_pieces(self, reply: Reply, pieces: Pieces) -> None:
        await self._send_head(
            [
                ("content-type", pieces.content_type),
                ("cache-control", "no-cache"),
                ("transfer-encoding", "chunked"),
            ]
        )
        self._record.count(reply.usage, reply.usage.reasoning)
        dialect = self._dialect
        error_event = pieces.error_event or dialect.error_event
        self._record.completed = await send_events(
            self._connection,
            pieces.make(),
            self._faults,
            self._record,
            error_event=error_event(dialect.failure, self._request_id),
            garbage_event=pieces.garbage_event or dialect.garbage_event,
        )

    async def _refuse(self, refusal: Refusal) -> None:
        body = self._dialect.error(refusal, self._request_id)
        headers = [_JSON, *refusal.headers, *self._dialect.error_headers(refusal)]
        await self._send(refusal.status, headers, body)

    async def _send(self, status: int, headers: Headers, body: bytes) -> None:
        self._begin(status)
        if status in _WITHOUT_BODY:
            await self._connection.write_head(status, self._headers(headers))
        else:
            await self._connection.write_whole(status, self._headers(headers), body)

    async def _send_head(self, headers: Headers) -> None:
        self._begin(self._status)
        await self._connection.write_head(self._status, self._headers(headers))

    def _begin(self, status: int) -> None:
        if self._connection.gone.is_set():
            raise ClientGone
        self._record.status = status

    def _headers(self, headers: Headers) -> Headers:
        milliseconds = (time.monotonic() - self._start) * 1000
        common = self._dialect.headers(self._request_id, milliseconds)
        if self._faults.retry_after is not None:
            common.append(("retry-after", self._faults.retry_after))
        if not self._request.keep_alive:
            common.append(("connection", "close"))
        return headers + common


def _check_applicable(faults: Faults, manner: Manner, content: frozenset[str], path: str) -> None:
    """Raises `Refusal` (400) for a fault that cannot happen in this answer.

    `content` are the faults that change what is generated at this path.
    """
    if manner == "whole":
        _refuse_any(faults, _STREAM_FAULTS, "is for streams only")
    else:
        _refuse_any(faults, ("half_json",), "is for whole answers only")
    if manner == "file":
        _refuse_any(faults, _EVENT_FAULTS, "is for streams of events only")
    others = tuple(name for name in _CONTENT_FAULTS if name not in content)
    _refuse_any(faults, others, f"does nothing at {path}")


_DEFAULTS = {field.name: field.default for field in fields(Faults)}


def _refuse_any(faults: Faults, names: tuple[str, ...], why: str) -> None:
    if faults is NO_FAULTS:
        return
    for name in names:
        if getattr(faults, name) != _DEFAULTS[name]:
            raise Refusal(400, f"echo: fault {name!r} {why}")


def _asked_refusal(status: int, code: str | None) -> Refusal:
    # OpenAI has this word both as the type and as the code.
    kind = code if code == "insufficient_quota" else None
    message = f"echo: status {status} was asked for"
    return Refusal(status, message, kind=kind, code=code, anthropic_kind=code)
