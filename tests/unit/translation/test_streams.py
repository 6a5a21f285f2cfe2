"""Streams of one format for callers of the other: the same bytes wherever the network cut them."""

import json

import pytest
from anthropic.types import RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk
from pydantic import TypeAdapter

from common.dialects import OPERATIONS
from common.dialects.events import UnreadableStream, event_data
from common.domain.usage import Tokens
from common.translation.operation import translated
from tests.support.splits import copy_of, splits

TOKENS = Tokens(input=10, output=7, cache_read=5, cache_write_5m=3, reasoning=2)
REQUEST_ID = "01KAZZZZZZ0123456789ABCDEF"
EVENT = TypeAdapter(RawMessageStreamEvent)


def copies(caller, provider, **more):
    """A maker of copies of a stream, for the request that was prepared."""
    given = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    body = json.dumps(given | {"stream": True} | more).encode()
    parsed = OPERATIONS[caller].parse_request(body)
    operation = translated(caller, provider, REQUEST_ID)
    operation.prepare_request(body, parsed, "x")
    return lambda: operation.stream_copy(parsed)


def copy(caller, provider, **more):
    """One copy."""
    return copies(caller, provider, **more)()


def named(*events):
    """As Anthropic's streams name each event."""
    return b"".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events
    )


def block(index, start, *deltas):
    """A whole block."""
    begun = {"type": "content_block_start", "index": index, "content_block": start}
    rest = [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    return [begun, *rest, {"type": "content_block_stop", "index": index}]


START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x-1",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 10,
            "cache_read_input_tokens": 5,
            "cache_creation_input_tokens": 3,
            "output_tokens": 1,
        },
    },
}
THOUGHT = block(
    0,
    {"type": "thinking", "thinking": "", "signature": ""},
    {"type": "thinking_delta", "thinking": "Hm, "},
    {"type": "thinking_delta", "thinking": "né"},
    {"type": "signature_delta", "signature": "c2ln"},
)
HIDDEN = block(1, {"type": "redacted_thinking", "data": "eHg="})
TEXT = block(
    2,
    {"type": "text", "text": ""},
    {"type": "text_delta", "text": "I "},
    {"type": "text_delta", "text": "look\n\n"},
)
CALLS = [
    *block(
        3,
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}},
        {"type": "input_json_delta", "partial_json": ""},
        {"type": "input_json_delta", "partial_json": '{"a":'},
        {"type": "input_json_delta", "partial_json": " 1}"},
    ),
    *block(4, {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}}),
]
END = [
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 7, "output_tokens_details": {"thinking_tokens": 2}},
    },
    {"type": "message_stop"},
]
MESSAGES = named(START, {"type": "ping"}, *THOUGHT, *HIDDEN, *TEXT, *CALLS, *END)
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}


def chunk(delta=None, reason=None, **more):
    """One of a chat's chunks."""
    choices = [{"index": 0, "delta": delta or {}, "finish_reason": reason}]
    frame = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_800_000_000}
    value = frame | {"model": "gpt-x-1", "choices": choices} | more
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def call(index, function, **more):
    """A tool call's delta."""
    return chunk({"tool_calls": [{"index": index, "function": function} | more]})


USAGE = {
    "prompt_tokens": 18,
    "completion_tokens": 7,
    "total_tokens": 25,
    "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
DONE = b"data: [DONE]\n\n"
CHAT = b"".join(
    [
        b": hello\n\n",
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "Hm, "}),
        chunk({"reasoning_content": "né"}),
        chunk({"content": "I "}),
        chunk({"content": "look\n\n"}),
        call(0, {"name": "look", "arguments": ""}, id="call_1", type="function"),
        call(0, {"arguments": '{"a":'}),
        call(0, {"arguments": " 1}"}),
        call(1, {"name": "now", "arguments": "{}"}, id="call_2", type="function"),
        chunk(reason="tool_calls"),
        chunk(choices=[], usage=USAGE),
        DONE,
    ]
)
TO_CHAT = ("chat.completions", "anthropic.messages")
TO_MESSAGES = ("messages", "openai.chat")


