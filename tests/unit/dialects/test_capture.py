"""What the cache's layer keeps of answers, and that it changes nothing."""

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dialects import OPERATIONS
from common.dialects.base import ParsedRequest
from common.dialects.capture import Capture
from common.dialects.replayed import Replayed

CHAT = OPERATIONS["chat.completions"]
PARSED = ParsedRequest(model="m", stream=True)
EVENTS = b"".join(
    b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"w%d"}}]}\n\n' % at
    for at in range(5)
)
STREAM = EVENTS + b"data: [DONE]\n\n"


def streamed(capture, stream, cuts=(), *, end=True):
    copy = capture.around(CHAT).stream_copy(PARSED)
    edges = [0, *sorted(cut % len(stream) for cut in cuts), len(stream)]
    sent = [copy.feed(stream[a:b]) for a, b in itertools.pairwise(edges)]
    return b"".join(sent) + (copy.end() if end else b"")


@given(st.lists(st.integers(0, 10_000), max_size=6))
def test_a_stream_is_kept_as_it_was_sent_and_replayed_the_same(cuts):
    capture = Capture(10_000)
    assert streamed(capture, STREAM, cuts) == STREAM
    assert capture.kept() == STREAM
    copy = Replayed(CHAT).stream_copy(PARSED)
    edges = [0, *sorted(cut % len(STREAM) for cut in cuts), len(STREAM)]
    sent = [copy.feed(STREAM[a:b]) for a, b in itertools.pairwise(edges)]
    assert b"".join(sent) + copy.end() == STREAM


def test_only_what_came_to_its_end_is_kept():
    capture = Capture(10_000)
    streamed(capture, STREAM, end=False)
    assert capture.kept() is None
    streamed(capture, EVENTS)
    assert capture.kept() is None
    streamed(capture, EVENTS + b'data: {"error":{"message":"x","type":"server_error"}}\n\n')
    assert capture.kept() is None


def test_another_account_begins_anew():
    capture = Capture(10_000)
    streamed(capture, EVENTS, end=False)
    streamed(capture, STREAM)
    assert capture.kept() == STREAM


def test_what_is_too_large_is_not_kept():
    capture = Capture(len(STREAM) - 1)
    assert streamed(capture, STREAM) == STREAM
    assert (capture.kept(), capture.too_large, capture.ended) == (None, True, True)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"choices":[{"finish_reason":"stop"}]}', True),
        (b'{"choices":[{"finish_reason": "length"}]}', True),
        (b'{"choices":[{"message":{"content":"\\"finish_reason\\":\\"content_filter\\""}}]}', True),
        (b'{"choices":[{"finish_reason": "content_filter"}]}', False),
        (b'{"type":"message","stop_reason":"refusal"}', False),
        (b'{"candidates":[{"finishReason":"SAFETY"}]}', False),
        (b'{"promptFeedback":{"blockReason":"OTHER"}}', False),
        (b'{"object":"response","status":"completed"}', True),
        (b'{"object":"response","status":"failed"}', False),
        (b'{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}', True),
        (b'{"status":"incomplete","incomplete_details":{"reason":"content_filter"}}', False),
    ],
)
def test_answers_that_a_filter_ended_are_not_kept(body, kept):
    capture = Capture(10_000)
    assert asyncio.run(capture.whole(body)) == body
    assert (capture.kept() == body) is kept
