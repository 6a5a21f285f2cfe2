"""Conversations at a provider that speaks Gemini: what it is sent, as Google's types take it."""

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
from common.translation.gemini import FORMAT
from common.translation.gemini.request_writer import NO_SIGNATURE
from tests.support import gemini_shapes

PNG = "iVBORw0KGgo="
SIGNATURE = "CiQB0e2Kb/+xQg=="
HI = (Message("user", (Text("Hi"),)),)
SCHEMA = (
    b'{"$schema":"http://json-schema.org/x","type":"object","properties":{"a":{"maximum":1e2}}}'
)
TOOL = Tool("look", "Look", msgspec.Raw(SCHEMA))
CALL = ToolCall("call_1", "look", '{"a": 1.0}', SIGNATURE)


def written(served="gemini-3-pro", **attributes):
    conversation = Conversation(**{"model": "m", "messages": HI} | attributes)
    return FORMAT.write_request(conversation, served)


def sent(served="gemini-3-pro", **attributes):
    body = json.loads(written(served, **attributes))
    gemini_shapes.check(body)
    return body


def refused(**attributes):
    with pytest.raises(CannotExpress) as caught:
        written(**attributes)
    return caught.value.attribute


def test_plain():
    assert sent() == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}


def test_instructions_stand_beside_the_contents_wherever_they_were_given():
    messages = (*HI, Message("system", (Text("Two"),)), *HI)
    body = sent(system=(Text("One", cached=True), Text("")), messages=messages)
    assert body["systemInstruction"] == {"parts": [{"text": "One"}, {"text": "Two"}]}
    assert [content["role"] for content in body["contents"]] == ["user", "user"]


def test_pictures_documents_and_sound():
    parts = (
        Text("See"),
        Media("image", "image/png", PNG, detail="high"),
        Media("image", url="https://a/b.png"),
        Media("document", "application/pdf", PNG, name="a.pdf"),
        Media("audio", "audio/wav", PNG),
    )
    assert sent(messages=(Message("user", parts),))["contents"][0]["parts"] == [
        {"text": "See"},
        {"inlineData": {"mimeType": "image/png", "data": PNG}},
        {"fileData": {"fileUri": "https://a/b.png"}},
        {"inlineData": {"mimeType": "application/pdf", "data": PNG}},
        {"inlineData": {"mimeType": "audio/wav", "data": PNG}},
    ]


def test_calls_and_results():
    results = (
        Text("And?"),
        ToolResult("call_1", "look", (Text('{"seen":1.0}'),)),
        ToolResult("call_2", "look", (Text("a"), Media("image", "image/png", PNG))),
        ToolResult("call_3", "look", (Text("no"),), is_error=True),
    )
    calls = (CALL, ToolCall("call_2", "look", ""), ToolCall("call_3", "look", "{}"))
    body = sent(messages=(Message("assistant", calls), Message("user", results)))
    assert body["contents"][0] == {
        "role": "model",
        "parts": [
            {"functionCall": {"id": "call_1", "name": "look", "args": {"a": 1.0}},
             "thoughtSignature": SIGNATURE},
            {"functionCall": {"id": "call_2", "name": "look", "args": {}}},
            {"functionCall": {"id": "call_3", "name": "look", "args": {}}},
        ],
    }  # fmt: skip
    said = {"name": "look"}
    assert body["contents"][1]["parts"] == [
        {"functionResponse": {"id": "call_1", "response": {"seen": 1.0}} | said},
        {"functionResponse": {"id": "call_2", "response": {"output": "a"}} | said},
        {"functionResponse": {"id": "call_3", "response": {"error": "no"}} | said},
        {"text": "And?"},
        {"inlineData": {"mimeType": "image/png", "data": PNG}},
    ]
    assert b'"args":{"a": 1.0}' in written(messages=(Message("assistant", (CALL,)),))


def test_arguments_that_are_no_object():
    for arguments in ("[1]", "{", "7"):
        messages = (*HI, Message("assistant", (ToolCall("c", "look", arguments),)))
        assert refused(messages=messages) == "messages.1.parts.0"


@pytest.mark.parametrize(
    ("served", "signatures"),
    [
        ("gemini-3-pro", [NO_SIGNATURE, None]),
        ("models/gemini-4-flash", [NO_SIGNATURE, None]),
        ("gemini-flash-latest", [NO_SIGNATURE, None]),
        ("gemini-2.5-pro", [None, None]),
    ],
)
def test_newer_models_get_a_signature_for_the_first_call(served, signatures):
    calls = (ToolCall("c", "look", "{}"), ToolCall("d", "look", "{}"))
    parts = sent(served, messages=(Message("assistant", calls),))["contents"][0]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == signatures


