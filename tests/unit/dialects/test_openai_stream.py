"""Chat streams: passed on byte by byte, but for figures that the caller did not ask for."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dialects import OPERATIONS
from common.dialects.base import ParsedRequest
from common.domain.usage import Tokens
from tests.support.splits import copy_of, splits

DONE = b"data: [DONE]\n\n"
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 40,
    "total_tokens": 140,
    "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 20, "audio_tokens": 5},
    "completion_tokens_details": {"reasoning_tokens": 12, "audio_tokens": 3},
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


def copy(*, asked):
    parsed = ParsedRequest(model="m", stream=True, include_usage=asked)
    return OPERATIONS["chat.completions"].stream_copy(parsed)


def chunk(content="hi", end=b"\n\n", **more):
    choices = [{"index": 0, "delta": {"content": content}, "finish_reason": None}]
    value = {"id": "c1", "model": "gpt-x-1", "choices": choices, **more}
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + end


def last(usage=USAGE, end=b"\n\n"):
    return chunk(choices=[], usage=usage, end=end)


def stream_of(contents, end, *, usage):
    """What a provider sends, with and without the figures that Relay asked for."""
    more = {"usage": None} if usage else {}
    events = [b": hello" + end * 2, *[chunk(text, end * 2, **more) for text in contents]]
    if usage:
        events.append(last(end=end * 2))
    return b"".join([*events, b"data: [DONE]" + end * 2])


CONTENTS = st.lists(
    st.one_of(
        st.text(max_size=8), st.sampled_from([',"usage":null}', '"usage":null', "}", "\n\n"])
    ),
    max_size=4,
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(st.data(), CONTENTS, ENDS)
def test_what_was_not_asked_for_is_taken_out(data, contents, end):
    sent = stream_of(contents, end, usage=True)
    stream = copy(asked=False)
    copied = copy_of(stream, data.draw(splits(sent)))
    assert copied == stream_of(contents, end, usage=False)
    assert stream.reported == TOKENS
    assert stream.reported_complete
    assert stream.saw_terminal
    assert not stream.saw_error


@given(st.data(), CONTENTS, ENDS, st.booleans(), st.booleans())
def test_all_else_goes_through_byte_by_byte(data, contents, end, usage, asked):
    sent = stream_of(contents, end, usage=usage and asked)
    stream = copy(asked=asked)
    assert copy_of(stream, data.draw(splits(sent))) == sent
    assert stream.saw_terminal
    assert stream.reported == (TOKENS if usage and asked else Tokens())
    assert stream.reported_complete == (usage and asked)


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        (b'data: {"choices":[{}],"usage":null}\n\n', b'data: {"choices":[{}]}\n\n'),
        (b'data:{"usage": null , "choices":[{}]}\n\n', b'data:{"choices":[{}]}\n\n'),
        (
            b': {\nevent: x\ndata: {"choices":[{}], "usage" : null, "a":1}\r\n\r\n',
            b': {\nevent: x\ndata: {"choices":[{}], "a":1}\r\n\r\n',
        ),
        (
            b'data: {"choices":[{"usage":null}],"x":{"usage":null}}\n\n',
            b'data: {"choices":[{"usage":null}],"x":{"usage":null}}\n\n',
        ),
        (
            b'data: {"usage":null,"choices":[{"a":1,"usage":null}]}\n\n',
            b'data: {"choices":[{"a":1,"usage":null}]}\n\n',
        ),
        (b'data: {"choices":[],"usage":null,"a":1}\n\n', b'data: {"choices":[],"a":1}\n\n'),
        (b'data: {"choices":[],"usage":{}}\n\n', b'data: {"choices":[]}\n\n'),
        (b'data: {"choices":[],"us\\u0061ge":null}\n\n', b'data: {"choices":[]}\n\n'),
    ],
)
def test_usage_is_taken_out_wherever_it_stands(sent, seen):
    assert copy(asked=False).feed(sent) == seen
    assert copy(asked=True).feed(sent) == sent


def test_an_event_over_several_lines_stays_whole():
    sent = b'data: {"choices":[{}],\ndata: "usage":null}\n\n'
    assert copy(asked=False).feed(sent) == sent


def test_figures_in_a_last_chunk_with_choices_are_read_and_taken_out():
    stream = copy(asked=False)
    assert stream.feed(chunk(usage=USAGE)) == chunk()
    assert stream.reported == TOKENS
    assert not stream.reported_complete
    assert stream.feed(DONE) == DONE
    assert stream.reported_complete


@pytest.mark.parametrize("asked", [True, False])
def test_of_figures_in_every_chunk_the_last_count(asked):
    stream = copy(asked=asked)
    sent = [chunk(usage={"prompt_tokens": 9, "completion_tokens": count}) for count in (1, 2, 3)]
    for count, event in enumerate(sent, 1):
        assert stream.feed(event) == (event if asked else chunk())
        assert stream.reported == Tokens(input=9, output=count)
        assert not stream.reported_complete
    assert stream.feed(DONE) == DONE
    assert stream.reported_complete


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 7}, Tokens(input=7)),
        ({"prompt_tokens": 7, "completion_tokens": None}, Tokens(input=7)),
        (
            {"prompt_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": None},
            Tokens(input=7, output=2),
        ),
        (
            {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 9}},
            Tokens(cache_read=9),
        ),
        ({"prompt_tokens": -3, "completion_tokens": -1}, Tokens()),
    ],
)
def test_figures_may_be_few(usage, tokens):
    stream = copy(asked=False)
    assert stream.feed(last(usage)) == b""
    assert stream.reported == tokens
    assert stream.reported_complete


@pytest.mark.parametrize("usage", [{"completion_tokens": 4}, {"prompt_tokens": "7"}, [], 5, None])
def test_figures_without_meaning_are_none(usage):
    stream = copy(asked=True)
    stream.feed(last(usage))
    stream.feed(DONE)
    assert stream.reported == Tokens()
    assert not stream.reported_complete


@pytest.mark.parametrize("tail", [b"", b"\n", b"\r\n", b"\r"])
def test_done_needs_no_empty_line_at_the_end(tail):
    stream = copy(asked=False)
    assert stream.feed(chunk() + last() + b"data: [DONE]" + tail) == chunk()
    assert not stream.saw_terminal
    assert stream.end() == DONE
    assert stream.saw_terminal


def test_done_may_carry_spaces():
    stream = copy(asked=False)
    assert stream.feed(b"data: [DONE] \n\n") == b"data: [DONE] \n\n"
    assert stream.saw_terminal


@pytest.mark.parametrize("left", [1, 3, 4, 20])
def test_a_cut_in_mid_event_gives_no_half_event(left):
    stream = copy(asked=False)
    sent = chunk("one") + chunk("two")
    assert copy_of(stream, [sent[:-left]]) == chunk("one")
    assert not stream.saw_terminal
    assert not stream.reported_complete


def test_nothing_follows_done():
    stream = copy(asked=False)
    assert copy_of(stream, [DONE + b"data: {"]) == DONE


def test_an_error_is_seen_and_passed_on():
    stream = copy(asked=False)
    event = b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n'
    assert stream.feed(event) == event
    assert stream.saw_error
    assert not stream.saw_terminal
    fine = copy(asked=False)
    fine.feed(chunk(error=None))
    assert not fine.saw_error


@pytest.mark.parametrize(
    "event",
    [
        b"data: not json\n\n",
        b"data: [1,2]\n\n",
        b'data: {"choices":5,"usage":null}\n\n',
        b'data: {"choices":[{"delta":{"content":[]}}]}\n\n',
        b"data: \xff\xfe\n\n",
        b'data: {"model":"\xff"}\n\n',
        b"data: " + b"[" * 100_000 + b"\n\n",
        b": comment\n\n",
        b"event: nothing\n\n",
        b"\n\n",
    ],
)
def test_what_is_not_understood_passes(event):
    stream = copy(asked=False)
    assert stream.feed(event) == event
    assert (stream.saw_error, stream.saw_terminal, stream.output_estimate) == (False, False, 0)
    assert stream.feed(chunk()) == chunk()


def test_the_first_model_is_the_served_one():
    stream = copy(asked=False)
    stream.feed(chunk(model=""))
    assert stream.served_model is None
    stream.feed(chunk() + chunk(model="other"))
    assert stream.served_model == "gpt-x-1"


def test_the_estimate_grows_with_every_kind_of_output():
    stream = copy(asked=False)
    function = {"name": "look", "arguments": "x" * 36}
    deltas = [
        ({"content": "a" * 40}, 10),
        ({"refusal": "b" * 40}, 20),
        ({"reasoning_content": "c" * 40}, 30),
        ({"tool_calls": [{"index": 0, "function": function}]}, 40),
        ({"content": "\u4e2d" * 40}, 70),  # three bytes each
        ({"role": "assistant", "content": None}, 70),
        ({"content": "d"}, 71),
    ]
    for delta, estimate in deltas:
        stream.feed(chunk(choices=[{"index": 0, "delta": delta}]))
        assert stream.output_estimate == estimate
    stream.feed(chunk(choices=[{"delta": {"content": "e" * 20}}, {"delta": {"content": "f" * 20}}]))
    assert stream.output_estimate == 81


def read_each(stream, events):
    """What becomes of the events when each is read as if none had come before."""
    seen = b""
    for event in events:
        stream._alike = None
        seen += stream.feed(event)
    return seen + stream.end()


ALIKE = st.one_of(
    st.builds(chunk, st.text(alphabet='ab "\\{}:,\u00e9', max_size=6), usage=st.none()),
    st.builds(chunk, st.sampled_from(["a", "bc", "d" * 9, ""])),
    st.builds(
        lambda text, delta: chunk(choices=[{"index": 0, "delta": {**delta, "content": text}}]),
        st.sampled_from(["a", "bc"]),
        st.sampled_from([{}, {"refusal": "no"}, {"x": {"content": "y"}}, {"role": "assistant"}]),
    ),
    st.builds(lambda text: chunk(text, usage=None, service_tier="flex"), st.sampled_from("ab")),
    st.builds(lambda text: chunk(text, error={"message": "x"}), st.sampled_from("ab")),
    st.builds(lambda text: chunk(text, usage=USAGE), st.sampled_from("ab")),
    st.sampled_from([
        b'data: {"id":"c1","choices":[{"delta":{"content":"a","conten\\u0074":"other"}}]}\n\n',
        b'data: {"id":"c1","choices":[{"delta":{"content":"a"}}],"choices":[]}\n\n',
        b'data: {"id":"c1","choices":[{"delta":{"content":"\xff"}}]}\n\n',
        b'data: {"id":"c1","choices":[{"delta":{"content":"a\tb"}}]}\n\n',
        b'data: {"id":"c1","choices":[{"delta":{"content":"b"}}]}\n\n',
    ]),
)  # fmt: skip


@given(st.lists(ALIKE, max_size=12), st.booleans())
def test_an_event_like_the_one_before_is_read_as_any_other(events, asked):
    found, wanted = copy(asked=asked), copy(asked=asked)
    assert b"".join([found.feed(one) for one in events]) + found.end() == read_each(wanted, events)
    for name in ("output_estimate", "reported", "served_model", "service_tier", "saw_error",
                 "usage", "reported_complete"):  # fmt: skip
        assert getattr(found, name) == getattr(wanted, name)
