"""Audio: speech that is passed on as bytes or events, recordings that come in forms."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dialects import OPERATIONS
from common.dialects.base import BadRequest, ParsedRequest
from common.domain.usage import Tokens
from tests.support.forms import form_of, part
from tests.support.splits import copy_of, splits

SPEECH = OPERATIONS["audio.speech"]
FORMS = [OPERATIONS["audio.transcriptions"], OPERATIONS["audio.translations"]]
FILE = part("file", b"RIFF\x00\r\n\r\n", "a.wav", b"\r\nContent-Type: audio/wav")
MODEL = part("model", b"whisper-1")
USAGE = {
    "type": "tokens",
    "input_tokens": 14,
    "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
    "output_tokens": 5,
    "total_tokens": 19,
}


def spoken(**members):
    return SPEECH.parse_request(json.dumps({"model": "m", "input": "hello", **members}).encode())


def test_what_is_read_of_a_text_to_speak():
    assert spoken(voice="alloy") == ParsedRequest(model="m", input_estimate=2)
    assert spoken(stream_format="sse").stream
    assert not spoken(stream_format="audio").stream
    assert spoken(input="größer").input_estimate == 2


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"input": None}, "input"),
        ({"input": ["a"]}, "input"),
        ({"stream_format": 5}, "stream_format"),
    ],
)
def test_the_field_at_fault_is_named(members, field):
    with pytest.raises(BadRequest) as caught:
        spoken(**members)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("content_type", "is_answer"),
    [
        ("audio/mpeg", True),
        ("audio/pcm;rate=24000", True),
        ("application/octet-stream", True),
        ("application/json", False),
        ("text/html", False),
        ("", False),
    ],
)
def test_only_bytes_are_speech(content_type, is_answer):
    answer = SPEECH.read_answer(b"", content_type)
    assert (answer is not None) == is_answer
    if answer is not None:
        assert (answer.tokens, answer.output_estimate) == (None, 0)


@given(st.data())
def test_speech_in_events_however_the_network_splits_them(data):
    delta = b'data: {"type":"speech.audio.delta","audio":"' + b"A" * 40 + b'"}\n\n'
    usage = json.dumps({"input_tokens": 3, "output_tokens": 18}).encode()
    sent = delta * 3 + b'data: {"type":"speech.audio.done","usage":' + usage + b"}\n\n"
    stream = SPEECH.stream_copy(ParsedRequest(model="m", stream=True))
    assert copy_of(stream, data.draw(splits(sent))) == sent
    assert stream.reported == Tokens(input=3, output=18)
    assert (stream.reported_complete, stream.output_estimate) == (True, 0)


@pytest.mark.parametrize("operation", FORMS)
@given(st.permutations([FILE, MODEL, part("prompt", b"hello"), part("stream", b"true")]))
def test_a_form_is_read_in_any_order_and_changed_in_one_place(operation, parts):
    sent = form_of(*parts)
    request = operation.parse_request(*sent)
    assert request == ParsedRequest(model="whisper-1", stream=True, input_estimate=2)
    same = operation.prepare_request(sent.body, request, "whisper-1", sent.content_type)
    assert same == sent.body
    changed = operation.prepare_request(sent.body, request, "own", sent.content_type)
    assert changed == sent.body.replace(b"whisper-1", b"own")


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ([FILE], "model"),
        ([FILE, part("model", b"")], "model"),
        ([MODEL], "file"),
        ([FILE, MODEL, MODEL], "model"),
        ([FILE, MODEL, part("stream", b"2")], "stream"),
    ],
)
@pytest.mark.parametrize("operation", FORMS)
def test_the_field_of_a_form_at_fault_is_named(operation, parts, field):
    with pytest.raises(BadRequest) as caught:
        operation.parse_request(*form_of(*parts))
    assert caught.value.field == field


@pytest.mark.parametrize("operation", FORMS)
def test_answers_in_json(operation):
    body = {"text": "größer", "usage": USAGE}
    answer = operation.read_answer(json.dumps(body).encode(), "application/json")
    assert answer.tokens == Tokens(input=14, output=5, audio_input=14)
    duration = {"text": "größer", "usage": {"type": "duration", "seconds": 3}}
    answer = operation.read_answer(json.dumps(duration).encode(), "application/json")
    assert (answer.tokens, answer.output_estimate) == (None, 2)


@pytest.mark.parametrize(
    "content_type", ["text/plain; charset=utf-8", "text/vtt", "application/x-subrip", "text/srt"]
)
def test_answers_in_texts(content_type):
    answer = FORMS[0].read_answer(b"WEBVTT\n\n", content_type)
    assert (answer.tokens, answer.output_estimate) == (None, 2)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"text":5}', b"[]", b"\xff", b"hello"])
def test_what_is_no_answer(body):
    assert FORMS[0].read_answer(body, "application/json") is None
    assert FORMS[0].read_answer(body, "audio/mpeg") is None


@given(st.data(), st.lists(st.text(max_size=8), max_size=5))
def test_transcripts_however_the_network_splits_them(data, texts):
    def event(kind, **members):
        return f"data: {json.dumps({'type': f'transcript.text.{kind}', **members})}\n\n".encode()

    sent = b"".join(event("delta", delta=text) for text in texts)
    sent += event("done", text="".join(texts), usage=USAGE)
    stream = FORMS[0].stream_copy(ParsedRequest(model="m", stream=True))
    assert copy_of(stream, data.draw(splits(sent))) == sent
    assert stream.reported == Tokens(input=14, output=5, audio_input=14)
    assert stream.output_estimate == -(-len("".join(texts).encode()) // 4)
