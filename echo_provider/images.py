"""POST /v1/images/generations, /edits, /variations: one pixel, at the price of a real picture."""

import base64
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from echo_provider.ask import WHOLE_BYTES_MAX, Usage
from echo_provider.checks import Fields, OpenAIComplaints
from echo_provider.events import Event, named_event
from echo_provider.faults import Faults
from echo_provider.multipart import files_of, typed
from echo_provider.openai_requests import TOKENS_PER_ATTACHMENT, known_model
from echo_provider.refusals import Refusal, encoded
from echo_provider.replies import Pieces, Reply, Wanted
from echo_provider.tokens import count_tokens

COUNT_MAX = 10
PARTIAL_MAX = 3
PARTIAL_TOKENS = 100
MODEL_DEFAULT = "dall-e-2"
URL = "https://images.invalid/echo.png"
# Output tokens of one picture: square, and not square.
_TOKENS = {"low": (272, 408), "medium": (1056, 1584), "high": (4160, 6240)}
_QUALITIES = ("low", "medium", "high", "xhigh", "max", "auto", "standard", "hd")
_SQUARE = "1024x1024"
_VARIATION_SIZES = ("256x256", "512x512", _SQUARE)
_NUMBERS = {
    "n": "integer",
    "partial_images": "integer",
    "output_compression": "integer",
    "stream": "boolean",
}
_COMPLAINTS = OpenAIComplaints()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """A checked request; `inputs` are the pictures that came with it."""

    kind: str
    model: str
    prompt: str
    count: int
    quality: str
    size: str
    output_format: str
    background: str
    stream: bool
    partial: int
    inputs: int
    url: bool

    @property
    def by_token(self) -> bool:
        """Whether the model counts tokens; older ones count pictures."""
        return not self.model.startswith("dall-e")


def parse_generation(body: dict[str, Any]) -> Wanted:
    """The request, checked (platform.openai.com/docs/api-reference/images/create).

    Raises `Refusal` as api.openai.com does.
    """
    return _wanted(_picture(Fields(body, _COMPLAINTS), "image_generation", 0))


def parse_edit(body: dict[str, Any]) -> Wanted:
    """The form, checked (platform.openai.com/docs/api-reference/images/createEdit).

    Raises `Refusal` as api.openai.com does.
    """
    inputs = files_of(body, "image")
    if body.get("mask") is not None:
        files_of(body, "mask")
    return _wanted(_picture(Fields(typed(body, _NUMBERS), _COMPLAINTS), "image_edit", len(inputs)))


def parse_variation(body: dict[str, Any]) -> Wanted:
    """The form, checked (platform.openai.com/docs/api-reference/images/createVariation).

    There is no prompt, so faults come by the header alone. Raises `Refusal` as api.openai.com does.
    """
    inputs = files_of(body, "image")
    top = Fields(typed(body, _NUMBERS), _COMPLAINTS)
    model = known_model(top, "images", MODEL_DEFAULT)
    if model != MODEL_DEFAULT:
        text = f"Invalid value: '{model}'. Value must be '{MODEL_DEFAULT}'."
        raise Refusal(400, text, param="model", code="invalid_value")
    form = top.one_of("response_format", ("url", "b64_json"))
    asked = _Picture(
        kind="image_variation",
        model=model,
        prompt="",
        count=top.integer("n", 1, COUNT_MAX) or 1,
        quality="medium",
        size=top.one_of("size", _VARIATION_SIZES) or _SQUARE,
        output_format="png",
        background="opaque",
        stream=False,
        partial=0,
        inputs=len(inputs),
        url=form != "b64_json",
    )
    return _wanted(asked)


