"""Gemini's answers and streams, read from a provider and written for a caller."""

import json

import pytest
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st

from common.translation.conversation import (
    Answer,
    Begun,
    CannotExpress,
    Conversation,
    Counts,
    Failed,
    Finished,
    Media,
    RefusalDelta,
    Refused,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ThinkingMode,
    TokenLogprob,
    ToolCall,
    ToolCallBegun,
    ToolCallDelta,
)
from common.translation.gemini import FORMAT
from tests.support.splits import splits

OWN = "gemini.generate"
CLAUDE = "anthropic.messages"
SIGNATURE = "CiQB0e2Kb/+xQg=="
SHOWN = Conversation(model="m", thinking=ThinkingMode())
HIDDEN = Conversation(model="m")
USAGE = {"promptTokenCount": 20, "candidatesTokenCount": 5, "thoughtsTokenCount": 3,
         "cachedContentTokenCount": 8}  # fmt: skip
COUNTS = Counts(input=12, output=8, cache_read=8, reasoning=3)


def generated(*parts, reason="STOP", usage=USAGE, **more):
    candidate = {"content": {"parts": list(parts), "role": "model"}, "index": 0, **more}
    given = {"modelVersion": "gemini-x-1", "responseId": "r1", "candidates": [candidate]}
    if reason is not None:
        candidate["finishReason"] = reason
    if usage is not None:
        given["usageMetadata"] = usage
    return json.dumps(given).encode()


def answered(*parts, **more):
    return FORMAT.read_answer(generated(*parts, **more))


def written(answer, conversation=SHOWN):
    body = json.loads(FORMAT.write_answer(answer, conversation))
    types.GenerateContentResponse.model_validate(body)
    return body


def test_a_whole_answer():
    answer = answered(
        {"text": "think", "thought": True},
        {"text": "Hello", "thoughtSignature": SIGNATURE},
    )
    assert answer == Answer(
        id="r1",
        model="gemini-x-1",
        parts=(
            Thinking("think", origin=OWN),
            Text("Hello"),
            Thinking(signature=SIGNATURE, origin=OWN),
        ),
        finish="stop",
        counts=COUNTS,
    )


def test_calls_without_an_id_get_one_that_no_other_answer_has():
    call = {"name": "f", "args": {"a": 1.0}}
    answer = answered(
        {"functionCall": call, "thoughtSignature": SIGNATURE},
        {"functionCall": call | {"id": "own"}},
        {"functionCall": {"name": "g"}},
    )
    assert answer.finish == "tool_calls"
    assert answer.parts == (
        ToolCall("call_r1_0", "f", '{"a": 1.0}', SIGNATURE),
        ToolCall("own", "f", '{"a": 1.0}'),
        ToolCall("call_r1_2", "g", "{}"),
    )


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("RECITATION", "content_filter")],
)
def test_reasons(reason, finish):
    assert answered(reason=reason).finish == finish


def test_a_refused_prompt():
    body = json.dumps({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": USAGE})
    answer = FORMAT.read_answer(body.encode())
    assert (answer.parts, answer.finish, answer.counts) == ((), "content_filter", COUNTS)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"<html>",
        generated({"text": "a"}, reason=None),
        generated({"text": "a"}, reason="MALFORMED_FUNCTION_CALL"),
        generated({"inlineData": {"mimeType": "image/png", "data": "AA=="}}),
    ],
)
def test_what_is_no_answer(body):
    with pytest.raises(ValueError):  # noqa: PT011 - msgspec's own
        FORMAT.read_answer(body)


def test_probabilities():
    chosen = {"token": "é", "logProbability": -0.5}
    logprobs = {"chosenCandidates": [chosen], "topCandidates": [{"candidates": [chosen]}]}
    answer = answered({"text": "é"}, logprobsResult=logprobs)
    one = TokenLogprob("é", -0.5, (195, 169))
    assert answer.logprobs == (TokenLogprob("é", -0.5, (195, 169), (one,)),)
    assert written(answer)["candidates"][0]["logprobsResult"] == logprobs


def test_an_answer_for_a_caller():
    parts = (
        Thinking("think", SIGNATURE, origin=OWN),
        Text("Hello"),
        Thinking(signature=SIGNATURE, origin=OWN),
        ToolCall("c", "f", '{"a": 1.0}', SIGNATURE),
        ToolCall("d", "g", ""),
    )
    answer = Answer(id="r1", model="x-1", parts=parts, finish="tool_calls", counts=COUNTS)
    call = {"id": "c", "name": "f", "args": {"a": 1.0}}
    assert written(answer) == {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"text": "think", "thought": True, "thoughtSignature": SIGNATURE},
                        {"text": "Hello", "thoughtSignature": SIGNATURE},
                        {"functionCall": call, "thoughtSignature": SIGNATURE},
                        {"functionCall": {"id": "d", "name": "g", "args": {}}},
                    ],
                    "role": "model",
                },
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "modelVersion": "x-1",
        "responseId": "r1",
        "usageMetadata": USAGE | {"totalTokenCount": 28},
    }


