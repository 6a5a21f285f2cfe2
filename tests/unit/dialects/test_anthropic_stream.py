"""Message streams go through byte by byte; their figures are cumulative and may be absent."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dialects import OPERATIONS
from common.dialects.base import ParsedRequest
from common.domain.usage import Tokens
from tests.support.splits import copy_of, splits

STOP_REASON = {"stop_reason": "end_turn", "stop_sequence": None}
PING = b'event: ping\ndata: {"type": "ping"}\n\n'


def copy():
    return OPERATIONS["messages"].stream_copy(ParsedRequest(model="m", stream=True))


def event(kind, end=b"\n", **members):
    data = json.dumps({"type": kind, **members}, ensure_ascii=False).encode()
    return b"event: " + kind.encode() + end + b"data: " + data + end * 2


def start(end=b"\n", **usage):
    message = {"id": "msg_1", "type": "message", "model": "claude-x-1", "usage": usage or None}
    return event("message_start", end, message=message)


def text(content, end=b"\n"):
    delta = {"type": "text_delta", "text": content}
    return event("content_block_delta", end, index=0, delta=delta)


def delta(end=b"\n", stop=STOP_REASON, **usage):
    return event("message_delta", end, delta=stop, usage=usage)


def stop(end=b"\n"):
    return event("message_stop", end)


@given(
    st.data(), st.lists(st.text(max_size=8), max_size=4), st.sampled_from([b"\n", b"\r\n", b"\r"])
)
def test_a_stream_goes_through_byte_by_byte(data, contents, end):
    sent = b"".join(
        [
            start(end, input_tokens=25, output_tokens=1),
            PING,
            *[text(content, end) for content in contents],
            delta(end, output_tokens=15),
            stop(end),
        ]
    )
    stream = copy()
    assert copy_of(stream, data.draw(splits(sent))) == sent
    assert stream.reported == Tokens(input=25, output=15)
    assert stream.reported_complete
    assert stream.saw_terminal
    assert not stream.saw_error
    assert stream.served_model == "claude-x-1"


def test_figures_stand_as_far_as_they_are_known():
    stream = copy()
    stream.feed(start(input_tokens=25, cache_read_input_tokens=7, output_tokens=2))
    assert stream.reported == Tokens(input=25, cache_read=7, output=2)
    assert not stream.reported_complete
    stream.feed(delta(stop={"stop_reason": None}, output_tokens=9))
    assert stream.reported == Tokens(input=25, cache_read=7, output=9)
    assert not stream.reported_complete
    more = {"output_tokens": 12, "output_tokens_details": {"thinking_tokens": 4}}
    stream.feed(delta(input_tokens=30, cache_read_input_tokens=None, **more))
    assert stream.reported == Tokens(input=30, cache_read=7, output=12, reasoning=4)
    assert stream.reported_complete
    assert not stream.saw_terminal


SPLIT = {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 50}


@pytest.mark.parametrize(
    ("first", "then", "short", "long"),
    [
        ({"cache_creation_input_tokens": 150, "cache_creation": SPLIT}, {}, 100, 50),
        ({"cache_creation": SPLIT}, {"cache_creation_input_tokens": 150}, 100, 50),
        ({"cache_creation_input_tokens": 150}, {}, 150, 0),
        ({"cache_creation_input_tokens": 150, "cache_creation": {}}, {}, 150, 0),
        (
            {
                "cache_creation_input_tokens": 150,
                "cache_creation": {"ephemeral_1h_input_tokens": 60},
            },
            {"cache_creation_input_tokens": 150},
            90,
            60,
        ),
        ({"cache_creation_input_tokens": 150}, {"cache_creation_input_tokens": 160}, 160, 0),
        ({"cache_creation_input_tokens": 150}, {"cache_creation_input_tokens": None}, 150, 0),
        ({"cache_creation_input_tokens": 150}, {"cache_creation": SPLIT}, 100, 50),
        (
            {"cache_creation": SPLIT},
            {"cache_creation": {"ephemeral_1h_input_tokens": 60}},
            100,
            60,
        ),
        ({"cache_creation": {"ephemeral_5m_input_tokens": -4}}, {}, 0, 0),
    ],
)
def test_cache_writes_by_lifetime(first, then, short, long):
    stream = copy()
    stream.feed(start(input_tokens=5, output_tokens=1, **first))
    stream.feed(delta(output_tokens=8, **then))
    assert stream.reported == Tokens(input=5, output=8, cache_write_5m=short, cache_write_1h=long)
    assert stream.reported_complete


def test_output_alone_is_not_complete():
    stream = copy()
    stream.feed(start() + delta(output_tokens=8) + stop())
    assert stream.reported == Tokens(output=8)
    assert not stream.reported_complete
    stream = copy()
    stream.feed(start() + delta(input_tokens=3, output_tokens=8))
    assert stream.reported_complete


@pytest.mark.parametrize("usage", [b"null", b"[]", b'{"output_tokens":"8"}'])
def test_figures_without_meaning_change_nothing(usage):
    stream = copy()
    stream.feed(start(input_tokens=25, output_tokens=1))
    last = b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":' + usage
    assert stream.feed(last + b"}\n\n") == last + b"}\n\n"
    assert stream.reported == Tokens(input=25, output=1)
    assert not stream.reported_complete


def test_an_error_is_seen_and_passed_on():
    stream = copy()
    error = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    assert stream.feed(error) == error
    assert stream.saw_error
    assert not stream.saw_terminal


@pytest.mark.parametrize(
    "other",
    [
        PING,
        b"event: ping\n\n",
        b": comment\n\n",
        b"data: garbage\n\n",
        b"data: [1]\n\n",
        b'data: {"type":5}\n\n',
        b'data: {"type":"\xff"}\n\n',
        b"data: " + b"[" * 100_000 + b"\n\n",
        event("of_the_future", message={"model": "other"}, delta={"text": "x"}),
        event("content_block_delta", delta=None),
        event("message_start"),
    ],
)
def test_all_else_passes_and_means_nothing(other):
    stream = copy()
    assert stream.feed(other) == other
    assert (stream.saw_error, stream.saw_terminal, stream.output_estimate) == (False, False, 0)
    assert stream.served_model is None
    assert stream.reported == Tokens()


@pytest.mark.parametrize("left", [1, 2, 3, 30])
def test_a_cut_in_mid_event_gives_no_half_event(left):
    stream = copy()
    sent = text("one") + text("two")
    assert copy_of(stream, [sent[:-left]]) == text("one")
    assert not stream.saw_terminal


def test_nothing_follows_the_stop():
    assert copy_of(copy(), [stop() + b"event: mess"]) == stop()
    assert copy_of(copy(), [stop() + PING[:-1]]) == stop()


@pytest.mark.parametrize("tail", [b"", b"\n", b"\r\n"])
def test_the_stop_needs_no_empty_line_at_the_end(tail):
    stream = copy()
    assert stream.feed(text("one") + stop().rstrip() + tail) == text("one")
    assert stream.end() == stop()
    assert stream.saw_terminal


def test_a_last_error_without_empty_line_is_passed_on():
    stream = copy()
    error = event("error", error={"type": "api_error", "message": "no"})
    assert copy_of(stream, [error.rstrip()]) == error
    assert stream.saw_error


def test_the_estimate_grows_with_every_kind_of_output():
    stream = copy()
    deltas = [
        ({"type": "text_delta", "text": "a" * 40}, 10),
        ({"type": "input_json_delta", "partial_json": "b" * 40}, 20),
        ({"type": "thinking_delta", "thinking": "c" * 40}, 30),
        ({"type": "signature_delta", "signature": "d" * 40}, 30),
        ({"type": "text_delta", "text": "\u4e2d" * 40}, 60),  # three bytes each
        ({"type": "text_delta", "text": "e"}, 61),
    ]
    for part, estimate in deltas:
        stream.feed(event("content_block_delta", index=0, delta=part))
        assert stream.output_estimate == estimate
