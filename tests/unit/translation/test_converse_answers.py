"""What Converse answers, whole and in its stream, as Relay's framing hands it over."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dialects.base import BadRequest
from common.translation.conversation import (
    Answer,
    Begun,
    CannotExpress,
    Conversation,
    Counts,
    Failed,
    Finished,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallBegun,
    ToolCallDelta,
)
from common.translation.converse import FORMAT
from tests.support.splits import splits

SIGNED_BY = "anthropic.messages"
USAGE = {"inputTokens": 10, "outputTokens": 4, "totalTokens": 44,
         "cacheReadInputTokens": 20, "cacheWriteInputTokens": 10}  # fmt: skip
COUNTS = Counts(input=10, output=4, cache_read=20, cache_write=10)


def answered(*content, reason="end_turn", **more):
    message = {"role": "assistant", "content": list(content)}
    given = {"output": {"message": message}, "stopReason": reason, "usage": USAGE, **more}
    return FORMAT.read_answer(json.dumps(given).encode())


def test_a_whole_answer():
    thought = {"reasoningText": {"text": "think", "signature": "sig"}}
    answer = answered(
        {"reasoningContent": thought},
        {"reasoningContent": {"redactedContent": "r"}},
        {"text": "Hello"},
        {"toolUse": {"toolUseId": "t", "name": "f", "input": {"a": 1.0}}},
        {"citationsContent": {"content": [{"text": "cited"}], "citations": []}},
        reason="tool_use",
    )
    assert answer == Answer(
        id="",
        model="",
        parts=(
            Thinking("think", "sig", origin=SIGNED_BY),
            Thinking(redacted="r", origin=SIGNED_BY),
            Text("Hello"),
            ToolCall("t", "f", '{"a": 1.0}'),
            Text("cited"),
        ),
        finish="tool_calls",
        counts=COUNTS,
    )


def test_which_sequence_stopped_it():
    more = {"additionalModelResponseFields": {"stop_sequence": "END"}}
    answer = answered({"text": "a"}, reason="stop_sequence", **more)
    assert (answer.finish, answer.stop_sequence) == ("stop_sequence", "END")


@pytest.mark.parametrize(
    ("content", "reason"),
    [({"text": "a"}, "malformed_tool_use"), ({"image": {"format": "png"}}, "end_turn")],
)
def test_what_is_no_answer(content, reason):
    with pytest.raises(ValueError):  # noqa: PT011 - msgspec's own
        answered(content, reason=reason)


def event(name, **members):
    return f"event: {name}\ndata: {json.dumps(members)}\n\n".encode()


def delta(index, **said):
    return event("contentBlockDelta", contentBlockIndex=index, delta=said)


def begun(index, use):
    tool = {"toolUseId": use, "name": "f"}
    return event("contentBlockStart", contentBlockIndex=index, start={"toolUse": tool})


def events_of(*chunks):
    reader = FORMAT.stream_reader()
    return [one for chunk in chunks for one in reader.feed(chunk)] + reader.end()


STREAM = b"".join(
    [
        event("messageStart", role="assistant"),
        delta(0, reasoningContent={"text": "think"}),
        delta(0, reasoningContent={"signature": "sig"}),
        event("contentBlockStop", contentBlockIndex=0),
        delta(1, text="Hel"),
        delta(1, text="lo"),
        begun(2, "t"),
        delta(2, toolUse={"input": ""}),
        delta(2, toolUse={"input": '{"a": '}),
        delta(2, toolUse={"input": "1.0}"}),
        begun(3, "u"),
        event("messageStop", stopReason="tool_use"),
        event("metadata", usage=USAGE, metrics={"latencyMs": 1}),
    ]
)
EVENTS = [
    Begun("", ""),
    ThinkingDelta("think", origin=SIGNED_BY),
    ThinkingDelta(signature="sig", origin=SIGNED_BY),
    TextDelta("Hel"),
    TextDelta("lo"),
    ToolCallBegun(0, "t", "f"),
    ToolCallDelta(0, '{"a": '),
    ToolCallDelta(0, "1.0}"),
    ToolCallBegun(1, "u", "f"),
    Finished("tool_calls", counts=COUNTS),
]


@given(st.data())
def test_every_split_gives_the_same(data):
    assert events_of(*data.draw(splits(STREAM))) == EVENTS


def test_a_stop_without_figures_is_an_end():
    more = {"stop_sequence": "END"}
    stop = event("messageStop", stopReason="stop_sequence", additionalModelResponseFields=more)
    assert events_of(stop) == [Finished("stop_sequence", "END")]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("throttlingException", "rate_limited"),
        ("serviceUnavailableException", "overloaded"),
        ("modelStreamErrorException", "server"),
    ],
)
def test_an_error_in_a_stream(name, kind):
    assert events_of(event(name, message="No"), delta(0, text="a")) == [Failed("No", kind)]


def test_no_caller_speaks_it():
    with pytest.raises(BadRequest):
        FORMAT.read_request(b"{}")
    with pytest.raises(CannotExpress):
        FORMAT.stream_writer(Conversation(model="m"))
