"""The routes of the data plane: path and methods to dialect, scope and meter."""

import re
from typing import Literal

import msgspec

from common.dialects import OPERATIONS

# What serves a route: `forward` is admitted and settled, everything else uses nothing.
Kind = Literal["forward", "stored", "upload", "batches", "models", "model", "key"]


class Endpoint(msgspec.Struct, frozen=True):
    """One route. `path` may end in `{id}` and more; `dialect` None means the caller's headers tell.

    A route cannot be made without a meter: what is forwarded needs an operation that reads its
    usage, anything else must say why it uses nothing.
    """

    name: str
    path: str
    methods: tuple[str, ...]
    scope: str | None
    dialect: str | None
    kind: Kind = "forward"
    unmetered_because: str = ""

    def __post_init__(self) -> None:
        """Raises `ValueError` for a route without a meter."""
        if self.kind == "forward" and self.name not in OPERATIONS:
            raise ValueError(f"{self.name} has no operation that reads what it uses")
        if (self.kind == "forward") == bool(self.unmetered_because):
            raise ValueError(f"{self.name} is either metered or says why not")


def _forwarded(name: str, path: str, scope: str, dialect: str = "openai") -> Endpoint:
    return Endpoint(name, path, ("POST",), scope, dialect)


def _stored(name: str, path: str, *methods: str) -> Endpoint:
    return Endpoint(
        name, path, methods, "responses", "openai", "stored",
        "the response was billed when it was made",
    )  # fmt: skip


def _batch(name: str, path: str, *methods: str, kind: Kind = "stored") -> Endpoint:
    return Endpoint(
        name, path, methods, "messages", "anthropic", kind, "the batch is billed when it has ended"
    )


def _kept(name: str, path: str, *methods: str, kind: Kind = "stored") -> Endpoint:
    """Files and batches of OpenAI's; making a batch needs the scope of what it asks for."""
    why = "a file uses nothing" if name.startswith("files") else "the batch is billed at its end"
    return Endpoint(name, path, methods, None, "openai", kind, why)


def _gemini(name: str, method: str, scope: str = "chat") -> Endpoint:
    return _forwarded(f"gemini.{name}", f"/v1beta/models/{{id}}:{method}", scope, "gemini")