def chunks_of(stream):
    """A chat's stream as its SDK reads it, checked, and its end."""
    *events, end = stream.split(b"\n\n")[:-1]
    assert end == b"data: [DONE]"
    return [ChatCompletionChunk.model_validate_json(event_data(e + b"\n\n")) for e in events]


def events_of(stream):
    """A message's events as its SDK reads them, checked."""
    return [EVENT.validate_json(event_data(e + b"\n\n")) for e in stream.split(b"\n\n")[:-1]]


def test_a_message_becomes_a_chat():
    stream = copy(*TO_CHAT, stream_options={"include_usage": True})
    read = chunks_of(copy_of(stream, [MESSAGES]))
    assert {(one.id, one.model) for one in read} == {("msg_1", "claude-x-1")}
    assert {one.created > 1_700_000_000 for one in read} == {True}
    deltas = [one.choices[0].delta for one in read if one.choices]
    assert deltas[0].role == "assistant"
    assert "".join(one.content or "" for one in deltas) == "I look\n\n"
    thoughts = [getattr(one, "reasoning_content", None) or "" for one in deltas]
    assert "".join(thoughts) == "Hm, né"
    calls = [call for one in deltas for call in one.tool_calls or ()]
    assert [(one.index, one.id, one.function.name) for one in calls if one.id] == [
        (0, "toolu_1", "look"),
        (1, "toolu_2", "now"),
    ]
    arguments = ["".join(c.function.arguments for c in calls if c.index == n) for n in (0, 1)]
    assert arguments == ['{"a": 1}', "{}"]
    assert read[-2].choices[0].finish_reason == "tool_calls"
    usage = read[-1].usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (18, 7)
    assert (stream.reported, stream.reported_complete) == (TOKENS, True)
    assert (stream.saw_terminal, stream.saw_error) == (True, False)
    assert stream.served_model == "claude-x-1"


def test_usage_is_for_those_who_asked():
    stream = copy(*TO_CHAT)
    written = copy_of(stream, [MESSAGES])
    assert b'"usage"' not in written
    assert stream.reported == TOKENS


def test_a_chat_becomes_a_message():
    stream = copy(*TO_MESSAGES)
    read = events_of(copy_of(stream, [CHAT]))
    assert read[0].message.id == "chatcmpl-1"
    begun = [one for one in read if one.type == "content_block_start"]
    assert [one.index for one in begun] == [0, 1, 2, 3]
    kinds = [one.content_block.type for one in begun]
    assert kinds == ["thinking", "text", "tool_use", "tool_use"]
    deltas = [one.delta for one in read if one.type == "content_block_delta"]
    texts = dict.fromkeys(("thinking", "text", "partial_json", "signature"), "")
    for delta in deltas:
        for kind in texts:
            texts[kind] += getattr(delta, kind, "")
    assert texts == {
        "thinking": "Hm, né",
        "text": "I look\n\n",
        "partial_json": '{"a": 1}{}',
        "signature": "openai.chat:",
    }
    assert [one.type for one in read[-2:]] == ["message_delta", "message_stop"]
    assert read[-2].delta.stop_reason == "tool_use"
    usage = read[-2].usage
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_input_tokens) == (10, 7, 5)
    assert (stream.reported, stream.reported_complete) == (TOKENS, True)
    assert (stream.saw_terminal, stream.saw_error) == (True, False)


SHORT_MESSAGES = named(*TEXT[:2], *CALLS[2:5], *END)
SHORT_CHAT = chunk({"content": "a"}) + call(0, {"name": "now"}) + chunk(reason="stop") + DONE


@pytest.mark.parametrize(("ways", "source"), [(TO_CHAT, SHORT_MESSAGES), (TO_MESSAGES, SHORT_CHAT)])
def test_every_split_gives_the_same(ways, source):
    make = copies(*ways)
    whole = copy_of(make(), [source])
    for at in range(1, len(source)):
        stream = make()
        first = stream.feed(source[:at])
        assert first == b"" or first.endswith(b"\n\n")
        assert first + stream.feed(source[at:]) + stream.end() == whole


