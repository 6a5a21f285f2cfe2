"""Callers of one API and providers of another, where one of them is Google's or AWS's."""

import json

import pytest
from google.genai import types

from common.dialects import OPERATIONS
from common.dialects.base import BadRequest, ParsedRequest
from common.domain.usage import Tokens
from common.translation.operation import translated

REQUEST_ID = "01KAZZZZZZ0123456789ABCDEF"
SIGNATURE = "CiQB0e2Kb/+xQg=="
CALL = {"name": "look", "args": {"a": 1.0}}
GIVEN = {
    "candidates": [
        {
            "content": {
                "parts": [
                    {"text": "Hello"},
                    {"functionCall": CALL, "thoughtSignature": SIGNATURE},
                ]
            },
            "finishReason": "STOP",
        }
    ],
    "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 5, "thoughtsTokenCount": 2},
    "modelVersion": "gemini-x-1",
    "responseId": "r1",
}
TOKENS = Tokens(input=9, output=7, reasoning=2)


def chat(*messages, **more):
    """What Gemini is sent for a chat."""
    said = [{"role": "user", "content": "Hi"}, *messages]
    body = json.dumps({"model": "m", "messages": said} | more).encode()
    operation = translated("chat.completions", "gemini.generate", REQUEST_ID)
    parsed = OPERATIONS["chat.completions"].parse_request(body)
    return operation, json.loads(operation.prepare_request(body, parsed, "gemini-3-pro"))


def test_a_signature_goes_through_a_chat_and_back():
    operation, _ = chat()
    body = json.dumps(GIVEN).encode()
    assert operation.read_answer(body).tokens == TOKENS
    answer = json.loads(operation.answer_for_caller(body, REQUEST_ID))
    turn = answer["choices"][0]["message"]
    assert (answer["id"], answer["choices"][0]["finish_reason"]) == ("r1", "tool_calls")
    result = {"role": "tool", "tool_call_id": turn["tool_calls"][0]["id"], "content": "seen"}
    _, again = chat(turn, result)
    model, user = again["contents"][1:]
    assert model["parts"] == [
        {"text": "Hello"},
        {"functionCall": CALL | {"id": "call_r1_0"}, "thoughtSignature": SIGNATURE},
    ]
    response = {"id": "call_r1_0", "name": "look", "response": {"output": "seen"}}
    assert user["parts"] == [{"functionResponse": response}]


def test_a_chats_stream():
    operation, _ = chat(stream=True)
    copy = operation.stream_copy(ParsedRequest(model="m", stream=True))
    written = copy.feed(b"data: " + json.dumps(GIVEN).encode() + b"\r\n\r\n") + copy.end()
    assert written.endswith(b"data: [DONE]\n\n")
    assert SIGNATURE.encode() in written
    assert (copy.reported, copy.reported_complete, copy.saw_terminal) == (TOKENS, True, True)


def test_what_gemini_cannot_say_has_the_chats_field():
    with pytest.raises(BadRequest) as caught:
        chat(stop=list("abcdef"))
    assert caught.value.field == "stop"


@pytest.mark.parametrize("target", ["openai.chat", "anthropic.messages", "bedrock.converse"])
def test_a_gemini_caller_is_told_its_own_field(target):
    body = json.dumps(
        {
            "contents": [
                {
                    "parts": [
                        {"text": "a"},
                        {"inlineData": {"mimeType": "audio/x-y", "data": "AA=="}},
                    ]
                }
            ]
        }
    ).encode()
    operation = translated("gemini.generate", target, REQUEST_ID)
    parsed = ParsedRequest(model="gemini-x")
    with pytest.raises(BadRequest) as caught:
        operation.prepare_request(body, parsed, "claude-x")
    assert caught.value.field == "contents[0].parts[1]"


MESSAGES = [
    ("message_start", {"message": {"id": "msg_1", "type": "message", "role": "assistant",
                                   "model": "claude-x", "content": [],
                                   "usage": {"input_tokens": 3, "output_tokens": 1}}}),
    ("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}),
    ("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": "Hello"}}),
    ("content_block_stop", {"index": 0}),
    ("message_delta", {"delta": {"stop_reason": "max_tokens", "stop_sequence": None},
                       "usage": {"output_tokens": 4}}),
    ("message_stop", {}),
]  # fmt: skip
CONVERSE = [
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hello"}}),
    ("messageStop", {"stopReason": "max_tokens"}),
    ("metadata", {"usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7}}),
]


@pytest.mark.parametrize(
    ("target", "events"), [("anthropic.messages", MESSAGES), ("bedrock.converse", CONVERSE)]
)
def test_a_gemini_stream_of_another_provider(target, events):
    operation = translated("gemini.stream", target, REQUEST_ID)
    body = b'{"contents":[{"parts":[{"text":"Hi"}]}]}'
    parsed = ParsedRequest(model="gemini-x", stream=True)
    assert b"Hi" in operation.prepare_request(body, parsed, "claude-x")
    copy = operation.stream_copy(parsed)
    written = b""
    for name, members in events:
        data = json.dumps({"type": name} | members)
        written += copy.feed(f"event: {name}\ndata: {data}\n\n".encode())
    written += copy.end()
    chunks = [
        types.GenerateContentResponse.model_validate_json(line.removeprefix("data: "))
        for line in written.decode().split("\n\n")[:-1]
    ]
    assert [chunk.text for chunk in chunks] == ["Hello", ""]
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    assert chunks[-1].usage_metadata.total_token_count == 7
    assert {chunk.response_id for chunk in chunks} == {
        "msg_1" if target == "anthropic.messages" else REQUEST_ID
    }
    assert (copy.reported, copy.reported_complete) == (Tokens(input=3, output=4), True)
