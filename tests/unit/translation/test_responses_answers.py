"""Responses, whole and streamed: as OpenAI's SDK reads them, and as providers send them."""

import json
from typing import get_args

import httpx
import openai
import pytest
from openai.types.responses import Response, ResponseStreamEvent

from common.translation.conversation import (
    Answer,
    Begun,
    Conversation,
    Counts,
    Failed,
    Finished,
    Message,
    RefusalDelta,
    Refused,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ThinkingMode,
    TokenLogprob,
    Tool,
    ToolCall,
    ToolCallBegun,
    ToolCallDelta,
    ToolChoice,
)
from common.translation.openai_responses import FORMAT

ASKED = Conversation(
    model="m",
    system=(Text("Be brief"),),
    messages=(Message("user", (Text("Hello"),)),),
    tools=(Tool("f", "Does it"),),
    tool_choice=ToolChoice("named", "f", parallel=False),
    thinking=ThinkingMode(effort="low"),
    temperature=0.5,
    max_output_tokens=50,
)
CLAUDE = "anthropic.messages"
LOGPROBS = (TokenLogprob("Hé", -0.5, None, (TokenLogprob("Hé", -0.5), TokenLogprob("Ho", -2.0))),)
COUNTS = Counts(input=5, output=7, cache_read=2, cache_write=1, reasoning=3)
PARTS = (
    Thinking("Let me see", signature="c2ln", origin=CLAUDE),
    Thinking(redacted="aGlkZGVu", origin=CLAUDE),
    Text("Hé"),
    ToolCall("c1", "f", '{"a":1}', signature="dGhvdWdodA"),
    ToolCall("c2", "f", "{}"),
)
EVENTS = (
    Begun("msg_1", "served", Counts(input=5), created_s=1_790_000_000),
    ThinkingDelta("Let me"),
    ThinkingDelta(" see"),
    ThinkingDelta(signature="c2ln", origin=CLAUDE),
    ThinkingDelta(redacted="aGlkZGVu", origin=CLAUDE),
    TextDelta(""),
    TextDelta("Hé", LOGPROBS),
    ToolCallBegun(0, "c1", "f", "dGhvdWdodA"),
    ToolCallDelta(0, '{"a"'),
    ToolCallDelta(0, ":1}"),
    ToolCallBegun(1, "c2", "f"),
    ToolCallDelta(1, "{}"),
    Finished("tool_calls", counts=COUNTS),
)
EVENT_TYPES = {
    get_args(kind.model_fields["type"].annotation)[0]: kind
    for kind in get_args(get_args(ResponseStreamEvent)[0])
}


def written(*events):
    writer = FORMAT.stream_writer(ASKED)
    return b"".join([writer.write(event) for event in events])


def read_in(stream):
    reader = FORMAT.stream_reader()
    return [*reader.feed(stream), *reader.end()]


def data_of(stream):
    """Every event's data, after its type was checked against the SDK's."""
    events = []
    for event in stream.split(b"\n\n")[:-1]:
        name, _, data = event.partition(b"\n")
        said = json.loads(data.removeprefix(b"data: "))
        assert name == b"event: " + said["type"].encode()
        EVENT_TYPES[said["type"]].model_validate(said)
        events.append(said)
    assert [said["sequence_number"] for said in events] == list(range(len(events)))
    return events


def client(stream):
    def answer(_):
        return httpx.Response(200, content=stream, headers={"content-type": "text/event-stream"})

    transport = httpx.MockTransport(answer)
    return openai.OpenAI(
        api_key="k", base_url="http://relay", http_client=httpx.Client(transport=transport)
    )


def answered(parts=PARTS, finish="tool_calls", **more):
    answer = Answer(
        id="msg_1",
        model="served",
        parts=parts,
        finish=finish,
        counts=COUNTS,
        created_s=1_790_000_000,
        **more,
    )
    return json.loads(FORMAT.write_answer(answer, ASKED))


