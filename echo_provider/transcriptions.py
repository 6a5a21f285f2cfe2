"""POST /v1/audio/transcriptions and /translations: the prompt comes back as what was said."""

import io
import math
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from echo_provider.ask import Answer, Ask, Usage, plan
from echo_provider.checks import Fields, OpenAIComplaints
from echo_provider.events import Event, data_event, template
from echo_provider.faults import Faults
from echo_provider.models import ECHO, openai_served
from echo_provider.multipart import File, files_of, typed
from echo_provider.openai_answers import joined
from echo_provider.openai_requests import known_model
from echo_provider.refusals import Refusal, encoded
from echo_provider.replies import JSON, Pieces, Reply, Wanted
from echo_provider.tokens import count_tokens

FILE_BYTES_MAX = 25 * 1024 * 1024
FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
# All that is no WAVE file counts as 128 kbit/s.
BYTES_PER_SECOND = 16_000
TOKENS_PER_SECOND = 10
_SUFFIXES = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")
_TEXT = "text/plain; charset=utf-8"
_PLACEHOLDER = "\0echo"
_COMPLAINTS = OpenAIComplaints()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """A checked request. `by_token` is how its model counts, else by the second."""

    ask: Ask
    task: str
    seconds: float
    audio_tokens: int
    format: str
    by_token: bool
    words: bool


def parse_transcription(body: dict[str, Any]) -> Wanted:
    """The form, checked (platform.openai.com/docs/api-reference/audio/createTranscription).

    Raises `Refusal` as api.openai.com does.
    """
    return _wanted(_heard(body, "transcribe"))


def parse_translation(body: dict[str, Any]) -> Wanted:
    """The form, checked (platform.openai.com/docs/api-reference/audio/createTranslation).

    Raises `Refusal` as api.openai.com does.
    """
    return _wanted(_heard(body, "translate"))


def audio_seconds(file: File) -> float:
    """How long a recording is."""
    try:
        with wave.open(io.BytesIO(file.data)) as recording:
            return float(recording.getnframes() / recording.getframerate())
    except (wave.Error, EOFError, ZeroDivisionError):
        return len(file.data) / BYTES_PER_SECOND


def _heard(body: dict[str, Any], task: str) -> _Heard:
    top = Fields(typed(body, {"stream": "boolean", "temperature": "number"}), _COMPLAINTS)
    model = known_model(top, "transcriptions")
    file = _recording(body)
    translates = task == "translate"
    by_token = not translates and model != "whisper-1"
    if translates and model not in {"whisper-1", ECHO}:
        text = f"The model '{model}' cannot be used with this endpoint."
        raise Refusal(400, text, param="model", code="invalid_value")
    form = _format(top, model, by_token=by_token)
    prompt = top.string("prompt") or ""
    top.number("temperature", 0, 1)
    seconds = audio_seconds(file)
    audio_tokens = math.ceil(seconds * TOKENS_PER_SECOND) if by_token else 0
    granularities = body.get("timestamp_granularities")
    ask = Ask(
        model=model,
        served_model=openai_served(model) or model,
        stream=top.boolean("stream") and by_token,
        prompt_tokens=audio_tokens + count_tokens(prompt) if by_token else 0,
        text=prompt or f"{len(file.data)} bytes",
        in_memory=True,
    )
    return _Heard(
        ask=ask,
        task=task,
        seconds=seconds,
        audio_tokens=audio_tokens,
        format=form,
        by_token=by_token,
        words=isinstance(granularities, list) and "word" in granularities,
    )


def _recording(body: dict[str, Any]) -> File:
    file = files_of(body, "file")[0]
    if file.name.rpartition(".")[2].lower() not in _SUFFIXES:
        raise Refusal(400, f"Invalid file format. Supported formats: {list(_SUFFIXES)}")
    if not file.data:
        text = "Audio file is too short. Minimum audio length is 0.1 seconds."
        raise Refusal(400, text, param="file", code="audio_too_short")
    if len(file.data) > FILE_BYTES_MAX:
        text = f"Maximum content size limit ({FILE_BYTES_MAX}) exceeded "
        raise Refusal(413, f"413: {text}({len(file.data)} bytes read)")
    return file


