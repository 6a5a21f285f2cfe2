"""Speech, transcriptions and images: what is refused, and that figures add up."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo_provider.faults import NO_FAULTS, Faults
from echo_provider.images import parse_edit, parse_generation
from echo_provider.multipart import File
from echo_provider.refusals import Refusal
from echo_provider.speech import parse_speech
from echo_provider.transcriptions import parse_transcription, parse_translation

MP3 = File("a.mp3", "audio/mpeg", bytes(1000))
PNG = File("a.png", "image/png", b"x")


def spoken(**fields):
    return parse_speech({"model": "gpt-4o-mini-tts", "input": "a b", "voice": "alloy", **fields})


def heard(**fields):
    return parse_transcription({"model": "gpt-4o-transcribe", "file": MP3, **fields})


def drawn(**fields):
    return parse_generation({"model": "gpt-image-1", "prompt": "a cat", **fields})


@given(st.integers(1, 99_999), st.none() | st.integers(1, 30))
def test_speech_adds_up(size, chunks):
    reply = spoken().reply(Faults(bytes=size, chunks=chunks), "a b")
    pieces = list(reply.pieces.make())
    assert sum(len(piece.data) for piece in pieces) == size
    assert sum(piece.tokens for piece in pieces) == reply.usage.completion
    if chunks:
        assert len(pieces) == min(chunks, size)


@given(st.integers(1, 5), st.integers(0, 3))
def test_pictures_add_up(count, partial):
    reply = drawn(n=count, stream=True, partial_images=partial).reply(NO_FAULTS, "")
    events = list(reply.pieces.make())
    assert len(events) == count * (partial + 1)
    assert sum(event.tokens for event in events) == reply.usage.completion


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": "gpt-4o"}, "cannot be used"),
        ({"input": None}, "'input'"),
        ({"input": ""}, "too short"),
        ({"input": "a" * 4097}, "too long"),
        ({"voice": None}, "'voice'"),
        ({"speed": 5}, "above maximum"),
        ({"response_format": "ogg"}, "Supported values"),
        ({"stream_format": "sse", "model": "tts-1"}, "not supported"),
    ],
)
def test_speech_refuses(fields, words):
    with pytest.raises(Refusal) as caught:
        spoken(**fields)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": "tts-1"}, "cannot be used"),
        ({"model": MP3}, "got a file"),
        ({"file": None}, "'file'"),
        ({"file": "text"}, "expected a file"),
        ({"file": File("a.txt", "text/plain", b"x")}, "Invalid file format"),
        ({"file": File("a.wav", "audio/wav", b"")}, "too short"),
        ({"file": File("a.wav", "audio/wav", bytes(26_214_401))}, "size limit"),
        ({"response_format": "vtt"}, "not compatible"),
        ({"temperature": "hot"}, "a decimal"),
    ],
)
def test_transcriptions_refuse(fields, words):
    with pytest.raises(Refusal) as caught:
        heard(**fields)
    assert words in caught.value.message


def test_an_older_model_does_not_stream():
    wanted = parse_transcription({"model": "whisper-1", "file": MP3, "stream": "true"})
    assert wanted.manner == "whole"


def test_translations_report_no_usage():
    reply = parse_translation({"model": "whisper-1", "file": MP3}).reply(NO_FAULTS, "a")
    assert json.loads(reply.whole()) == {"text": "a"}
    assert reply.usage.seconds == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": "gpt-4o"}, "cannot be used"),
        ({"prompt": None}, "'prompt'"),
        ({"n": 11}, "above maximum"),
        ({"quality": "best"}, "Supported values"),
        ({"response_format": "url"}, "Unknown parameter"),
        ({"model": "dall-e-3", "stream": True}, "not supported"),
    ],
)
def test_images_refuse(fields, words):
    with pytest.raises(Refusal) as caught:
        drawn(**fields)
    assert words in caught.value.message


def test_edits_need_files():
    for fields in ({}, {"image": "text"}, {"image": PNG, "mask": "text"}):
        with pytest.raises(Refusal, match=r"image|mask"):
            parse_edit({"model": "gpt-image-1", "prompt": "a", **fields})


def test_pictures_must_fit():
    with pytest.raises(Refusal, match="too many here"):
        drawn(n=10).reply(Faults(bytes=10**7), "")
