"""Message requests: what is refused and why; only the model is ever changed."""

import json

import pytest

from common.dialects import OPERATIONS
from common.dialects.base import BadRequest

ANTHROPIC = OPERATIONS["messages"]
GOOD = {"model": "claude-x", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]}


def request(**members):
    return json.dumps({**GOOD, **members}).encode()


def refused(body):
    with pytest.raises(BadRequest) as caught:
        ANTHROPIC.parse_request(body)
    assert caught.value.status == 400
    return caught.value


@pytest.mark.parametrize("body", [b"", b"{", request()[:-2], request() + b"{}", b"\xff"])
def test_what_is_no_json(body):
    error = refused(body)
    assert error.field is None
    assert "not valid JSON" in error.message


@pytest.mark.parametrize("body", [b"[]", b"1", b"null"])
def test_what_is_no_object(body):
    assert refused(body).message == "The request body must be a JSON object"


def test_deep_nesting_is_refused_and_ends_nothing():
    nested = b"[" * 200_000 + b"]" * 200_000
    body = request().replace(b'"hi"', nested)
    assert "nested too deeply" in refused(body).message


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_member_is_named(name):
    body = json.dumps({key: value for key, value in GOOD.items() if key != name}).encode()
    error = refused(body)
    assert error.field == name
    assert error.message == f"Missing required parameter: '{name}'"


@pytest.mark.parametrize(
    ("members", "field", "words"),
    [
        ({"model": ["m"]}, "model", "expected a string, got an array"),
        ({"max_tokens": "64"}, "max_tokens", "expected an integer, got a string"),
        ({"max_tokens": None}, "max_tokens", "expected an integer, got null"),
        ({"max_tokens": True}, "max_tokens", "expected an integer, got a boolean"),
        ({"messages": "hi"}, "messages", "expected an array, got a string"),
        ({"messages": [{"role": None}]}, "messages[0].role", "expected a string, got null"),
        ({"stream": 1}, "stream", "expected a boolean or null, got an integer"),
    ],
)
def test_a_wrong_type_is_named(members, field, words):
    error = refused(request(**members))
    assert error.field == field
    assert error.message == f"Invalid type for '{field}': {words}"


@pytest.mark.parametrize("number", [0, -5, 2**31, 10**30])
def test_max_tokens_has_bounds(number):
    error = refused(request(max_tokens=number))
    assert error.field == "max_tokens"
    assert "'max_tokens'" in error.message


@pytest.mark.parametrize("model", ["", "  ", "m" * 257])
def test_a_model_has_a_name(model):
    error = refused(request(model=model))
    assert error.field == "model"
    assert "'model'" in error.message
    assert ANTHROPIC.parse_request(request(model="m" * 256)).model == "m" * 256


def test_what_is_read():
    parsed = ANTHROPIC.parse_request(request())
    assert (parsed.model, parsed.stream, parsed.max_output_tokens) == ("claude-x", False, 64)
    assert (parsed.choices, parsed.stream_options) == (1, None)
    assert ANTHROPIC.parse_request(request(stream=True)).stream


SIGNED = (
    b'{"messages" : [{"role":"assistant","content":[{"thinking":"\\u00e9 \xc3\xa9",'
    b'"signature":"EqQB\\/=="}], "model":"inner"}],\n "model": "claude-x" , "max_tokens":64,'
    b'"stream":true, "temperature":0.70}'
)


def test_only_the_model_changes():
    parsed = ANTHROPIC.parse_request(SIGNED)
    assert ANTHROPIC.prepare_request(SIGNED, parsed, "claude-x") == SIGNED
    mapped = ANTHROPIC.prepare_request(SIGNED, parsed, "eu.claude-x-v1:0")
    assert mapped == SIGNED.replace(b'"claude-x"', b'"eu.claude-x-v1:0"')


def test_no_other_spelling_escapes_the_mapping():
    body = b'{"mod\\u0065l":"b","max_tokens":1,"messages":[]}'
    parsed = ANTHROPIC.parse_request(body)
    assert parsed.model == "b"
    mapped = ANTHROPIC.prepare_request(body, parsed, "own")
    assert mapped == body.replace(b'"b"', b'"own"')