def _format(top: Fields, model: str, *, by_token: bool) -> str:
    form = top.one_of("response_format", FORMATS) or "json"
    if by_token and form not in {"json", "text"}:
        text = f"response_format '{form}' is not compatible with model '{model}'. "
        text += "Use 'json' or 'text' instead."
        raise Refusal(400, text, param="response_format", code="unsupported_value")
    return form


def _wanted(heard: _Heard) -> Wanted:
    ask = heard.ask

    def reply(faults: Faults, text: str) -> Reply:
        answer = plan(ask, faults, text or "echo")
        usage = answer.usage
        if not heard.by_token:
            usage = Usage(prompt=0, completion=0, seconds=_billed(heard.seconds))
        pieces = Pieces(make=lambda: _events(heard, answer)) if ask.stream else None
        return Reply(
            whole=lambda: _whole(heard, answer),
            usage=usage,
            content_type=JSON if heard.format.endswith("json") else _TEXT,
            pieces=pieces,
        )

    return Wanted(text=ask.text, reply=reply, manner="events" if ask.stream else "whole")


def _billed(seconds: float) -> int:
    return math.ceil(seconds)


def _text(answer: Answer) -> str:
    output = answer.choices[0].text
    return "" if output is None else joined(output)


def _usage(heard: _Heard, answer: Answer) -> dict[str, Any]:
    if not heard.by_token:
        return {"type": "duration", "seconds": _billed(heard.seconds)}
    prompt, completion = answer.usage.prompt, answer.usage.completion
    return {
        "type": "tokens",
        "input_tokens": prompt,
        "input_token_details": {
            "audio_tokens": heard.audio_tokens,
            "text_tokens": prompt - heard.audio_tokens,
        },
        "output_tokens": completion,
        "total_tokens": prompt + completion,
    }


def _whole(heard: _Heard, answer: Answer) -> bytes:
    text = _text(answer)
    end = heard.seconds
    if heard.format == "text":
        return f"{text}\n".encode()
    if heard.format == "srt":
        return f"1\n{_clock(0, ',')} --> {_clock(end, ',')}\n{text}\n\n".encode()
    if heard.format == "vtt":
        return f"WEBVTT\n\n{_clock(0, '.')} --> {_clock(end, '.')}\n{text}\n\n".encode()
    body: dict[str, Any] = {"text": text}
    if heard.format == "verbose_json":
        body = _verbose(heard, text)
    # Translations report no usage.
    if answer.reported and heard.task == "transcribe":
        body["usage"] = _usage(heard, answer)
    return encoded(body)


def _verbose(heard: _Heard, text: str) -> dict[str, Any]:
    segment = {
        "id": 0,
        "seek": 0,
        "start": 0.0,
        "end": heard.seconds,
        "text": text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": -0.25,
        "compression_ratio": 1.0,
        "no_speech_prob": 0.01,
    }
    body = {
        "task": heard.task,
        "language": "english",
        "duration": heard.seconds,
        "text": text,
        "segments": [segment],
    }
    if heard.words:
        words = text.split()
        share = heard.seconds / max(1, len(words))
        body["words"] = [
            {"word": word, "start": index * share, "end": (index + 1) * share}
            for index, word in enumerate(words)
        ]
    return body


def _clock(seconds: float, mark: str) -> str:
    whole, rest = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{mark}{rest:03}"


def _events(heard: _Heard, answer: Answer) -> Iterator[Event]:
    render = template({"type": "transcript.text.delta", "delta": _PLACEHOLDER}, _PLACEHOLDER)
    output = answer.choices[0].text
    if output is not None:
        for part in output.parts(answer.parts):
            yield Event(data_event(render(part.text)), part.tokens)
    done: dict[str, Any] = {"type": "transcript.text.done", "text": _text(answer)}
    if answer.reported:
        done["usage"] = _usage(heard, answer)
    yield Event(data_event(encoded(done)))
