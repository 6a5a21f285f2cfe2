"""Moderations: free, with a model of its own when none is named."""

import json

import pytest

from common.dialects import OPERATIONS
from common.dialects.base import BadRequest, NotStreamed, ParsedRequest
from common.domain.usage import Tokens

MODERATIONS = OPERATIONS["moderations"]
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}


@pytest.mark.parametrize("given", ["text", ["a", "b"], [{"type": "text", "text": "a"}, PICTURE]])
@pytest.mark.parametrize(
    ("named", "model"),
    [
        ({}, "omni-moderation-latest"),
        ({"model": None}, "omni-moderation-latest"),
        ({"model": "m"}, "m"),
    ],
)
def test_what_is_read(given, named, model):
    body = json.dumps({"input": given, **named}).encode()
    assert MODERATIONS.parse_request(body) == ParsedRequest(model=model, input_estimate=0)


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({}, "input"),
        ({"input": 5}, "input"),
        ({"input": None}, "input"),
        ({"input": "a", "model": 5}, "model"),
        ({"input": "a", "model": ""}, "model"),
    ],
)
def test_the_field_at_fault_is_named(members, field):
    with pytest.raises(BadRequest) as caught:
        MODERATIONS.parse_request(json.dumps(members).encode())
    assert caught.value.field == field


def test_a_model_that_was_not_named_is_only_named_when_it_has_another_name():
    body = b'{"input": "a" }'
    parsed = MODERATIONS.parse_request(body)
    assert MODERATIONS.prepare_request(body, parsed, parsed.model) == body
    assert MODERATIONS.prepare_request(body, parsed, "own") == b'{"model":"own","input": "a" }'


def test_an_answer_costs_nothing():
    answer = MODERATIONS.read_answer(b'{"id":"modr-1","model":"m-1","results":[{"flagged":true}]}')
    assert (answer.tokens, answer.model, answer.output_estimate) == (Tokens(), "m-1", 0)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"results":{}}', b"null", b"\xff"])
def test_what_is_no_answer(body):
    assert MODERATIONS.read_answer(body) is None


def test_nothing_streams():
    with pytest.raises(NotStreamed):
        MODERATIONS.stream_copy(ParsedRequest(model="m"))