def _picture(top: Fields, kind: str, inputs: int) -> _Picture:
    model = known_model(top, "images", MODEL_DEFAULT)
    by_token = not model.startswith("dall-e")
    if inputs and model == "dall-e-3":
        text = "Invalid value: 'dall-e-3'. The model cannot edit images."
        raise Refusal(400, text, param="model", code="invalid_value")
    stream = top.boolean("stream")
    if stream and not by_token:
        text = f"Unknown parameter: 'stream' is not supported with the model '{model}'."
        raise Refusal(400, text, param="stream", code="unsupported_parameter")
    form = top.one_of("response_format", ("url", "b64_json"))
    if form is not None and by_token:
        text = "Unknown parameter: 'response_format'."
        raise Refusal(400, text, param="response_format", code="unknown_parameter")
    quality = top.one_of("quality", _QUALITIES) or "auto"
    size = top.string("size") or "auto"
    background = top.one_of("background", ("transparent", "opaque", "auto")) or "auto"
    return _Picture(
        kind=kind,
        model=model,
        prompt=top.string("prompt", required=True) or "",
        count=top.integer("n", 1, 1 if model == "dall-e-3" else COUNT_MAX) or 1,
        quality=quality if quality in _TOKENS else "medium",
        size=_SQUARE if size == "auto" else size,
        output_format=top.one_of("output_format", ("png", "webp", "jpeg")) or "png",
        background="opaque" if background == "auto" else background,
        stream=stream,
        partial=(top.integer("partial_images", 0, PARTIAL_MAX) or 0) if stream else 0,
        inputs=inputs,
        url=not by_token and form != "b64_json",
    )


def _wanted(asked: _Picture) -> Wanted:
    def reply(faults: Faults, text: str) -> Reply:
        size = faults.bytes or 0
        if size * asked.count > WHOLE_BYTES_MAX:
            raise Refusal(400, f"echo: more than {WHOLE_BYTES_MAX} bytes are too many here")
        usage = _usage(asked)
        reported = usage if asked.by_token and faults.usage != "none" else None
        pieces = Pieces(make=lambda: _events(asked, size, reported)) if asked.stream else None
        return Reply(whole=lambda: _whole(asked, text, size, reported), usage=usage, pieces=pieces)

    return Wanted(text=asked.prompt, reply=reply, manner="events" if asked.stream else "whole")


def picture(size: int) -> bytes:
    """A PNG file of one grey pixel, filled up to `size` bytes."""
    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0\x80")), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)
    return data.ljust(size, b"\0")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _usage(asked: _Picture) -> Usage:
    if not asked.by_token:
        return Usage(prompt=0, completion=0, images=asked.count)
    width, _, height = asked.size.partition("x")
    one = _TOKENS[asked.quality][width != height]
    return Usage(
        prompt=count_tokens(asked.prompt) + asked.inputs * TOKENS_PER_ATTACHMENT,
        completion=asked.count * (one + asked.partial * PARTIAL_TOKENS),
        images=asked.count,
    )


def _figures(asked: _Picture, usage: Usage) -> dict[str, Any]:
    pictures = asked.inputs * TOKENS_PER_ATTACHMENT
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {
            "text_tokens": usage.prompt - pictures,
            "image_tokens": pictures,
        },
        "output_tokens": usage.completion,
        "output_tokens_details": {"text_tokens": 0, "image_tokens": usage.completion},
        "total_tokens": usage.prompt + usage.completion,
    }


def _shown(asked: _Picture) -> dict[str, Any]:
    return {
        "background": asked.background,
        "output_format": asked.output_format,
        "quality": asked.quality,
        "size": asked.size,
    }


def _whole(asked: _Picture, text: str, size: int, usage: Usage | None) -> bytes:
    one = {"url": URL} if asked.url else {"b64_json": base64.b64encode(picture(size)).decode()}
    if asked.model == "dall-e-3":
        one["revised_prompt"] = text
    body: dict[str, Any] = {"created": int(time.time()), "data": [one] * asked.count}
    if asked.by_token:
        body |= _shown(asked)
    if usage is not None:
        body["usage"] = _figures(asked, usage)
    return encoded(body)


def _events(asked: _Picture, size: int, usage: Usage | None) -> Iterator[Event]:
    """The pictures one after the other, each after its partial ones; the usage is all of it."""
    tokens = _usage(asked).completion // asked.count - asked.partial * PARTIAL_TOKENS
    common = {
        "b64_json": base64.b64encode(picture(size)).decode(),
        "created_at": int(time.time()),
        **_shown(asked),
    }
    for _ in range(asked.count):
        name = f"{asked.kind}.partial_image"
        for index in range(asked.partial):
            body = {"type": name, **common, "partial_image_index": index}
            yield Event(named_event(name, encoded(body)), PARTIAL_TOKENS)
        name = f"{asked.kind}.completed"
        body = {"type": name, **common}
        if usage is not None:
            body["usage"] = _figures(asked, usage)
        yield Event(named_event(name, encoded(body)), tokens)
