"""Bodies of POST /v1/responses: what they say, and what is refused by its name."""

import json

import pytest

from common.dialects.base import BadRequest
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
from common.translation.openai_responses import FORMAT

OWN = "openai.responses"
ASKED = (Message("user", (Text("Hello"),)),)


def read(**members):
    return FORMAT.read_request(json.dumps({"model": "m", "input": "Hello"} | members).encode())


def written(**attributes):
    asked = Conversation(**{"model": "m", "messages": ASKED} | attributes)
    return json.loads(FORMAT.write_request(asked, "served"))


def test_a_text_is_a_message_and_settings_are_read():
    told = read(
        instructions="Be brief",
        max_output_tokens=50,
        temperature=0.5,
        top_p=0.9,
        stream=True,
        parallel_tool_calls=False,
        reasoning={"effort": "low", "summary": "auto"},
        service_tier="flex",
        safety_identifier="u1",
        top_logprobs=2,
        include=["message.output_text.logprobs", "reasoning.encrypted_content"],
        text={"format": {"type": "json_schema", "name": "n", "schema": {"a": 1}, "strict": True}},
    )
    assert (told.system, told.messages) == ((Text("Be brief"),), ASKED)
    assert (told.max_output_tokens, told.temperature, told.top_p) == (50, 0.5, 0.9)
    assert (told.stream, told.service_tier, told.user) == (True, "flex", "u1")
    assert (told.logprobs, told.top_logprobs) == (True, 2)
    assert told.tool_choice == ToolChoice("auto", parallel=False)
    assert told.thinking == ThinkingMode(effort="low", shown=True)
    form = told.output_format
    assert (form.kind, form.name, json.loads(bytes(form.schema))) == ("schema", "n", {"a": 1})


def test_items_are_turns_with_calls_results_and_media():
    told = read(
        input=[
            {"role": "developer", "content": "Rules"},
            {
                "role": "user",
                "content": [
                    {
                        "type": "input_text",
                        "text": "Look",
                        "prompt_cache_breakpoint": {"mode": "x"},
                    },
                    {"type": "input_image", "image_url": "https://x/y.png", "detail": "high"},
                    {
                        "type": "input_image",
                        "image_url": "data:image/png;base64,AA",
                        "detail": "auto",
                    },
                    {"type": "input_file", "filename": "a.txt", "file_data": "QQ=="},
                ],
            },
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [],
                "encrypted_content": "gA",
                "status": None,
            },
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "content": [
                    {"type": "output_text", "text": "I", "annotations": [], "logprobs": []},
                    {"type": "refusal", "refusal": "No"},
                ],
            },
            {
                "type": "function_call",
                "call_id": "c1",
                "name": "f",
                "arguments": "{}",
                "id": "fc_1",
            },
            {"type": "function_call_output", "call_id": "c1", "output": "done"},
            {"role": "system", "content": [{"type": "input_text", "text": "Later"}]},
        ]
    )
    assert told.system == (Text("Rules"),)
    assert told.messages == (
        Message(
            "user",
            (
                Text("Look", cached=True),
                Media("image", url="https://x/y.png", detail="high"),
                Media("image", "image/png", "AA"),
                Media("document", "text/plain", "QQ==", name="a.txt"),
            ),
        ),
        Message(
            "assistant",
            (
                Thinking(signature="rs_1:gA", origin=OWN),
                Text("I"),
                Refused("No"),
                ToolCall("c1", "f", "{}"),
            ),
        ),
        Message("user", (ToolResult("c1", "f", (Text("done"),)),)),
        Message("system", (Text("Later"),)),
    )
    assert told.fields["messages.0.parts.2"] == "input[1].content[2]"
    assert told.fields["messages.1.parts.3"] == "input[4]"


