"""POST /v1/audio/speech: as many bytes as a text would take to say, in pieces or in events."""

import base64
from collections.abc import Iterator
from typing import Any

from echo_provider.ask import Usage
from echo_provider.checks import Fields, OpenAIComplaints
from echo_provider.events import Event, data_event, template
from echo_provider.faults import Faults
from echo_provider.openai_requests import known_model
from echo_provider.output import shares
from echo_provider.refusals import Refusal, encoded
from echo_provider.replies import Manner, Pieces, Reply, Wanted
from echo_provider.tokens import count_tokens

CHARACTERS_MAX = 4096
# A word takes 0.3 seconds, a second 16,000 bytes and 20 tokens.
BYTES_PER_WORD = 4800
BYTES_PER_TOKEN = 800
_PIECE_BYTES = 16 * 1024
# How a file of each format begins.
_STARTS = {
    "mp3": b"ID3",
    "opus": b"OggS",
    "aac": b"\xff\xf1",
    "flac": b"fLaC",
    "wav": b"RIFF",
    "pcm": b"",
}
_CONTENT_TYPES = {name: f"audio/{name}" for name in _STARTS} | {"mp3": "audio/mpeg"}
_PLACEHOLDER = "\0echo"
_COMPLAINTS = OpenAIComplaints()


def parse_speech(body: dict[str, Any]) -> Wanted:
    """The request, checked (platform.openai.com/docs/api-reference/audio/createSpeech).

    Raises `Refusal` as api.openai.com does.
    """
    top = Fields(body, _COMPLAINTS)
    model = known_model(top, "speech")
    spoken = _input(top)
    instructions = top.string("instructions") or ""
    form = top.one_of("response_format", tuple(_STARTS)) or "mp3"
    top.number("speed", 0.25, 4)
    by_character = model.startswith("tts-1")
    events = top.one_of("stream_format", ("sse", "audio")) == "sse"
    if events and by_character:
        text = f"The stream format 'sse' is not supported with the model '{model}'."
        raise Refusal(400, text, param="stream_format", code="unsupported_value")
    prompt = 0 if by_character else count_tokens(spoken) + count_tokens(instructions)

    def reply(faults: Faults, text: str) -> Reply:
        size = faults.huge_event or faults.bytes or max(1, count_tokens(text)) * BYTES_PER_WORD
        count = 1 if faults.huge_event else faults.chunks or -(-size // _PIECE_BYTES)
        completion = 0 if by_character else -(-size // BYTES_PER_TOKEN)
        usage = Usage(prompt=prompt, completion=completion, characters=len(spoken))

        def pieces() -> Iterator[Event]:
            return _pieces(_STARTS[form], size, count, counted=not by_character)

        if events:
            reported = faults.usage != "none"
            sent = Pieces(make=lambda: _events(pieces(), usage, reported=reported))
        else:
            sent = Pieces(make=pieces, content_type=_CONTENT_TYPES[form])
        return Reply(whole=bytes, usage=usage, pieces=sent)

    manner: Manner = "events" if events else "file"
    return Wanted(text=spoken, reply=reply, manner=manner)


def _input(top: Fields) -> str:
    spoken = top.string("input", required=True) or ""
    if not isinstance(top.value.get("voice"), dict):
        top.string("voice", required=True)
    if not spoken:
        text = "Invalid 'input': string too short. Expected a string with minimum length 1."
        raise Refusal(400, text, param="input", code="string_below_min_length")
    if len(spoken) > CHARACTERS_MAX:
        text = "Invalid 'input': string too long. Expected a string with maximum length "
        text += f"{CHARACTERS_MAX}, but got a string with length {len(spoken)} instead."
        raise Refusal(400, text, param="input", code="string_above_max_length")
    return spoken


def _pieces(start: bytes, size: int, count: int, *, counted: bool) -> Iterator[Event]:
    """The file in so many pieces of about the same size."""
    for length, before in shares(size, count):
        data = (start if not before else b"").ljust(length, b"\0")[:length]
        after = before + length
        tokens = -(-after // BYTES_PER_TOKEN) - -(-before // BYTES_PER_TOKEN)
        yield Event(data, tokens if counted else 0)


def _events(pieces: Iterator[Event], usage: Usage, *, reported: bool) -> Iterator[Event]:
    render = template({"type": "speech.audio.delta", "audio": _PLACEHOLDER}, _PLACEHOLDER)
    for piece in pieces:
        yield Event(data_event(render(base64.b64encode(piece.data).decode())), piece.tokens)
    done: dict[str, Any] = {"type": "speech.audio.done"}
    if reported:
        done["usage"] = {
            "input_tokens": usage.prompt,
            "output_tokens": usage.completion,
            "total_tokens": usage.prompt + usage.completion,
        }
    yield Event(data_event(encoded(done)))