ENDPOINTS = (
    _forwarded("chat.completions", "/v1/chat/completions", "chat"),
    _forwarded("completions", "/v1/completions", "chat"),
    _forwarded("messages", "/v1/messages", "messages", "anthropic"),
    _forwarded("messages.count_tokens", "/v1/messages/count_tokens", "messages", "anthropic"),
    _forwarded("messages.batches", "/v1/messages/batches", "messages", "anthropic"),
    _batch("messages.batches.list", "/v1/messages/batches", "GET", kind="batches"),
    _batch("messages.batches.stored", "/v1/messages/batches/{id}", "GET", "DELETE"),
    _batch("messages.batches.cancel", "/v1/messages/batches/{id}/cancel", "POST"),
    _batch("messages.batches.results", "/v1/messages/batches/{id}/results", "GET"),
    _forwarded("responses", "/v1/responses", "responses"),
    _stored("responses.stored", "/v1/responses/{id}", "GET", "DELETE"),
    _stored("responses.cancel", "/v1/responses/{id}/cancel", "POST"),
    _stored("responses.input_items", "/v1/responses/{id}/input_items", "GET"),
    _kept("files", "/v1/files", "POST", kind="upload"),
    _kept("files.list", "/v1/files", "GET", kind="batches"),
    _kept("files.stored", "/v1/files/{id}", "GET", "DELETE"),
    _kept("files.content", "/v1/files/{id}/content", "GET"),
    Endpoint("batches", "/v1/batches", ("POST",), None, "openai"),
    _kept("batches.list", "/v1/batches", "GET", kind="batches"),
    _kept("batches.stored", "/v1/batches/{id}", "GET"),
    _kept("batches.cancel", "/v1/batches/{id}/cancel", "POST"),
    _forwarded("embeddings", "/v1/embeddings", "embeddings"),
    _forwarded("moderations", "/v1/moderations", "moderations"),
    _forwarded("images.generations", "/v1/images/generations", "images"),
    _forwarded("images.edits", "/v1/images/edits", "images"),
    _forwarded("images.variations", "/v1/images/variations", "images"),
    _forwarded("audio.speech", "/v1/audio/speech", "audio"),
    _forwarded("audio.transcriptions", "/v1/audio/transcriptions", "audio"),
    _forwarded("audio.translations", "/v1/audio/translations", "audio"),
    _gemini("generate", "generateContent"),
    _gemini("stream", "streamGenerateContent"),
    _gemini("count_tokens", "countTokens"),
    _gemini("embed", "embedContent", "embeddings"),
    _gemini("batch_embed", "batchEmbedContents", "embeddings"),
    Endpoint("models", "/v1/models", ("GET",), "models", None, "models", "answered by relay"),
    Endpoint("model", "/v1/models/{id}", ("GET",), "models", None, "model", "answered by relay"),
    Endpoint(
        "gemini.models",
        "/v1beta/models",
        ("GET",),
        "models",
        "gemini",
        "models",
        "answered by relay",
    ),
    Endpoint(
        "gemini.model",
        "/v1beta/models/{id}",
        ("GET",),
        "models",
        "gemini",
        "model",
        "answered by relay",
    ),
    Endpoint("key", "/v1/key", ("GET",), None, None, "key", "answered by relay"),
)
# A path's routes by method.
_BY_PATH: dict[str, dict[str, Endpoint]] = {}
for _endpoint in ENDPOINTS:
    if "{" not in _endpoint.path:
        _BY_PATH.setdefault(_endpoint.path, {}).update(dict.fromkeys(_endpoint.methods, _endpoint))
# A model's name may have slashes, a response's id has none.
_ID = {"model": "(.+)", "forward": "(.+)", "stored": "([^/]+)"}
_GOOGLES_HEADERS = (b"x-goog-api-client", b"x-goog-api-key")
_GOOGLES_V1 = "/v1/models/"
_PATTERNS = tuple(
    (endpoint, re.compile(endpoint.path.replace("{id}", _ID[endpoint.kind])))
    for endpoint in ENDPOINTS
    if "{" in endpoint.path
)


def find_endpoint(path: str, method: str = "") -> tuple[Endpoint | None, str]:
    """The route of a path and the id in it; None for an unknown path.

    For a method that the path does not take it is one of the path's routes. Google's methods are
    found below `/v1` too, which its newer clients ask for.
    """
    if (found := _BY_PATH.get(path)) is not None:
        return found.get(method) or next(iter(found.values())), ""
    if method == "POST" and path.startswith(_GOOGLES_V1) and ":" in path:
        path = path.replace("/v1", "/v1beta", 1)
    for endpoint, pattern in _PATTERNS:
        if (match := pattern.fullmatch(path)) is not None:
            return endpoint, match[1]
    return None, ""


def methods_of(endpoint: Endpoint) -> tuple[str, ...]:
    """The methods that the path of a route takes."""
    return tuple(_BY_PATH.get(endpoint.path, endpoint.methods))


def dialect_of(path: str, headers: list[tuple[bytes, bytes]]) -> str:
    """The dialect to answer in where the route leaves it open, or there is no route.

    Anthropic's API requires `anthropic-version` on every call, so its clients always send it;
    Google's always say who they are.
    """
    if path.startswith("/v1/messages"):
        return "anthropic"
    if path.startswith("/v1beta/"):
        return "gemini"
    for name, _ in headers:
        if name == b"anthropic-version":
            return "anthropic"
        if name in _GOOGLES_HEADERS:
            return "gemini"
    return "openai"
