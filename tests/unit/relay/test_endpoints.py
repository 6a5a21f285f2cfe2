"""The routes: all of them known here, each metered or saying why not, each found by its path."""

import pytest

from common.dialects import DIALECTS, OPERATIONS
from common.domain.access import ALL_SCOPES
from functions.relay.endpoints import ENDPOINTS, Endpoint, dialect_of, find_endpoint, methods_of

# Whoever adds a route adds it here too: path, methods, scope, dialect, whether it is metered.
ROUTES = {
    "chat.completions": ("/v1/chat/completions", "POST", "chat", "openai", True),
    "completions": ("/v1/completions", "POST", "chat", "openai", True),
    "messages": ("/v1/messages", "POST", "messages", "anthropic", True),
    "messages.count_tokens": ("/v1/messages/count_tokens", "POST", "messages", "anthropic", True),
    "messages.batches": ("/v1/messages/batches", "POST", "messages", "anthropic", True),
    "messages.batches.list": ("/v1/messages/batches", "GET", "messages", "anthropic", False),
    "messages.batches.stored": (
        "/v1/messages/batches/{id}", "GET DELETE", "messages", "anthropic", False,
    ),
    "messages.batches.cancel": (
        "/v1/messages/batches/{id}/cancel", "POST", "messages", "anthropic", False,
    ),
    "messages.batches.results": (
        "/v1/messages/batches/{id}/results", "GET", "messages", "anthropic", False,
    ),
    "responses": ("/v1/responses", "POST", "responses", "openai", True),
    "responses.stored": ("/v1/responses/{id}", "GET DELETE", "responses", "openai", False),
    "responses.cancel": ("/v1/responses/{id}/cancel", "POST", "responses", "openai", False),
    "responses.input_items": (
        "/v1/responses/{id}/input_items", "GET", "responses", "openai", False,
    ),
    "files": ("/v1/files", "POST", None, "openai", False),
    "files.list": ("/v1/files", "GET", None, "openai", False),
    "files.stored": ("/v1/files/{id}", "GET DELETE", None, "openai", False),
    "files.content": ("/v1/files/{id}/content", "GET", None, "openai", False),
    "batches": ("/v1/batches", "POST", None, "openai", True),
    "batches.list": ("/v1/batches", "GET", None, "openai", False),
    "batches.stored": ("/v1/batches/{id}", "GET", None, "openai", False),
    "batches.cancel": ("/v1/batches/{id}/cancel", "POST", None, "openai", False),
    "embeddings": ("/v1/embeddings", "POST", "embeddings", "openai", True),
    "moderations": ("/v1/moderations", "POST", "moderations", "openai", True),
    "images.generations": ("/v1/images/generations", "POST", "images", "openai", True),
    "images.edits": ("/v1/images/edits", "POST", "images", "openai", True),
    "images.variations": ("/v1/images/variations", "POST", "images", "openai", True),
    "audio.speech": ("/v1/audio/speech", "POST", "audio", "openai", True),
    "audio.transcriptions": ("/v1/audio/transcriptions", "POST", "audio", "openai", True),
    "audio.translations": ("/v1/audio/translations", "POST", "audio", "openai", True),
    "gemini.generate": ("/v1beta/models/{id}:generateContent", "POST", "chat", "gemini", True),
    "gemini.stream": ("/v1beta/models/{id}:streamGenerateContent", "POST", "chat", "gemini", True),
    "gemini.count_tokens": ("/v1beta/models/{id}:countTokens", "POST", "chat", "gemini", True),
    "gemini.embed": (
        "/v1beta/models/{id}:embedContent", "POST", "embeddings", "gemini", True,
    ),
    "gemini.batch_embed": (
        "/v1beta/models/{id}:batchEmbedContents", "POST", "embeddings", "gemini", True,
    ),
    "gemini.models": ("/v1beta/models", "GET", "models", "gemini", False),
    "gemini.model": ("/v1beta/models/{id}", "GET", "models", "gemini", False),
    "models": ("/v1/models", "GET", "models", None, False),
    "model": ("/v1/models/{id}", "GET", "models", None, False),
    "key": ("/v1/key", "GET", None, None, False),
}  # fmt: skip
EVERY = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)


def test_every_route_is_known_here():
    found = {
        endpoint.name: (
            endpoint.path,
            " ".join(endpoint.methods),
            endpoint.scope,
            endpoint.dialect,
            not endpoint.unmetered_because,
        )
        for endpoint in ENDPOINTS
    }
    assert found == ROUTES
    assert len(ENDPOINTS) == len(ROUTES)