def test_thoughts_go_back_to_gemini_alone():
    own = "gemini.generate"
    parts = (
        Thinking("a", "theirs", origin="anthropic.messages"),
        Thinking("b", SIGNATURE, origin=own),
        Text("c"),
        Thinking(signature="Yw==", origin=own),
        Thinking(signature="ZA==", origin=own),
        Thinking(redacted="x", origin="openai.responses"),
        Refused("d"),
    )
    assert sent(messages=(Message("assistant", parts),))["contents"][0]["parts"] == [
        {"text": "b", "thought": True, "thoughtSignature": SIGNATURE},
        {"text": "c", "thoughtSignature": "Yw=="},
        {"text": "", "thoughtSignature": "ZA=="},
        {"text": "d"},
    ]


def test_turns_of_nothing_are_left_out():
    theirs = Message("assistant", (Thinking("a", "s", origin="anthropic.messages"), Text("")))
    assert [one["role"] for one in sent(messages=(*HI, theirs))["contents"]] == ["user"]


def test_tools_keep_their_schema():
    body = sent(tools=(TOOL, Tool("nothing")))
    declared = body["tools"][0]["functionDeclarations"]
    assert declared == [
        {
            "name": "look",
            "description": "Look",
            "parametersJsonSchema": {"type": "object", "properties": {"a": {"maximum": 100}}},
        },
        {"name": "nothing"},
    ]
    assert b'{"maximum":1e2}' in written(tools=(TOOL,))
    assert "toolConfig" not in body


@pytest.mark.parametrize(
    ("choice", "strict", "expected"),
    [
        (ToolChoice(), None, {"mode": "AUTO"}),
        (None, True, {"mode": "VALIDATED"}),
        (ToolChoice("none"), True, {"mode": "NONE"}),
        (ToolChoice("any", parallel=True), None, {"mode": "ANY"}),
        (ToolChoice("named", "look"), None, {"mode": "ANY", "allowedFunctionNames": ["look"]}),
    ],
)
def test_choices_of_tools(choice, strict, expected):
    tool = msgspec.structs.replace(TOOL, strict=strict)
    config = sent(tools=(tool,), tool_choice=choice)["toolConfig"]
    assert config == {"functionCallingConfig": expected}


def test_forms_of_the_answer():
    config = sent(output_format=OutputFormat("json"))["generationConfig"]
    assert config == {"responseMimeType": "application/json"}
    given = OutputFormat("schema", "n", "Why", msgspec.Raw(b'{"type":"object"}'), strict=True)
    assert sent(output_format=given)["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {"description": "Why", "type": "object"},
    }


@pytest.mark.parametrize(
    ("served", "mode", "expected"),
    [
        ("gemini-3-pro", ThinkingMode(effort="high"),
         {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        ("gemini-3-pro", ThinkingMode(effort="max", shown=False),
         {"includeThoughts": False, "thinkingLevel": "XHIGH"}),
        ("gemini-2.5-pro", ThinkingMode(effort="low"),
         {"includeThoughts": True, "thinkingBudget": 1024}),
        ("gemini-2.5-flash", ThinkingMode(effort="max"),
         {"includeThoughts": True, "thinkingBudget": 24_576}),
        ("gemini-3-pro", ThinkingMode(budget_tokens=2000),
         {"includeThoughts": True, "thinkingBudget": 2000}),
        ("gemini-3-pro", ThinkingMode(), {"includeThoughts": True}),
        ("gemini-3-pro", ThinkingMode(enabled=False), {"thinkingBudget": 0}),
        ("gemini-3-pro", ThinkingMode(effort="none"), {"thinkingBudget": 0}),
    ],
)  # fmt: skip
def test_thinking_by_the_generation_of_the_model(served, mode, expected):
    assert sent(served, thinking=mode)["generationConfig"] == {"thinkingConfig": expected}


def test_all_else():
    body = sent(
        max_output_tokens=9,
        temperature=0.0,
        top_p=0.5,
        top_k=4,
        stop=("a", "b"),
        seed=1,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        logprobs=True,
        top_logprobs=3,
        service_tier="flex",
        user="alice",
        stream=True,
    )
    assert body["serviceTier"] == "flex"
    assert body["generationConfig"] == {
        "maxOutputTokens": 9,
        "temperature": 0.0,
        "topP": 0.5,
        "topK": 4,
        "stopSequences": ["a", "b"],
        "seed": 1,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "responseLogprobs": True,
        "logprobs": 3,
    }
    assert "serviceTier" not in sent(service_tier="auto")


def test_what_it_has_no_words_for():
    assert refused(stop=tuple("abcdef")) == "stop"
    assert refused(service_tier="scale") == "service_tier"
    assert refused(tools=(TOOL,), tool_choice=ToolChoice(parallel=False)) == "tool_choice.parallel"
    said = Message("assistant", (Media("image", "image/png", PNG),))
    assert refused(messages=(said,)) == "messages.0.parts.0"
    said = Message("user", (Text("a"), CALL))
    assert refused(messages=(said,)) == "messages.0.parts.1"