FILE = {"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]}
SOUND = {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}
FUNCTION = {"type": "function", "name": "f", "parameters": {}}


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"store": True}, "store"),
        ({"background": True}, "background"),
        ({"truncation": "auto"}, "truncation"),
        ({"include": ["file_search_call.results"]}, "include[0]"),
        ({"text": {"verbosity": "low"}}, "text.verbosity"),
        ({"text": {"format": {"type": "grammar"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"reasoning": {"mode": "pro"}}, "reasoning.mode"),
        ({"reasoning": {"effort": "enormous"}}, "reasoning.effort"),
        ({"tools": [FUNCTION, {"type": "web_search"}]}, "tools[1].type"),
        ({"tools": [FUNCTION | {"defer_loading": True}]}, "tools[0].defer_loading"),
        ({"tool_choice": {"type": "mcp", "server_label": "s"}}, "tool_choice.type"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"context_management": [{"type": "compaction"}]}, "context_management"),
        ({"prompt_cache_options": {"prewarm": True}}, "prompt_cache_options.prewarm"),
        ({"moderation": {"model": "m"}}, "moderation"),
        ({"something_new": 1}, "something_new"),
        ({"temperature": "warm"}, "temperature"),
        ({"input": None}, "input"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].type"),
        ({"input": [FILE]}, "input[0].content[0].file_id"),
        ({"input": [SOUND]}, "input[0].content[0].type"),
        ({"input": [{"role": "king", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
        (
            {"input": [{"type": "function_call_output", "call_id": "c", "output": ""}]},
            "input[0].call_id",
        ),
    ],
)
def test_what_no_other_provider_can_do_is_refused_by_its_name(members, field):
    with pytest.raises(BadRequest) as refused:
        read(**members)
    assert refused.value.field == field
    assert refused.value.status == 400


def test_what_has_no_influence_on_the_answer_is_left_out():
    told = read(
        store=False,
        background=False,
        metadata={"a": "b"},
        prompt_cache_key="k",
        prompt_cache_options={"mode": "implicit", "ttl": "30m"},
        max_tool_calls=3,
        truncation="disabled",
        text={"verbosity": "medium"},
        stream_options={"include_obfuscation": False},
        previous_response_id=None,
        user="u",
    )
    assert told.messages == ASKED
    assert told.output_format is None


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"input":"\xff"}', b'{"input":[1]}'])
def test_what_is_no_request_is_refused(body):
    with pytest.raises(BadRequest):
        FORMAT.read_request(body, "m")


def test_a_request_is_never_stored_and_its_settings_are_written():
    body = written(
        system=(Text("Be brief"),),
        tools=(Tool("f"),),
        tool_choice=ToolChoice("any", parallel=False),
        output_format=OutputFormat("json"),
        thinking=ThinkingMode(budget_tokens=2000),
        logprobs=True,
        service_tier="standard_only",
        user="u" * 65,
        frequency_penalty=0.0,
        stream=True,
    )
    assert body == {
        "model": "served",
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Hello"}],
            }
        ],
        "store": False,
        "instructions": "Be brief",
        "tools": [{"type": "function", "name": "f", "parameters": None, "strict": False}],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "text": {"format": {"type": "json_object"}},
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["message.output_text.logprobs", "reasoning.encrypted_content"],
        "service_tier": "default",
        "stream": True,
    }


def test_thoughts_go_back_to_the_api_that_sealed_them_and_to_no_other():
    thoughts = (
        Thinking("Hm", signature="rs_1:gA:B", origin=OWN),
        Thinking("Hm", signature="sig", origin="anthropic.messages"),
        Thinking("Hm"),
    )
    body = written(messages=(*ASKED, Message("assistant", thoughts)))
    assert body["input"][1:] == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "Hm"}],
            "encrypted_content": "gA:B",
        }
    ]


def test_a_tool_that_failed_is_said_in_words():
    silent = ToolResult("c1", "f", (Text("no such file"),), is_error=True)
    plain = ToolResult("c2", "f", (Text("Error: no such file"),), is_error=True)
    said, again = written(messages=(Message("user", (silent, plain)),))["input"]
    assert [part["text"] for part in said["output"]] == ["Error:", "no such file"]
    assert again["output"] == "Error: no such file"


@pytest.mark.parametrize(
    ("attributes", "attribute"),
    [
        ({"stop": ("END",)}, "stop"),
        ({"seed": 0}, "seed"),
        ({"top_k": 1}, "top_k"),
        ({"presence_penalty": 0.1}, "presence_penalty"),
        ({"service_tier": "scalpel"}, "service_tier"),
        (
            {"messages": (Message("user", (Media("audio", "audio/wav", "AA"),)),)},
            "messages.0.parts.0",
        ),
    ],
)
def test_what_the_api_has_no_words_for_is_refused_by_its_attribute(attributes, attribute):
    with pytest.raises(CannotExpress) as refused:
        written(**attributes)
    assert refused.value.attribute == attribute