def test_what_a_caller_is_told_of_other_ends():
    def reason(finish, *parts):
        answer = Answer(id="r", model="", parts=parts, finish=finish)
        return written(answer)["candidates"][0]["finishReason"]

    assert reason("stop_sequence") == "STOP"
    assert reason("context_window") == "MAX_TOKENS"
    assert reason("refusal", Refused("No")) == "SAFETY"
    cut = Answer(id="r", model="", parts=(ToolCall("c", "f", '{"a'),), finish="length")
    assert written(cut)["candidates"][0]["content"]["parts"] == []
    for part in (ToolCall("c", "f", '{"a'), Media("image", "image/png", "AA==")):
        with pytest.raises(CannotExpress):
            written(Answer(id="r", model="", parts=(part,), finish="stop"))


SIGNED = [
    Thinking("think", "sig/with+=", origin=CLAUDE),
    Thinking(redacted="hidden", origin=CLAUDE),
    Thinking("", "sig", origin="openai.responses"),
]


@pytest.mark.parametrize("thought", SIGNED)
@pytest.mark.parametrize("conversation", [SHOWN, HIDDEN])
def test_what_others_signed_comes_back_as_it_was(thought, conversation):
    answer = Answer(id="r", model="", parts=(thought, Text("a")), finish="stop")
    content = written(answer, conversation)["candidates"][0]["content"]
    types.Content.model_validate(content)
    assert ("think" in json.dumps(content)) == (conversation is SHOWN and thought.text == "think")
    body = json.dumps({"contents": [content]}).encode()
    assert FORMAT.read_request(body, "m").messages[0].parts == (thought, Text("a"))


def test_thoughts_are_shown_only_to_who_asks():
    thought = Thinking("think", origin="openai.chat")
    answer = Answer(id="r", model="", parts=(thought, Text("a")), finish="stop")
    assert written(answer, HIDDEN)["candidates"][0]["content"]["parts"] == [{"text": "a"}]


def sse(*bodies):
    return b"".join(b"data: " + body + b"\r\n\r\n" for body in bodies)


def events_of(*chunks):
    reader = FORMAT.stream_reader()
    return [event for chunk in chunks for event in reader.feed(chunk)] + reader.end()


STREAM = sse(
    generated({"text": "th", "thought": True}, reason=None),
    generated({"text": "ink", "thought": True}, reason=None),
    generated({"text": "Hel"}, reason=None),
    generated({"text": "lo", "thoughtSignature": SIGNATURE}, reason=None),
    generated(
        {"functionCall": {"name": "f", "args": {"a": 1.0}}, "thoughtSignature": SIGNATURE},
        {"functionCall": {"name": "g", "args": {}}},
        reason=None,
    ),
    generated({"text": ""}),
)
EVENTS = [
    Begun("r1", "gemini-x-1"),
    ThinkingDelta("th", origin=OWN),
    ThinkingDelta("ink", origin=OWN),
    TextDelta("Hel"),
    TextDelta("lo"),
    ThinkingDelta(signature=SIGNATURE, origin=OWN),
    ToolCallBegun(0, "call_r1_0", "f", SIGNATURE),
    ToolCallDelta(0, '{"a": 1.0}'),
    ToolCallBegun(1, "call_r1_1", "g"),
    ToolCallDelta(1, "{}"),
    Finished("tool_calls", counts=COUNTS),
]


@given(st.data())
def test_every_split_gives_the_same(data):
    assert events_of(*data.draw(splits(STREAM))) == EVENTS


def test_an_end_without_figures_waits_for_them():
    ended = sse(generated({"text": "a"}, usage=None))
    begun = [Begun("r1", "gemini-x-1"), TextDelta("a")]
    assert events_of(ended) == [*begun, Finished("stop")]
    figures = sse(json.dumps({"usageMetadata": USAGE}).encode())
    assert events_of(ended + figures) == [*begun, Finished("stop", counts=COUNTS)]
    assert events_of(ended.rstrip()) == [*begun, Finished("stop")]


