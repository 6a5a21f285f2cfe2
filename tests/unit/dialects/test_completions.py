"""Completions: requests of their own, answers and streams as chats have them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dialects import OPERATIONS
from common.dialects.base import BadRequest
from common.domain.usage import Tokens
from tests.support.splits import copy_of, splits

COMPLETIONS = OPERATIONS["completions"]
USAGE = {"prompt_tokens": 7, "completion_tokens": 5}


def request(**members):
    return json.dumps({"model": "m", "prompt": "a", **members}).encode()


def chunk(text, **more):
    choices = [{"index": 0, "text": text, "finish_reason": None}]
    value = {"id": "cmpl-1", "object": "text_completion", "choices": choices, "model": "m-1"}
    return b"data: " + json.dumps({**value, **more}, separators=(",", ":")).encode() + b"\n\n"


@pytest.mark.parametrize(
    ("members", "choices"),
    [
        ({}, 1),
        ({"n": 3}, 3),
        ({"n": 2, "best_of": 5}, 5),
        ({"n": 5, "best_of": 2}, 5),
        ({"best_of": 500}, 128),
        ({"n": None, "best_of": None}, 1),
    ],
)
def test_everything_that_is_generated_counts(members, choices):
    parsed = COMPLETIONS.parse_request(request(**members))
    assert parsed.choices == choices


def test_what_is_read():
    parsed = COMPLETIONS.parse_request(request(stream=True, max_tokens=9))
    assert (parsed.model, parsed.stream, parsed.max_output_tokens) == ("m", True, 9)
    assert not parsed.include_usage
    parsed = COMPLETIONS.parse_request(request(stream_options={"include_usage": True}))
    assert parsed.include_usage


@pytest.mark.parametrize("name", ["max_tokens", "n", "best_of"])
@pytest.mark.parametrize("value", [0, -1, 2**31, "2", 1.5])
def test_numbers_have_bounds(name, value):
    with pytest.raises(BadRequest) as caught:
        COMPLETIONS.parse_request(request(**{name: value}))
    assert caught.value.field == name


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"model": None}, "model"),
        ({"model": " "}, "model"),
        ({"stream": 1}, "stream"),
        ({"stream_options": []}, "stream_options"),
    ],
)
def test_the_field_at_fault_is_named(members, field):
    with pytest.raises(BadRequest) as caught:
        COMPLETIONS.parse_request(request(**members))
    assert caught.value.field == field


def test_a_stream_is_asked_for_usage_and_the_model_mapped():
    body = b'{"prompt": ["a\\u0062"], "model":"m","stream":true}'
    prepared = COMPLETIONS.prepare_request(body, COMPLETIONS.parse_request(body), "own")
    wanted = b'{"stream_options":{"include_usage":true},"prompt": ["a\\u0062"], "model":"own"'
    assert prepared == wanted + b',"stream":true}'


def test_an_answer():
    body = {"object": "text_completion", "model": "m-1", "choices": [{"text": "x" * 30}]}
    answer = COMPLETIONS.read_answer(json.dumps(body | {"usage": USAGE}).encode())
    assert (answer.tokens, answer.model) == (Tokens(input=7, output=5), "m-1")
    answer = COMPLETIONS.read_answer(json.dumps(body).encode())
    assert answer.tokens is None
    assert answer.output_estimate == -(-len('{"text": ""}' + "x" * 30) // 4)
    assert COMPLETIONS.read_answer(b'{"error":{"message":"m"}}') is None


@given(st.data(), st.lists(st.text(max_size=8), max_size=5), st.booleans())
def test_streams_however_the_network_splits_them(data, texts, asked):
    options = {"stream_options": {"include_usage": True}} if asked else {}
    stream = COMPLETIONS.stream_copy(COMPLETIONS.parse_request(request(stream=True, **options)))
    sent = b"".join(chunk(text, usage=None) for text in texts)
    sent += chunk("", choices=[], usage=USAGE) + b"data: [DONE]\n\n"
    seen = sent if asked else b"".join(map(chunk, texts)) + b"data: [DONE]\n\n"
    assert copy_of(stream, data.draw(splits(sent))) == seen
    assert stream.reported == Tokens(input=7, output=5)
    assert stream.reported_complete
    assert stream.output_estimate == -(-len("".join(texts).encode()) // 4)
    assert stream.served_model == "m-1"
