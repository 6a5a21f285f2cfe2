"""A good request for every metered endpoint, in bytes, to be sent, changed or spoilt."""

import json
from typing import Any, NamedTuple

from tests.support.forms import form_of, part

# A second of 16 kHz silence would do as well: what is no WAVE file counts by its size.
RECORDING = b"ID3\x04\r\n\r\n--\x00\xff" + b"\x00" * 4000
PICTURE = b"\x89PNG\r\n\x1a\n\r\n\r\n" + b"\x01" * 300


class Asked(NamedTuple):
    """One request: where it goes and what is sent."""

    path: str
    body: bytes
    content_type: str

    @property
    def options(self) -> dict[str, Any]:
        """For `httpx.Client.post`."""
        headers = {"content-type": self.content_type}
        return {"url": self.path, "content": self.body, "headers": headers}


_TURNS = [{"role": "user", "content": "hello my world"}]
_JSON: dict[str, tuple[str, dict[str, Any]]] = {
    "chat.completions": ("/v1/chat/completions", {"model": "gpt-4o-mini", "messages": _TURNS}),
    "completions": (
        "/v1/completions",
        {"model": "gpt-3.5-turbo-instruct", "prompt": "hello my world"},
    ),
    "messages": (
        "/v1/messages",
        {"model": "claude-sonnet-4-5", "max_tokens": 500, "messages": _TURNS},
    ),
    "messages.count_tokens": (
        "/v1/messages/count_tokens",
        {"model": "claude-sonnet-4-5", "messages": _TURNS},
    ),
    "responses": ("/v1/responses", {"model": "gpt-4o-mini", "input": "hello my world"}),
    "embeddings": (
        "/v1/embeddings",
        {"model": "text-embedding-3-small", "input": "hello my world"},
    ),
    "moderations": (
        "/v1/moderations",
        {"model": "omni-moderation-latest", "input": "hello my world"},
    ),
    "images.generations": (
        "/v1/images/generations",
        {"model": "gpt-image-1", "prompt": "hello my world"},
    ),
    "audio.speech": (
        "/v1/audio/speech",
        {"model": "gpt-4o-mini-tts", "input": "hello my world", "voice": "alloy"},
    ),
}
_FORMS: dict[str, tuple[str, dict[str, bytes], dict[str, bytes]]] = {
    "images.edits": (
        "/v1/images/edits",
        {"image": part("image", PICTURE, "a.png", b"\r\nContent-Type: image/png")},
        {"model": b"gpt-image-1", "prompt": b"hello my world"},
    ),
    "images.variations": (
        "/v1/images/variations",
        {"image": part("image", PICTURE, "a.png", b"\r\nContent-Type: image/png")},
        {"model": b"dall-e-2"},
    ),
    "audio.transcriptions": (
        "/v1/audio/transcriptions",
        {"file": part("file", RECORDING, "a.mp3", b"\r\nContent-Type: audio/mpeg")},
        {"model": b"gpt-4o-transcribe", "prompt": b"hello my world"},
    ),
    "audio.translations": (
        "/v1/audio/translations",
        {"file": part("file", RECORDING, "a.mp3", b"\r\nContent-Type: audio/mpeg")},
        {"model": b"whisper-1", "prompt": b"hello my world"},
    ),
}
JSON_ENDPOINTS = tuple(_JSON)
FORM_ENDPOINTS = tuple(_FORMS)
METERED = JSON_ENDPOINTS + FORM_ENDPOINTS
PATHS = {name: given[0] for name, given in {**_JSON, **_FORMS}.items()}


def members_of(endpoint: str) -> dict[str, Any]:
    """The members of a good JSON body."""
    return dict(_JSON[endpoint][1])


def asked(endpoint: str, **members: Any) -> Asked:
    """A good request with these members on top; those that are None are left out.

    In forms they are the bytes of the fields; a field's file is left out by its name.
    """
    if endpoint in _JSON:
        path, given = _JSON[endpoint]
        body = {name: value for name, value in (given | members).items() if value is not None}
        return Asked(path, json.dumps(body).encode(), "application/json")
    path, files, fields = _FORMS[endpoint]
    parts = [value for name, value in files.items() if members.get(name, b"") is not None]
    texts = {name: value for name, value in (fields | members).items() if name not in files}
    parts += [part(name, value) for name, value in texts.items() if value is not None]
    return Asked(path, *form_of(*parts))