def test_a_refused_prompt_ends_a_stream():
    body = json.dumps({"promptFeedback": {"blockReason": "OTHER"}, "usageMetadata": USAGE})
    assert events_of(sse(body.encode()))[-1] == Finished("content_filter", counts=COUNTS)


@pytest.mark.parametrize(
    ("status", "kind"),
    [("UNAVAILABLE", "overloaded"), ("RESOURCE_EXHAUSTED", "rate_limited"), (None, "server")],
)
@pytest.mark.parametrize("form", [b"data: %s\n\n", b"%s\n"])
def test_an_error_in_a_stream(status, kind, form):
    error = json.dumps({"error": {"message": "No", "status": status}}, indent=1)
    error = json.dumps(json.loads(error)) if form.startswith(b"data") else error
    assert events_of(form % error.encode()) == [Failed("No", kind)]


@pytest.mark.parametrize("body", [b"{", b"<html>", generated(reason="MALFORMED_FUNCTION_CALL")])
def test_a_stream_that_makes_no_sense(body):
    with pytest.raises(ValueError):  # noqa: PT011 - msgspec's own
        events_of(sse(body))


def chunks_of(events, conversation=SHOWN):
    writer = FORMAT.stream_writer(conversation)
    stream = b"".join(writer.write(event) for event in events)
    chunks = [
        json.loads(line.removeprefix("data: ")) for line in stream.decode().split("\n\n")[:-1]
    ]
    for chunk in chunks:
        if "error" not in chunk:
            types.GenerateContentResponse.model_validate(chunk)
    return stream, chunks


def test_a_stream_for_a_caller_reads_as_it_was():
    stream, chunks = chunks_of(EVENTS)
    assert events_of(stream) == EVENTS
    assert {chunk["responseId"] for chunk in chunks} == {"r1"}
    assert chunks[-1]["usageMetadata"] == USAGE | {"totalTokenCount": 28}


def test_a_call_is_written_when_it_is_whole():
    writer = FORMAT.stream_writer(SHOWN)
    assert writer.write(ToolCallBegun(0, "c", "f")) == b""
    assert writer.write(ToolCallDelta(0, '{"a"')) == b""
    assert writer.write(ToolCallDelta(0, ": 1.0}")) == b""
    assert b'"args":{"a": 1.0}' in writer.write(ToolCallBegun(1, "d", "f"))
    assert b'"args":{}' in writer.write(Finished("tool_calls"))


def test_a_call_that_is_cut_off():
    cut = [ToolCallBegun(0, "c", "f"), ToolCallDelta(0, '{"a')]
    _, chunks = chunks_of([*cut, Finished("length")])
    assert [chunk["candidates"][0]["finishReason"] for chunk in chunks] == ["MAX_TOKENS"]
    _, chunks = chunks_of([*cut, TextDelta("a"), Finished("stop")])
    assert [chunk["error"]["status"] for chunk in chunks] == ["INTERNAL"]


def test_others_thoughts_in_a_stream_come_back_as_they_were():
    events = [
        Begun("r", "x", Counts(input=3)),
        ThinkingDelta("th", origin=CLAUDE),
        ThinkingDelta("ink", origin=CLAUDE),
        ThinkingDelta(signature="sig", origin=CLAUDE),
        RefusalDelta("a"),
        Finished("stop"),
    ]
    for conversation in (SHOWN, HIDDEN):
        stream, chunks = chunks_of(events, conversation)
        assert (b"ink" in stream) == (conversation is SHOWN)
        contents = [chunk["candidates"][0]["content"] for chunk in chunks]
        read = FORMAT.read_request(json.dumps({"contents": contents}).encode(), "m")
        assert read.messages[0].parts == (Thinking("think", "sig", origin=CLAUDE), Text("a"))
        assert chunks[-1]["usageMetadata"]["promptTokenCount"] == 3


@pytest.mark.parametrize(("kind", "code"), [("overloaded", 503), ("request", 400)])
def test_an_error_for_a_caller(kind, code):
    _, chunks = chunks_of([TextDelta("a"), Failed("No", kind)])
    assert (chunks[-1]["error"]["code"], chunks[-1]["error"]["message"]) == (code, "No")


def test_probabilities_in_a_stream():
    events = [TextDelta("a", (TokenLogprob("a", -0.5, (97,)),))]
    chosen = {"token": "a", "logProbability": -0.5}
    _, chunks = chunks_of(events)
    assert chunks[0]["candidates"][0]["logprobsResult"]["chosenCandidates"] == [chosen]
    body = generated({"text": "a"}, reason=None, logprobsResult={"chosenCandidates": [chosen]})
    assert events_of(sse(body))[1:] == events