@settings(max_examples=20)
@given(st.data())
def test_any_splits_give_the_same(data):
    ways, source = data.draw(st.sampled_from([(TO_CHAT, MESSAGES), (TO_MESSAGES, CHAT)]))
    source = data.draw(st.sampled_from([source, source.replace(b"\n", b"\r\n")]))
    chunks = data.draw(splits(source))
    assert copy_of(copy(*ways), chunks) == copy_of(copy(*ways), [source])


def test_an_error_in_mid_stream_is_told_in_the_callers_form():
    stream = copy(*TO_CHAT)
    written = copy_of(stream, [named(START, *TEXT, OVERLOADED)])
    error = json.loads(event_data(written[written.index(b'data: {"error"') :]))["error"]
    assert (error["message"], error["type"]) == ("Busy", "server_error")
    assert b"[DONE]" not in written
    assert (stream.saw_terminal, stream.saw_error) == (False, True)

    stream = copy(*TO_MESSAGES)
    error = {"error": {"message": "Slow down", "type": "rate_limit_error", "code": None}}
    failed = b"data: " + json.dumps(error).encode() + b"\n\n"
    written = copy_of(stream, [chunk({"content": "a"}), failed])
    last = written.rstrip().rpartition(b"\n\n")[2] + b"\n\n"
    assert last.startswith(b"event: error\n")
    assert json.loads(event_data(last))["error"]["type"] == "rate_limit_error"
    assert b"message_stop" not in written
    assert (stream.saw_terminal, stream.saw_error) == (False, True)


def test_a_stream_that_breaks_off_has_no_end():
    stream = copy(*TO_CHAT)
    written = copy_of(stream, [named(START, *TEXT)])
    assert b"[DONE]" not in written
    assert b'"finish_reason":"' not in written
    assert not stream.saw_terminal
    stream = copy(*TO_MESSAGES)
    assert b"message_stop" not in copy_of(stream, [chunk({"content": "a"}, "stop")])
    assert not stream.saw_terminal


@pytest.mark.parametrize(
    ("ways", "source"),
    [
        (TO_CHAT, b"data: <html>\n\n"),
        (TO_CHAT, named(START, *block(0, {"type": "server_tool_use", "id": "a", "name": "b"}))),
        (TO_MESSAGES, b"data: {]\n\n"),
        (TO_MESSAGES, call(0, {"arguments": "1"})),
        (
            TO_MESSAGES,
            call(0, {"name": "a"}) + call(1, {"name": "b"}) + call(0, {"arguments": "1"}),
        ),
    ],
)
def test_what_cannot_be_read_on_ends_the_stream(ways, source):
    with pytest.raises(UnreadableStream):
        copy_of(copy(*ways), [source])


def test_servers_that_number_all_calls_alike():
    calls = [call(0, {"name": "look", "arguments": "{}"}, id=f"call_{n}") for n in range(2)]
    source = b"".join(calls) + chunk(usage={"prompt_tokens": None}) + DONE
    read = events_of(copy_of(copy(*TO_MESSAGES), [source]))
    begun = [one.content_block.id for one in read if one.type == "content_block_start"]
    assert begun == ["call_0", "call_1"]
    assert read[-2].delta.stop_reason == "tool_use"


def test_refusals_and_logprobs():
    one = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
    source = chunk({"refusal": "I will"}) + chunk({"refusal": " not"}) + chunk(reason="stop") + DONE
    read = events_of(copy_of(copy(*TO_MESSAGES), [source]))
    assert "".join(e.delta.text for e in read if e.type == "content_block_delta") == "I will not"
    assert read[-2].delta.stop_reason == "refusal"
    with_logprobs = {
        "choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": {"content": [one]}}]
    }
    source = chunk(**with_logprobs) + chunk(reason="stop") + DONE
    assert b'"text":"a"' in copy_of(copy(*TO_MESSAGES), [source])


def test_two_thoughts_stay_two():
    written = copy_of(copy("messages", "anthropic.messages"), [named(START, *THOUGHT, *THOUGHT)])
    read = events_of(written)
    begun = [one for one in read if one.type == "content_block_start"]
    assert [one.content_block.type for one in begun] == ["thinking", "thinking"]
    deltas = [one.delta for one in read if one.type == "content_block_delta"]
    signatures = [one.signature for one in deltas if one.type == "signature_delta"]
    assert signatures == ["c2ln", "c2ln"]