def test_an_answer_is_what_the_sdk_reads():
    body = answered(logprobs=LOGPROBS)
    response = Response.model_validate(body)
    assert [item.id for item in response.output] == [
        *("rs_msg_1_0", "rs_msg_1_1", "msg_msg_1_2", "rs_msg_1_3", "fc_msg_1_4", "fc_msg_1_5")
    ]
    assert (response.id, response.model, response.status) == ("resp_msg_1", "served", "completed")
    assert response.output_text == "Hé"
    assert response.usage.model_dump(exclude_none=True) == {
        "input_tokens": 8,
        "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 15,
    }
    assert (response.tool_choice.name, response.parallel_tool_calls) == ("f", False)
    assert (response.instructions, response.temperature) == ("Be brief", 0.5)
    assert body["store"] is False
    assert response.output[2].content[0].logprobs[0].bytes == list("Hé".encode())


@pytest.mark.parametrize(
    ("parts", "finish", "status", "reason"),
    [
        ((Text("a"),), "stop", "completed", None),
        ((Text("a"),), "stop_sequence", "completed", None),
        ((Text("a"),), "length", "incomplete", "max_output_tokens"),
        ((Text("a"),), "context_window", "incomplete", "max_output_tokens"),
        ((Text("a"),), "content_filter", "incomplete", "content_filter"),
        ((Text("a"),), "refusal", "incomplete", "content_filter"),
        ((Text("a"), Refused("No")), "refusal", "completed", None),
    ],
)
def test_why_an_answer_ends(parts, finish, status, reason):
    body = answered(parts, finish)
    said = {Text: TextDelta, Refused: RefusalDelta}
    deltas = [said[type(part)](part.text) for part in parts]
    streamed = data_of(written(EVENTS[0], *deltas, Finished(finish)))[-1]
    assert streamed["type"] == f"response.{status}"
    for response in (body, streamed["response"]):
        Response.model_validate(response)
        assert (response["status"], response["output"][-1]["status"]) == (status, status)
        assert (response["incomplete_details"] or {}).get("reason") == reason


def test_a_stream_has_every_event_of_the_api_in_its_order():
    events = data_of(written(*EVENTS))
    thought = ["output_item.added", "output_item.done"]
    summary = [f"reasoning_summary_{name}" for name in ("part.added", "text.delta", "text.delta")]
    summary += ["reasoning_summary_text.done", "reasoning_summary_part.done"]
    text = ["content_part.added", "output_text.delta", "output_text.done", "content_part.done"]
    delta, done = "function_call_arguments.delta", "function_call_arguments.done"
    expected = [
        *("created", "in_progress"),
        *(thought[0], *summary, thought[1]),
        *thought,
        *(thought[0], *text, thought[1]),
        *thought,
        *(thought[0], delta, delta, done, thought[1]),
        *(thought[0], delta, done, thought[1]),
        "completed",
    ]
    assert [event["type"].removeprefix("response.") for event in events] == expected
    places = [event["output_index"] for event in events if "output_index" in event]
    assert places == sorted(places)
    assert events[-1]["response"] == answered() | {"output": events[-1]["response"]["output"]}
    done = [event["item"] for event in events if event["type"].endswith("output_item.done")]
    assert events[-1]["response"]["output"] == done
    whole = answered(logprobs=LOGPROBS)["output"]
    assert done == whole


def test_the_sdk_reads_a_stream_by_events_and_as_a_whole():
    with client(written(*EVENTS)).responses.stream(model="m", input="Hello") as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == "Hé"
    calls = [item for item in final.output if item.type == "function_call"]
    assert [call.arguments for call in calls] == ['{"a":1}', "{}"]
    assert final.usage.total_tokens == 15


def test_a_refusal_streams_beside_a_text():
    stream = written(
        EVENTS[0], TextDelta("a"), RefusalDelta("N"), RefusalDelta("o"), Finished("refusal")
    )
    (item,) = data_of(stream)[-1]["response"]["output"]
    assert [part["type"] for part in item["content"]] == ["output_text", "refusal"]
    assert item["content"][1]["refusal"] == "No"
    assert read_in(stream)[-1].finish == "refusal"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("rate_limited", "rate_limit_exceeded"),
        ("overloaded", "server_error"),
        ("server", "server_error"),
        ("request", "invalid_prompt"),
    ],
)
def test_an_error_ends_the_response_and_raises_in_the_sdk(kind, code):
    stream = written(EVENTS[0], TextDelta("a"), Failed("It broke", kind))
    failed, error = data_of(stream)[-2:]
    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    assert failed["response"]["error"] == {"code": code, "message": "It broke"}
    assert (error["type"], error["message"], error["code"]) == ("error", "It broke", code)
    with pytest.raises(openai.APIError, match="It broke"):
        list(client(stream).responses.create(model="m", input="Hello", stream=True))