def test_no_operation_is_without_a_route():
    routed = {endpoint.name for endpoint in ENDPOINTS if endpoint.kind == "forward"}
    # Nobody speaks that to Relay; it reads what a provider answers.
    assert routed == set(OPERATIONS) - {"bedrock.converse"}


@EVERY
def test_a_route_is_metered_or_says_why_not(endpoint):
    if endpoint.kind == "forward":
        assert not endpoint.unmetered_because
        assert OPERATIONS[endpoint.name].media_type in ("application/json", "multipart/form-data")
    else:
        assert len(endpoint.unmetered_because.split()) >= 3


@EVERY
def test_scope_and_dialect_exist(endpoint):
    assert endpoint.scope is None or endpoint.scope in ALL_SCOPES
    assert endpoint.dialect is None or endpoint.dialect in DIALECTS
    # Only what is about the key itself is open to every key, and files, which use nothing; a batch
    # needs the scope of what its file asks for.
    open_to_all = endpoint.name.partition(".")[0] in ("key", "files", "batches")
    assert (endpoint.scope is None) == open_to_all


def test_no_scope_is_without_a_route():
    assert {endpoint.scope for endpoint in ENDPOINTS} - {None} == set(ALL_SCOPES)


@pytest.mark.parametrize(
    ("name", "kind", "because"),
    [
        ("uploads", "forward", ""),
        ("uploads", "forward", "nobody would pay for it"),
        ("embeddings", "forward", "it is cheap"),
        ("uploads", "stored", ""),
        ("models", "models", ""),
    ],
)
def test_a_route_without_a_meter_cannot_be_made(name, kind, because):
    with pytest.raises(ValueError, match=name):
        Endpoint(name, "/v1/x", ("POST",), "chat", "openai", kind, because)


@EVERY
def test_a_route_is_found_by_its_path(endpoint):
    path = endpoint.path.replace("{id}", "an-id")
    for method in endpoint.methods:
        identifier = "an-id" if path != endpoint.path else ""
        assert find_endpoint(path, method) == (endpoint, identifier)
        assert method in methods_of(find_endpoint(path, "PATCH")[0])


@pytest.mark.parametrize(
    ("path", "name", "identifier"),
    [
        ("/v1/models/org/model:v1", "model", "org/model:v1"),
        ("/v1/models/models", "model", "models"),
        ("/v1beta/models/llama3:8b", "gemini.model", "llama3:8b"),
        ("/v1beta/models/a/llama3:8b:generateContent", "gemini.generate", "a/llama3:8b"),
        ("/v1/responses/cancel", "responses.stored", "cancel"),
        ("/v1/responses/cancel/cancel", "responses.cancel", "cancel"),
        ("/v1/responses/résp", "responses.stored", "résp"),
    ],
)
def test_what_an_id_may_be(path, name, identifier):
    endpoint, found = find_endpoint(path)
    assert (endpoint.name, found) == (name, identifier)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/v1",
        "/v1/",
        "/v1/chat/completions/",
        "/V1/chat/completions",
        "//v1/embeddings",
        "/v1/embeddings/1",
        "/v1/responses/",
        "/v1/responses//cancel",
        "/v1/responses/a/b/cancel",
        "/v1/responses/a/cancel/",
        "/v1/responses/a/other",
        "/v1/models/",
        "/v1/key/1",
        "/v1/responsesXa",
    ],
)
def test_other_paths_have_no_route(path):
    assert find_endpoint(path) == (None, "")


def test_googles_methods_stand_below_v1_too():
    path = "/v1/models/a/llama3:8b:streamGenerateContent"
    endpoint, found = find_endpoint(path, "POST")
    assert (endpoint.name, found) == ("gemini.stream", "a/llama3:8b")
    assert find_endpoint("/v1/models/a", "GET")[0].name == "model"


def test_the_dialect_where_a_route_leaves_it_open():
    anthropic = [(b"anthropic-version", b"2023-06-01")]
    for path in ("/v1/models", "/v1/nothing", "/v1/key"):
        assert dialect_of(path, []) == "openai"
        assert dialect_of(path, [(b"x", b"anthropic-version")]) == "openai"
        assert dialect_of(path, anthropic) == "anthropic"
        assert dialect_of(path, [(b"x-goog-api-client", b"google-genai-sdk/3")]) == "gemini"
    assert dialect_of("/v1/messages/batches", []) == "anthropic"
    assert dialect_of("/v1beta/nothing", anthropic) == "gemini"
