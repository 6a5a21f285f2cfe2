"""The ASGI application: models are loaded before it listens, so that listening is being ready."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from common.asgi import (
    HEALTH_PATHS,
    BodyTooLarge,
    Receive,
    Send,
    answer,
    answer_health,
    read_body,
    run_lifespan,
)
from common.pii.wire import (
    AUTHORIZATION,
    BODY_BYTES_MAX,
    FIND_PATH,
    TEXTS_MAX,
    Ask,
    Findings,
    Problem,
    Span,
    authorization,
)
from common.redaction.pieces import pieces
from common.secrets import constant_time_equal
from common.settings import PiiSettings, SettingsError, pii_settings
from common.telemetry import catalogue, logs
from functions.pii.batches import Batches, QueueFull
from functions.pii.recognizers import find

if TYPE_CHECKING:
    from functions.pii.model import LanguageModel

_ask_decoder = msgspec.json.Decoder(Ask)


class Refused(Exception):
    """A request that is not served; the text repeats nothing of it."""

    def __init__(self, status: int, detail: str, retry_after_s: int = 0) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after_s = retry_after_s


class Application:
    """`POST /find`, and the health checks."""

    def __init__(self) -> None:
        self._models: dict[str, LanguageModel] = {}
        self._batches: Batches | None = None
        self._authorization = ""
        self._default = ""

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """ASGI 3.0."""
        if scope["type"] == "lifespan":
            await run_lifespan(receive, send, self._start, self._stop)
        elif scope["type"] == "http":
            if self._batches is None:
                self._start()  # the framework's entry has no lifespan
            if scope["path"] in HEALTH_PATHS:
                await answer_health(send)
            else:
                await self._serve(scope, receive, send)

    def _start(self) -> None:
        settings = pii_settings()
        self._models = _load(settings)
        self._authorization = authorization(settings.internal_secret)
        self._default = next(iter(self._models))
        analysers = {language: partial(_analyse, one) for language, one in self._models.items()}
        self._batches = Batches(analysers, settings.models.queue_characters)
        versions = {language: one.version for language, one in self._models.items()}
        logs.log("models_loaded", models=versions)

    async def _stop(self, within_s: float) -> None:
        if self._batches is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._batches.close(), within_s)

    async def _serve(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        status, headers = 200, [(b"content-type", b"application/json")]
        try:
            body = msgspec.json.encode(await self._answer(scope, receive))
        except ConnectionResetError:
            status, body = 499, b""
        except Refused as refused:
            status = refused.status
            headers = [(b"content-type", b"application/problem+json")]
            if refused.retry_after_s:
                headers.append((b"retry-after", str(refused.retry_after_s).encode()))
            body = msgspec.json.encode(Problem(str(refused), status, refused.detail))
        catalogue.REQUESTS.increment(function="pii", endpoint="find", status=str(status))
        if status != 499:
            await answer(send, status, headers, body)

    async def _answer(self, scope: dict[str, Any], receive: Receive) -> Findings:
        """Raises `Refused`, and `ConnectionResetError` when the caller left."""
        if (scope["method"], scope["path"]) != ("POST", FIND_PATH):
            raise Refused(404, f"there is POST {FIND_PATH}, and nothing else")
        given = dict(scope["headers"]).get(AUTHORIZATION.encode(), b"").decode("latin-1")
        if not constant_time_equal(given, self._authorization):
            raise Refused(401, "not the token that is derived from RELAY_INTERNAL_SECRET")
        ask = _read(await _body(receive))
        language = ask.language or self._default
        if (model := self._models.get(language)) is None:
            language, model = self._default, self._models[self._default]
        found = await _unless_gone(self._find(language, ask.texts), receive)
        return Findings(model.version, found)

    async def _find(self, language: str, texts: list[str]) -> list[list[Span]]:
        """Long texts in pieces, and their findings together again."""
        places = [(number, one) for number, text in enumerate(texts) for one in pieces(text)]
        batches = self._batches
        if batches is None:
            raise Refused(503, "not started", 1)
        try:
            found = await batches.find(language, [one.text for _, one in places])
        except QueueFull as full:
            raise Refused(503, "too much text waits", full.retry_after_s) from None
        spans: list[list[Span]] = [[] for _ in texts]
        for (number, piece), ones in zip(places, found, strict=True):
            spans[number] += [
                (piece.start + start, piece.start + end, entity, score)
                for start, end, entity, score in ones
            ]
        return spans


def _load(settings: PiiSettings) -> "dict[str, LanguageModel]":
    try:
        from functions.pii.model import LanguageModel
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"the package {error.name} is not installed: `pip install --require-hashes -r "
            "requirements/pii.txt`, or use the image `relay-pii`"
        ) from None
    packages = settings.models.packages
    return {language: LanguageModel(language, name) for language, name in packages.items()}


def _analyse(model: "LanguageModel", texts: Sequence[str]) -> list[list[Span]]:
    labelled = model.labels(texts)
    return [
        [(one.start, one.end, one.entity, one.score) for one in find(text, labels)]
        for text, labels in zip(texts, labelled, strict=True)
    ]


async def _body(receive: Receive) -> bytes:
    try:
        return await read_body(receive, BODY_BYTES_MAX)
    except BodyTooLarge:
        raise Refused(413, f"the body may have {BODY_BYTES_MAX} bytes") from None


def _read(body: bytes) -> Ask:
    try:
        ask = _ask_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused(400, 'the body must be {"texts": ["…"], "language": "en"}') from None
    if len(ask.texts) > TEXTS_MAX:
        raise Refused(400, f"texts: at most {TEXTS_MAX}, not {len(ask.texts)}")
    return ask


async def _unless_gone(work: Any, receive: Receive) -> Any:
    """What `work` gives. Raises `ConnectionResetError` once the caller has left."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_leaving(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ConnectionResetError("the caller left")
        return working.result()
    finally:
        leaving.cancel()
        working.cancel()


async def _leaving(receive: Callable[[], Any]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