def test_an_error_before_anything_else_has_no_response():
    (error,) = data_of(written(Failed("It broke")))
    assert error["type"] == "error"


def test_seals_of_other_formats_come_back_as_they_were():
    items = answered()["output"]
    request = {"model": "m", "input": [{"role": "user", "content": "Hello"}, *items]}
    told = FORMAT.read_request(json.dumps(request).encode())
    assert told.messages[1].parts == PARTS


def test_a_provider_that_streams_no_deltas_is_read_from_its_items():
    items = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gA"},
        {
            "type": "message",
            "content": [
                {"type": "output_text", "text": "Hi", "annotations": []},
                {"type": "refusal", "refusal": "No"},
            ],
        },
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
    ]
    response = {"id": "resp_1", "object": "response", "model": "m", "created_at": 5.0}
    events = [{"type": "response.created", "response": response}]
    events += [
        {"type": "response.output_item.done", "output_index": at, "item": item}
        for at, item in enumerate(items)
    ]
    ended = response | {"status": "completed", "output": items, "usage": None}
    events.append({"type": "response.completed", "response": ended})
    events.append({"type": "response.output_text.delta", "delta": "after the end"})
    stream = b"".join([b"data: " + json.dumps(event).encode() + b"\n\n" for event in events])
    sealed = {"signature": "rs_1:gA", "origin": "openai.responses"}
    assert read_in(stream) == [
        Begun("resp_1", "m", created_s=5),
        ThinkingDelta(**sealed),
        TextDelta("Hi"),
        RefusalDelta("No"),
        ToolCallBegun(0, "c1", "f"),
        ToolCallDelta(0, "{}"),
        Finished("tool_calls"),
    ]
    whole = FORMAT.read_answer(json.dumps(ended).encode())
    assert whole.parts == (
        Thinking(**sealed),
        Text("Hi"),
        Refused("No"),
        ToolCall("c1", "f", "{}"),
    )


@pytest.mark.parametrize(
    ("data", "failed"),
    [
        (
            {"type": "error", "message": "m", "code": "rate_limit_exceeded"},
            Failed("m", "rate_limited"),
        ),
        ({"type": "error", "error": {"message": "m", "code": None}}, Failed("m", "server")),
        (
            {"type": "response.failed", "response": {"error": {"message": "m", "code": "x"}}},
            Failed("m", "request"),
        ),
        (
            {"type": "error", "error": {"message": "m", "code": "slow_down"}},
            Failed("m", "overloaded"),
        ),
    ],
)
def test_what_a_provider_says_of_its_failure(data, failed):
    assert read_in(b"data: " + json.dumps(data).encode() + b"\n\n")[-1] == failed


def test_an_end_that_lacks_only_its_blank_line_counts():
    stream = written(EVENTS[0], TextDelta("a"), Finished("stop"))
    assert isinstance(read_in(stream.rstrip())[-1], Finished)
    assert read_in(stream[:-20])[-1] == TextDelta("a")


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b'{"object":"chat.completion","output":[],"status":"completed"}',
        b'{"object":"response","status":"completed"}',
        b'{"object":"response","status":"failed","output":[],"error":{"message":"m"}}',
        b'{"object":"response","status":"in_progress","output":[]}',
    ],
)
def test_what_is_no_answer_raises(body):
    with pytest.raises(ValueError, match="provider"):
        FORMAT.read_answer(body)


@pytest.mark.parametrize(
    "data",
    [b"<html>", b"5", b'{"type":"response.function_call_arguments.delta","delta":"x"}'],
)
def test_what_is_no_stream_of_the_api_raises(data):
    with pytest.raises(ValueError, match="provider"):
        read_in(b"data: " + data + b"\n\n")


def test_an_answer_of_a_provider_that_names_no_model_has_the_one_that_was_asked_for():
    whole = FORMAT.write_answer(Answer(id="", model="", parts=(Text("Hé"),), finish="stop"), ASKED)
    assert json.loads(whole)["model"] == "m"
    events = data_of(written(Begun("", ""), TextDelta("Hé"), Finished("stop")))
    assert {said["response"]["model"] for said in events if "response" in said} == {"m"}
