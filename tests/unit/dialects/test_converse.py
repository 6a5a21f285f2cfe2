"""Converse's answers and streams: what was used, as Bedrock says it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dialects import OPERATIONS
from common.dialects.base import BadRequest, ParsedRequest
from common.domain.usage import Tokens
from tests.support.splits import copy_of, splits

CONVERSE = OPERATIONS["bedrock.converse"]
USAGE = {
    "inputTokens": 10,
    "outputTokens": 4,
    "totalTokens": 44,
    "cacheReadInputTokens": 20,
    "cacheWriteInputTokens": 10,
    "cacheDetails": [{"ttl": "1h", "inputTokens": 7}, {"ttl": "5m", "inputTokens": 3}],
}
TOKENS = Tokens(input=10, output=4, cache_read=20, cache_write_5m=3, cache_write_1h=7)


def event(name, **members):
    return b"event: " + name.encode() + b"\ndata: " + json.dumps(members).encode() + b"\n\n"


def delta(**said):
    return event("contentBlockDelta", contentBlockIndex=0, delta=said)


def copy():
    return CONVERSE.stream_copy(ParsedRequest(model="m", stream=True))


@given(st.data(), st.lists(st.text(max_size=8), max_size=4))
def test_a_stream_goes_through_byte_by_byte(data, texts):
    sent = b"".join(
        [
            event("messageStart", role="assistant"),
            *[delta(text=text) for text in texts],
            event("messageStop", stopReason="end_turn"),
            event("metadata", usage=USAGE, metrics={}, serviceTier={"type": "flex"}),
        ]
    )
    stream = copy()
    assert copy_of(stream, data.draw(splits(sent))) == sent
    assert (stream.reported, stream.reported_complete) == (TOKENS, True)
    assert (stream.saw_terminal, stream.saw_error) == (True, False)
    assert stream.service_tier == "flex"
    assert json.loads(stream.usage[0]) == USAGE


def test_the_stop_comes_before_the_figures():
    stream = copy()
    stream.feed(event("messageStop", stopReason="end_turn"))
    assert stream.saw_terminal
    assert not stream.reported_complete


@pytest.mark.parametrize("name", ["throttlingException", "modelStreamErrorException"])
def test_an_error_is_seen(name):
    stream = copy()
    stream.feed(event(name, message="no"))
    assert stream.saw_error
    assert not stream.saw_terminal


def test_the_estimate_grows_with_every_kind_of_output():
    stream = copy()
    for said, estimate in [
        ({"text": "a" * 40}, 10),
        ({"toolUse": {"input": "b" * 40}}, 20),
        ({"reasoningContent": {"text": "c" * 40}}, 30),
        ({"reasoningContent": {"signature": "d" * 40}}, 30),
    ]:
        stream.feed(delta(**said))
        assert stream.output_estimate == estimate


@pytest.mark.parametrize(
    "other", [b": comment\n\n", b"data: {}\n\n", event("metadata", usage={"inputTokens": "x"})]
)
def test_all_else_means_nothing(other):
    stream = copy()
    assert stream.feed(other) == other
    assert (stream.saw_error, stream.saw_terminal, stream.reported) == (False, False, Tokens())


def answer(**members):
    message = {"role": "assistant", "content": [{"text": "Hello"}]}
    given = {"output": {"message": message}, "stopReason": "end_turn", **members}
    return CONVERSE.read_answer(json.dumps(given).encode())


def test_a_whole_answer():
    read = answer(usage=USAGE, serviceTier={"type": "priority"})
    assert (read.tokens, read.model, read.service_tier) == (TOKENS, None, "priority")
    assert answer().tokens is None
    assert answer().output_estimate > 0
    plain = {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}
    assert answer(usage=plain).tokens == Tokens(input=1, output=2)
    assert CONVERSE.read_answer(b'{"message":"no"}') is None


def test_no_caller_speaks_it():
    with pytest.raises(BadRequest):
        CONVERSE.parse_request(b"{}")
