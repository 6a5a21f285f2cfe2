"""Responses: what routing reads, what is changed, what answers say, and how a stream is ended."""

import json

import pytest

from common.dialects import OPERATIONS
from common.dialects.base import BadRequest, ParsedRequest
from common.domain.refusals import Reason, Refusal
from common.domain.usage import Tokens

RESPONSES = OPERATIONS["responses"]
ANSWER = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "gpt-x-1",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "hi"}]}],
    "usage": {"input_tokens": 9, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 2}},
}


def parsed(**members):
    return RESPONSES.parse_request(json.dumps({"model": "gpt-x", **members}).encode())


def read(**members):
    return RESPONSES.read_answer(json.dumps(ANSWER | members).encode())


def test_what_is_read_of_a_request():
    assert parsed() == ParsedRequest(model="gpt-x", stored=True)
    assert parsed(
        stream=True, max_output_tokens=9, previous_response_id="resp_0", store=False, input=[5]
    ) == ParsedRequest(
        model="gpt-x", stream=True, max_output_tokens=9, follows="resp_0", stored=False
    )


def test_all_but_false_stores():
    assert [parsed(store=value).stored for value in (None, True, False)] == [True, True, False]


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"model": 5}, "model"),
        ({"model": ""}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"store": 1}, "store"),
        ({"background": "x"}, "background"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": 2**31}, "max_output_tokens"),
        ({"max_output_tokens": "9"}, "max_output_tokens"),
        ({"previous_response_id": 7}, "previous_response_id"),
    ],
)
def test_the_field_at_fault_is_named(members, field):
    with pytest.raises(BadRequest) as caught:
        parsed(**members)
    assert caught.value.field == field
    assert f"'{field}'" in caught.value.message


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"input":"x"}', b'{"model":"\xff"}'])
def test_what_is_no_request(body):
    with pytest.raises(BadRequest):
        RESPONSES.parse_request(body)


def test_only_the_models_name_is_changed():
    body = b'{ "input":[{"model":"gpt-x","n":1.00}],\t"model" : "gpt-x", "a":1,"a":2}\n'
    request = RESPONSES.parse_request(body)
    assert RESPONSES.prepare_request(body, request, "gpt-x") == body
    changed = RESPONSES.prepare_request(body, request, "own")
    assert changed == body.replace(b'"model" : "gpt-x"', b'"model" : "own"')


def test_what_is_read_of_an_answer():
    answer = read()
    assert answer.tokens == Tokens(input=7, output=4, cache_read=2)
    assert (answer.model, answer.stored_id) == ("gpt-x-1", "resp_1")
    assert answer.output_estimate == -(-len(json.dumps(ANSWER["output"])) // 4)


@pytest.mark.parametrize("status", ["queued", "in_progress", "completed", "failed"])
def test_an_answer_without_figures_is_never_free(status):
    assert read(status=status, usage=None).tokens is None


@pytest.mark.parametrize("stream", [False, True])
def test_the_background_is_a_job(stream):
    assert parsed(background=True, stream=stream).job == "response"
    for value in (False, None):
        assert parsed(background=value, stream=stream) == parsed(stream=stream)
    with pytest.raises(BadRequest, match="must be stored") as caught:
        parsed(background=True, stream=stream, store=False)
    assert (caught.value.field, caught.value.status) == ("store", 400)


@pytest.mark.parametrize("status", ["queued", "in_progress", "completed", "failed", None])
def test_an_answer_that_goes_on_is_unfinished(status):
    assert read(status=status).unfinished is (status in ("queued", "in_progress"))
    assert not read(status=status, id=None).unfinished


def test_figures_count_whatever_the_status():
    assert read(status="in_progress").tokens == Tokens(input=7, output=4, cache_read=2)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"object":"chat.completion","id":"c"}',
        b'{"object":"response","id":5}',
        b'{"error":{"message":"m"}}',
        b'{"object":"response","output":' + b"[" * 5000,
    ],
    ids=range(8),
)
def test_what_is_no_answer(body):
    assert RESPONSES.read_answer(body) is None


def test_a_stream_is_ended_by_an_error_that_both_sdks_and_types_know():
    refusal = Refusal(Reason.UPSTREAM_CUT, "broke off", field=None)
    event = RESPONSES.stream_error_event(refusal, "id-1")
    assert event.startswith(b"event: error\ndata: ")
    assert event.endswith(b"}\n\n")
    error = json.loads(event.partition(b"data: ")[2])
    assert error["type"] == "error"
    assert (error["code"], error["message"], error["param"]) == ("upstream_cut", "broke off", None)
    assert error["error"]["type"] == "server_error"
    assert error["error"]["message"] == "broke off"
    assert error["error"]["request_id"] == "id-1"
    copied = RESPONSES.stream_copy(ParsedRequest(model="m"))
    assert copied.feed(event) == event
    assert copied.saw_error
