"""Streams of typed events (responses, images, audio): every byte goes through, figures are read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dialects import OPERATIONS
from common.dialects.base import ParsedRequest, estimate_tokens
from common.domain.usage import Tokens
from tests.support.splits import copy_of, splits

USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 20, "audio_tokens": 5},
    "output_tokens": 40,
    "output_tokens_details": {"reasoning_tokens": 12, "audio_tokens": 3},
    "total_tokens": 140,
}
TOKENS = Tokens(
    input=50,
    output=40,
    cache_read=30,
    cache_write_5m=20,
    reasoning=12,
    audio_input=5,
    audio_output=3,
)
# The endpoints that stream in this manner, and how each of them says that it is done.
ENDINGS = [
    ("responses", "response.completed"),
    ("responses", "response.incomplete"),
    ("responses", "response.failed"),
    ("images.generations", "image_generation.completed"),
    ("images.edits", "image_edit.completed"),
    ("images.variations", "image_edit.completed"),
    ("audio.speech", "speech.audio.done"),
    ("audio.transcriptions", "transcript.text.done"),
    ("audio.translations", "transcript.text.done"),
]


def copy(endpoint="responses", *, stored=False):
    return OPERATIONS[endpoint].stream_copy(ParsedRequest(model="m", stream=True, stored=stored))


def event(kind, end=b"\n", named=True, **members):
    data = json.dumps({"type": kind, **members}, ensure_ascii=False).encode()
    name = b"event: " + kind.encode() + end if named else b""
    return name + b"data: " + data + end * 2


def done(endpoint, kind, usage=USAGE, **more):
    if endpoint == "responses":
        return event(kind, response={"id": "resp_1", "model": "m-1", "usage": usage}, **more)
    return event(kind, usage=usage, x_new={"a": [1.50]}, **more)


@given(
    st.data(),
    st.sampled_from(ENDINGS),
    st.lists(st.text(max_size=8), max_size=4),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.booleans(),
)
def test_bytes_and_figures_are_the_same_however_the_network_splits(data, ending, texts, end, named):
    endpoint, kind = ending
    sent = b": hello" + end * 2
    sent += b"".join(event("x.delta", end, named, delta=text) for text in texts)
    sent += done(endpoint, kind, end=end, named=named)
    stream = copy(endpoint)
    assert copy_of(stream, data.draw(splits(sent))) == sent
    assert stream.reported == TOKENS
    assert (stream.reported_complete, stream.saw_terminal, stream.saw_error) == (True, True, False)
    assert stream.output_estimate == estimate_tokens(len("".join(texts).encode()))


@pytest.mark.parametrize(("endpoint", "kind"), ENDINGS)
def test_no_event_before_the_last_ends_a_stream(endpoint, kind):
    stream = copy(endpoint)
    for other in (
        "response.created",
        "response.output_text.done",
        "image_generation.partial_image",
    ):
        stream.feed(done(endpoint, other))
    assert (stream.saw_terminal, stream.reported_complete) == (False, False)
    assert stream.reported == Tokens()
    stream.feed(done(endpoint, kind))
    assert (stream.saw_terminal, stream.reported_complete) == (True, True)


def test_a_transcription_names_its_details_in_the_singular():
    stream = copy("audio.transcriptions")
    usage = {"type": "tokens", "input_tokens": 14, "input_token_details": {"audio_tokens": 10}}
    stream.feed(event("transcript.text.done", text="a", usage=usage | {"output_tokens": 3}))
    assert stream.reported == Tokens(input=14, output=3, audio_input=10)


@pytest.mark.parametrize(
    "usage",
    [None, {}, {"type": "duration", "seconds": 3}, {"input_tokens": "7"}, [], 5],
)
def test_a_stream_without_figures_of_its_kind_is_estimated(usage):
    stream = copy("audio.transcriptions")
    stream.feed(event("transcript.text.delta", delta="x" * 9))
    stream.feed(event("transcript.text.done", usage=usage))
    assert stream.saw_terminal
    assert not stream.reported_complete
    assert stream.output_estimate == 3


def test_figures_are_never_negative():
    stream = copy()
    usage = {"input_tokens": 3, "output_tokens": -2, "input_tokens_details": {"cached_tokens": 9}}
    stream.feed(done("responses", "response.completed", usage))
    assert stream.reported == Tokens(cache_read=9)


def test_deltas_that_are_no_text_count_nothing():
    stream = copy("audio.speech")
    stream.feed(event("speech.audio.delta", delta="A" * 400))
    stream.feed(event("response.other.delta", delta={"text": "A" * 400}))
    assert stream.output_estimate == 0
    stream.feed(event("response.function_call_arguments.delta", delta="größer"))
    assert stream.output_estimate == 2


@pytest.mark.parametrize("stored", [True, False])
def test_model_and_id_of_a_response(stored):
    stream = copy(stored=stored)
    stream.feed(event("response.created", response={"id": "resp_1", "model": "m-1"}))
    assert stream.served_model == "m-1"
    assert stream.stored_id == ("resp_1" if stored else None)
    stream.feed(event("response.in_progress", response={}))
    assert stream.served_model == "m-1"
    assert stream.stored_id == ("resp_1" if stored else None)


def test_an_error_is_seen_and_passed_on():
    stream = copy()
    sent = event("error", code="server_error", message="m", param=None, sequence_number=3)
    assert stream.feed(sent) == sent
    assert (stream.saw_error, stream.saw_terminal) == (True, False)


@pytest.mark.parametrize(
    "sent",
    [
        b"data: no json\n\n",
        b"data: [1]\n\n",
        b'data: {"type":5}\n\n',
        b'data: {"type":"response.completed","response":5}\n\n',
        b'data: {"type":"x","a":' + b"[" * 5000 + b"}\n\n",
        b"data: \xff\n\n",
        b"event: response.completed\n\n",
        b"data: [DONE]\n\n",
        b"\n\n",
    ],
    ids=range(9),
)
def test_what_relay_does_not_understand_goes_through(sent):
    stream = copy()
    assert stream.feed(sent) == sent
    assert (stream.saw_terminal, stream.saw_error) == (False, False)


@given(st.data(), st.integers(1, 30))
def test_a_cut_in_mid_event_gives_no_half_event(data, left):
    whole = event("response.output_text.delta", delta="hi")
    sent = whole + done("responses", "response.completed")[: -left - 2]
    stream = copy()
    assert copy_of(stream, data.draw(splits(sent))) == whole
    assert not stream.saw_terminal


@pytest.mark.parametrize("tail", [b"", b"\n", b"\r\n", b"\r"])
def test_the_last_event_needs_no_empty_line(tail):
    last = done("responses", "response.completed")
    stream = copy()
    assert stream.feed(last[:-2] + tail) == b""
    assert stream.end() == last
    assert stream.saw_terminal
