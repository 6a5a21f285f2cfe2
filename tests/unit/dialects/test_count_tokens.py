"""Token counting: a request like a message's without its cap, an answer that costs nothing."""

import json

import pytest

from common.dialects import OPERATIONS
from common.dialects.base import BadRequest, NotStreamed, ParsedRequest
from common.domain.refusals import Reason, Refusal
from common.domain.usage import Tokens

COUNT = OPERATIONS["messages.count_tokens"]
GOOD = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def test_what_is_read():
    body = json.dumps(GOOD | {"system": "x", "tools": []}).encode()
    assert COUNT.parse_request(body) == ParsedRequest(model="m", input_estimate=0)


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"model": None}, "model"),
        ({"model": "\t"}, "model"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [5]}, "messages[0]"),
        ({"messages": [{"content": "a"}]}, "messages[0].role"),
    ],
)
def test_the_field_at_fault_is_named(members, field):
    with pytest.raises(BadRequest) as caught:
        COUNT.parse_request(json.dumps(GOOD | members).encode())
    assert caught.value.field == field


@pytest.mark.parametrize("name", ["model", "messages"])
def test_a_missing_field_is_named(name):
    body = {key: value for key, value in GOOD.items() if key != name}
    with pytest.raises(BadRequest, match="Missing") as caught:
        COUNT.parse_request(json.dumps(body).encode())
    assert caught.value.field == name


def test_only_the_models_name_is_changed():
    body = b'{"messages":[{"role":"user","content":[{"signature":"\\/model"}]}],"model": "m"}'
    parsed = COUNT.parse_request(body)
    assert COUNT.prepare_request(body, parsed, "m") == body
    assert COUNT.prepare_request(body, parsed, "own") == body.replace(b'"m"', b'"own"')


def test_counting_uses_nothing():
    answer = COUNT.read_answer(b'{"input_tokens": 2095, "x": 1}')
    assert (answer.tokens, answer.model, answer.output_estimate) == (Tokens(), None, 0)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"input_tokens":"5"}', b"[]", b"\xff"])
def test_what_is_no_answer(body):
    assert COUNT.read_answer(body) is None


def test_nothing_streams():
    with pytest.raises(NotStreamed):
        COUNT.stream_copy(ParsedRequest(model="m"))


def test_errors_are_anthropics():
    event = COUNT.stream_error_event(Refusal(Reason.UPSTREAM_CUT, "cut"), "id-1")
    assert event.startswith(b'event: error\ndata: {"type":"error"')
