"""Bedrock's Converse: what it is sent, as botocore's shapes have it."""

import json

import msgspec
import pytest

from common.translation.conversation import (
    CannotExpress,
    Conversation,
    Media,
    Message,
    OutputFormat,
    Refused,
    Text,
    Thinking,
    ThinkingMode,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from common.translation.converse import FORMAT
from tests.support import converse_shapes

CLAUDE = "anthropic.claude-sonnet-5-v1:0"
OLDER = "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
NOVA = "amazon.nova-2-lite-v1:0"
LLAMA = "meta.llama4-scout-17b-instruct-v1:0"
SIGNED_BY = "anthropic.messages"
PNG = "iVBORw0KGgo="
POINT = {"cachePoint": {"type": "default"}}
HI = (Message("user", (Text("Hi"),)),)
TOOL = Tool("look", "Look", msgspec.Raw(b'{"type":"object","maximum":1e2}'), strict=True)
CALL = ToolCall("call_1", "look", '{"a": 1.0}', "google's")


def written(served=CLAUDE, **attributes):
    conversation = Conversation(**{"model": "m", "messages": HI} | attributes)
    return FORMAT.write_request(conversation, served)


def sent(served=CLAUDE, **attributes):
    body = json.loads(written(served, **attributes))
    converse_shapes.check(body)
    converse_shapes.check(body, "ConverseStream")
    return body


def refused(served=CLAUDE, **attributes):
    with pytest.raises(CannotExpress) as caught:
        written(served, **attributes)
    return caught.value.attribute


def blocks(*parts, role="user", served=CLAUDE):
    body = sent(served, messages=(*HI, Message("assistant", (Text("a"),)), Message(role, parts)))
    return body["messages"][-1]["content"]


def test_plain():
    assert sent() == {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}


def test_instructions_and_cache_points():
    messages = (*HI, Message("system", (Text("Two"),)))
    body = sent(system=(Text("One", cached=True), Text(" ")), messages=messages)
    assert body["system"] == [{"text": "One"}, POINT]
    assert body["messages"][1] == {"role": "system", "content": [{"text": "Two"}]}
    body = sent(NOVA, system=(Text("One"),), messages=messages)
    assert body["system"] == [{"text": "One"}, {"text": "Two"}]


def test_media():
    said = blocks(
        Text("See", cached=True),
        Media("image", "image/jpg", PNG),
        Media("document", "application/pdf", PNG, name="a_b.pdf"),
        Media("document", "text/plain", PNG, name="a_b.pdf"),
        Media("image", "image/png", url="s3://bucket/a.png"),
        Media("audio", "audio/wav", PNG),
    )
    assert said == [
        {"text": "See"},
        POINT,
        {"image": {"format": "jpeg", "source": {"bytes": PNG}}},
        {"document": {"format": "pdf", "name": "a b pdf", "source": {"bytes": PNG}}},
        {"document": {"format": "txt", "name": "a b pdf 2", "source": {"bytes": PNG}}},
        {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/a.png"}}}},
        {"audio": {"format": "wav", "source": {"bytes": PNG}}},
    ]


@pytest.mark.parametrize(
    "media",
    [
        Media("image", "image/tiff", PNG),
        Media("image", "image/png", url="https://a/b.png"),
        Media("image", "image/png", "not base64"),
        Media("document", "application/zip", PNG),
    ],
)
def test_media_that_it_does_not_take(media):
    messages = (Message("user", (Text("a"), media)),)
    assert refused(messages=messages) == "messages.0.parts.1"


def test_calls_and_results():
    results = (
        Text("And?"),
        ToolResult("call_1", "look", (Text("seen"), Media("image", "image/png", PNG))),
        ToolResult("x" * 70, "look", (), is_error=True),
    )
    calls = Message("assistant", (CALL, ToolCall("x" * 70, "look", "")))
    body = sent(tools=(TOOL,), messages=(*HI, calls, Message("user", results)))
    first, second = body["messages"][1]["content"]
    assert first == {"toolUse": {"toolUseId": "call_1", "name": "look", "input": {"a": 1.0}}}
    assert len(second["toolUse"]["toolUseId"]) == 64
    image = {"image": {"format": "png", "source": {"bytes": PNG}}}
    assert body["messages"][2]["content"] == [
        {"toolResult": {"toolUseId": "call_1", "content": [{"text": "seen"}, image]}},
        {"toolResult": {"toolUseId": second["toolUse"]["toolUseId"], "content": [],
                        "status": "error"}},
        {"text": "And?"},
    ]  # fmt: skip
    assert b'"input":{"a": 1.0}' in written(tools=(TOOL,), messages=(*HI, calls))
    assert refused(messages=(*HI, calls)) == "tools"


def test_turns_of_one_role_are_one():
    body = sent(messages=(*HI, *HI, Message("assistant", (Text(""),)), *HI))
    assert body["messages"] == [{"role": "user", "content": [{"text": "Hi"}] * 3}]


def test_thoughts_go_back_to_claude_alone():
    parts = (
        Thinking("a", "s", origin="gemini.generate"),
        Thinking("b", "sig", origin=SIGNED_BY),
        Thinking("unsigned", origin=SIGNED_BY),
        Thinking(redacted="r", origin=SIGNED_BY),
        Refused("c"),
    )
    assert blocks(*parts, role="assistant")[1:] == [
        {"reasoningContent": {"reasoningText": {"text": "b", "signature": "sig"}}},
        {"reasoningContent": {"redactedContent": "r"}},
        {"text": "c"},
    ]
    assert blocks(*parts, role="assistant", served=NOVA)[1:] == [{"text": "c"}]


def test_tools():
    tools = (msgspec.structs.replace(TOOL, cached=True), Tool("nothing", ""))
    config = sent(tools=tools)["toolConfig"]
    spec = {"name": "look", "description": "Look", "strict": True}
    empty = {"type": "object", "properties": {}}
    assert config == {
        "tools": [
            {"toolSpec": spec | {"inputSchema": {"json": {"type": "object", "maximum": 100}}}},
            POINT,
            {"toolSpec": {"name": "nothing", "inputSchema": {"json": empty}}},
        ]
    }
    assert b'"maximum":1e2' in written(tools=tools)
    assert refused(tools=(TOOL, Tool("a.b"))) == "tools.1"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice(), {"auto": {}}),
        (ToolChoice("any", parallel=True), {"any": {}}),
        (ToolChoice("named", "look"), {"tool": {"name": "look"}}),
    ],
)
def test_choices_of_tools(choice, expected):
    assert sent(tools=(TOOL,), tool_choice=choice)["toolConfig"]["toolChoice"] == expected


