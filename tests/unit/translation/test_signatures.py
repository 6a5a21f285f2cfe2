"""Signatures of thoughts: through any dialect byte by byte, and back only to who made them."""

import json

import pytest

from common.translation.conversation import (
    Answer,
    Begun,
    Conversation,
    Finished,
    Message,
    Text,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallBegun,
    ToolCallDelta,
)
from common.translation.formats import FORMATS
from common.translation.signatures import carried, opened

CHAT, MESSAGES = FORMATS["openai.chat"], FORMATS["anthropic.messages"]
ASKED = Conversation(model="m")
SIGNATURE = 'EqQB+/=":\\u00e9\n'
PARTS = (
    Thinking("Hm", SIGNATURE, origin="anthropic.messages"),
    Thinking(redacted=SIGNATURE, origin="anthropic.messages"),
    Thinking("Ho", SIGNATURE, origin="gemini.generate"),
    Thinking("Hu", origin="openai.chat"),
    ToolCall("c1", "look", "{}", SIGNATURE),
    ToolCall("c2", "look", "{}"),
)


def asked_again(content):
    """What a caller of messages sends back of an answer, read."""
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "assistant", "content": content}]}
    return MESSAGES.read_request(json.dumps(body).encode())


def test_a_caller_of_messages_brings_all_signatures_back():
    answer = Answer(id="a", model="m", parts=PARTS, finish="tool_calls")
    content = json.loads(MESSAGES.write_answer(answer, ASKED))["content"]
    assert content[0]["signature"] == SIGNATURE
    assert content[1]["data"] == SIGNATURE
    assert asked_again(content).messages == (Message("assistant", PARTS),)


def test_a_stream_carries_them_the_same_way():
    writer = MESSAGES.stream_writer(ASKED)
    events = [
        Begun("a", "m"),
        ThinkingDelta("H", origin="gemini.generate"),
        ThinkingDelta("o", SIGNATURE, origin="gemini.generate"),
        ThinkingDelta(redacted=SIGNATURE, origin="anthropic.messages"),
        ThinkingDelta("Hu", origin="openai.chat"),
        ToolCallBegun(0, "c1", "look", SIGNATURE),
        ToolCallDelta(0, "{}"),
        Finished("tool_calls"),
    ]
    reader = MESSAGES.stream_reader()
    read = reader.feed(b"".join(writer.write(event) for event in events))
    thoughts = [one for one in read if isinstance(one, ThinkingDelta)]
    # As a client puts its blocks together:
    blocks = [
        {"type": "thinking", "thinking": "Ho", "signature": thoughts[2].signature},
        {"type": "redacted_thinking", "data": thoughts[3].redacted},
        {"type": "thinking", "thinking": "Hu", "signature": thoughts[5].signature},
        {"type": "redacted_thinking", "data": thoughts[6].redacted},
        {"type": "tool_use", "id": "c1", "name": "look", "input": {}},
    ]
    (message,) = asked_again(blocks).messages
    assert message.parts == (PARTS[2], PARTS[1], PARTS[3], PARTS[4])


def test_anthropic_is_sent_only_its_own():
    given = Conversation(model="m", messages=(Message("assistant", PARTS),))
    (message,) = json.loads(MESSAGES.write_request(given, "claude-opus-5"))["messages"]
    assert [block["type"] for block in message["content"]] == [
        "thinking",
        "redacted_thinking",
        "tool_use",
        "tool_use",
    ]
    assert message["content"][0]["signature"] == SIGNATURE


def test_a_message_of_nothing_but_thoughts_of_others_is_left_out():
    turns = (Message("user", (Text("Hi"),)), Message("assistant", PARTS[2:4]))
    given = Conversation(model="m", messages=turns)
    assert len(json.loads(MESSAGES.write_request(given, "claude-opus-5"))["messages"]) == 1


def test_a_chat_carries_those_of_tool_calls():
    answer = Answer(id="a", model="m", parts=PARTS[4:], finish="tool_calls")
    calls = json.loads(CHAT.write_answer(answer, ASKED))["choices"][0]["message"]["tool_calls"]
    assert calls[0]["extra_content"] == {"google": {"thought_signature": SIGNATURE}}
    assert "extra_content" not in calls[1]
    body = {"model": "m", "messages": [{"role": "assistant", "tool_calls": calls}]}
    (message,) = CHAT.read_request(json.dumps(body).encode()).messages
    assert message.parts == PARTS[4:]
    assert b"extra_content" not in CHAT.write_request(
        Conversation(model="m", messages=(message,)), "gpt-x"
    )


@pytest.mark.parametrize("signature", ["", "c2ln", "a:b", "https://a", "openai.chatter:x"])
def test_a_providers_own_signature_is_never_taken_for_anothers(signature):
    assert opened(signature, "anthropic.messages") == ("anthropic.messages", signature or None)
    stands = carried("gemini.generate", signature, "anthropic.messages")
    assert opened(stands, "anthropic.messages") == ("gemini.generate", signature or None)
