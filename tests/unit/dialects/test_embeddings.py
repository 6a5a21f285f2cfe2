"""Embeddings: inputs of any form, whole answers, no streams."""

import json

import pytest

from common.dialects import OPERATIONS
from common.dialects.base import BadRequest, NotStreamed, ParsedRequest
from common.domain.usage import Tokens

EMBEDDINGS = OPERATIONS["embeddings"]
ANSWER = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
    "model": "m-1",
    "usage": {"prompt_tokens": 6, "total_tokens": 6},
}


@pytest.mark.parametrize("given", ["text", ["a", "b"], [1, 2], [[1], [2, 3]], [], ""])
def test_every_form_of_input(given):
    body = json.dumps({"model": "m", "input": given}).encode()
    assert EMBEDDINGS.parse_request(body) == ParsedRequest(model="m")


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"input": "a"}, "model"),
        ({"model": "m"}, "input"),
        ({"model": "m", "input": None}, "input"),
        ({"model": "m", "input": 5}, "input"),
        ({"model": "m", "input": {"text": "a"}}, "input"),
        ({"model": ["m"], "input": "a"}, "model"),
        ({"model": "m" * 257, "input": "a"}, "model"),
    ],
)
def test_the_field_at_fault_is_named(members, field):
    with pytest.raises(BadRequest) as caught:
        EMBEDDINGS.parse_request(json.dumps(members).encode())
    assert caught.value.field == field


def test_only_the_models_name_is_changed():
    body = b'{"input":["\\u00e9", "model"],"dimensions":1e2,"model":"m" , "x":{"model":"m"}}'
    parsed = EMBEDDINGS.parse_request(body)
    assert EMBEDDINGS.prepare_request(body, parsed, "m") == body
    changed = EMBEDDINGS.prepare_request(body, parsed, 'o"wn')
    assert changed == body.replace(b'"model":"m" ,', b'"model":"o\\"wn" ,')


def test_an_answer_has_no_output():
    answer = EMBEDDINGS.read_answer(json.dumps(ANSWER).encode())
    assert (answer.tokens, answer.model) == (Tokens(input=6), "m-1")
    assert answer.output_estimate == 0


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": "6"}, [6]])
def test_an_answer_without_figures(usage):
    assert EMBEDDINGS.read_answer(json.dumps(ANSWER | {"usage": usage}).encode()).tokens is None


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"data":5}', b"[]", b"\xff", b'{"error":{"message":"m"}}']
)
def test_what_is_no_answer(body):
    assert EMBEDDINGS.read_answer(body) is None


def test_nothing_streams():
    with pytest.raises(NotStreamed):
        EMBEDDINGS.stream_copy(ParsedRequest(model="m"))