def test_choices_that_it_does_not_know():
    assert "toolConfig" not in sent(tools=(TOOL,), tool_choice=ToolChoice("none"))
    called = (*HI, Message("assistant", (CALL,)))
    none = {"tools": (TOOL,), "tool_choice": ToolChoice("none")}
    assert refused(messages=called, **none) == "tool_choice"
    single = ToolChoice(parallel=False)
    assert refused(tools=(TOOL,), tool_choice=single) == "tool_choice.parallel"


@pytest.mark.parametrize(
    ("served", "mode", "expected"),
    [
        (CLAUDE, ThinkingMode(effort="high"),
         {"inferenceConfig": {"maxTokens": 16_384}, "outputConfig": {"effort": "high"},
          "additionalModelRequestFields": {"thinking": {"type": "adaptive"}}}),
        (OLDER, ThinkingMode(budget_tokens=2048),
         {"inferenceConfig": {"maxTokens": 6144}, "additionalModelRequestFields":
          {"thinking": {"type": "enabled", "budget_tokens": 2048}}}),
        (NOVA, ThinkingMode(effort="max"), {"additionalModelRequestFields":
          {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}}),
        ("openai.gpt-oss-120b-1:0", ThinkingMode(effort="minimal"),
         {"additionalModelRequestFields": {"reasoning_effort": "low"}}),
        (LLAMA, ThinkingMode(enabled=False), {}),
    ],
)  # fmt: skip
def test_thinking_by_model(served, mode, expected):
    body = sent(served, thinking=mode)
    del body["messages"]
    assert body == expected


def test_all_else():
    schema = msgspec.Raw(b'{"type": "object"}')
    body = sent(
        max_output_tokens=9,
        temperature=0.0,
        top_p=0.5,
        top_k=4,
        stop=("a",),
        service_tier="flex",
        output_format=OutputFormat("schema", "n", "Why", schema),
        user="alice",
        stream=True,
        presence_penalty=0.0,
    )
    del body["messages"]
    assert body == {
        "inferenceConfig": {
            "maxTokens": 9,
            "temperature": 0.0,
            "topP": 0.5,
            "stopSequences": ["a"],
        },
        "outputConfig": {
            "textFormat": {
                "type": "json_schema",
                "structure": {
                    "jsonSchema": {
                        "schema": '{"type": "object"}',
                        "name": "n",
                        "description": "Why",
                    }
                },
            }
        },
        "serviceTier": {"type": "flex"},
        "additionalModelRequestFields": {"top_k": 4},
        "additionalModelResponseFieldPaths": ["/stop_sequence"],
    }
    assert sent(NOVA, top_k=4)["additionalModelRequestFields"] == {"inferenceConfig": {"topK": 4}}


@pytest.mark.parametrize(
    ("attributes", "attribute"),
    [
        ({"seed": 0}, "seed"),
        ({"presence_penalty": 0.1}, "presence_penalty"),
        ({"logprobs": True}, "logprobs"),
        ({"service_tier": "scale"}, "service_tier"),
        ({"output_format": OutputFormat("json")}, "output_format"),
        ({"served": LLAMA, "thinking": ThinkingMode()}, "thinking"),
        ({"served": LLAMA, "top_k": 3}, "top_k"),
        ({"messages": (Message("assistant", (ToolCall("c", "f", "[]"),)),)}, "messages.0.parts.0"),
    ],
)
def test_what_it_has_no_words_for(attributes, attribute):
    assert refused(**attributes) == attribute
