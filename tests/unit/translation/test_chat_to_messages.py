"""A chat caller whose provider speaks Anthropic's messages: requests and whole answers."""

import json

import pytest
from openai.types.chat import ChatCompletion

from common.dialects import OPERATIONS
from common.dialects.base import BadRequest
from common.domain.usage import Tokens
from common.translation.operation import translated

PNG = "iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"a": {"type": "number"}}, "additionalProperties": False}
TOOL = {
    "type": "function",
    "function": {"name": "look", "description": "Look", "parameters": SCHEMA, "strict": True},
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1.0}'}}
REQUEST_ID = "01KAZZZZZZ0123456789ABCDEF"


def sent(served="claude-opus-5", **more):
    """What the provider is sent for a chat."""
    messages = [{"role": "user", "content": "Hi"}]
    body = json.dumps({"model": "m", "messages": messages} | more).encode()
    parsed = OPERATIONS["chat.completions"].parse_request(body)
    operation = translated("chat.completions", "anthropic.messages", REQUEST_ID)
    return json.loads(operation.prepare_request(body, parsed, served))


def refusal(**more):
    with pytest.raises(BadRequest) as caught:
        sent(**more)
    return caught.value


def test_plain():
    assert sent() == {
        "model": "claude-opus-5",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": "Hi"}],
    }


def test_roles_and_parts():
    file = {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PNG}"}
    messages = [
        {"role": "system", "content": "One"},
        {"role": "developer", "content": [{"type": "text", "text": "Two"}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "See"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "auto"}},
                {"type": "file", "file": file},
            ],
        },
        {"role": "assistant", "content": "", "refusal": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "seen"},
        {"role": "system", "content": "Be brief"},
    ]
    image = {"type": "base64", "media_type": "image/png", "data": PNG}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": PNG}
    body = sent(messages=messages)
    assert body["system"] == [{"type": "text", "text": "One"}, {"type": "text", "text": "Two"}]
    assert body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "See"},
                {"type": "image", "source": image},
                {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}},
                {"type": "document", "source": pdf, "title": "a.pdf"},
            ],
        },
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "call_1", "name": "look", "input": {"a": 1.0}}],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "seen"}],
        },
        {"role": "system", "content": [{"type": "text", "text": "Be brief"}]},
    ]


def test_arguments_stay_as_they_were_written():
    body = json.dumps(
        {
            "model": "m",
            "messages": [
                {"role": "assistant", "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "call_1", "content": ""},
            ],
        }
    ).encode()
    parsed = OPERATIONS["chat.completions"].parse_request(body)
    operation = translated("chat.completions", "anthropic.messages")
    assert b'"input":{"a": 1.0}' in operation.prepare_request(body, parsed, "x")


def test_results_of_parallel_calls_are_one_turn():
    calls = [CALL, CALL | {"id": "call_2"}]
    messages = [
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_1", "content": "1"},
        {"role": "tool", "tool_call_id": "call_2", "content": "2"},
    ]
    results = sent(messages=messages)["messages"][1]["content"]
    assert [result["tool_use_id"] for result in results] == ["call_1", "call_2"]


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "look"}}},
            {"type": "tool", "name": "look"},
        ),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
    ],
)
def test_tools(given, written):
    body = sent(tools=[TOOL], **given)
    function = TOOL["function"]
    assert body["tools"] == [
        {
            "name": "look",
            "input_schema": SCHEMA,
            "description": function["description"],
            "strict": True,
        }
    ]
    assert body["tool_choice"] == written


def test_structured_output():
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
    written = {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert sent(response_format=form)["output_config"] == written
    assert "output_config" not in sent(response_format={"type": "text"})


@pytest.mark.parametrize(
    ("served", "effort", "written"),
    [
        ("claude-opus-5", "high", ({"type": "adaptive"}, "high", 16384)),
        ("claude-opus-5", "minimal", ({"type": "adaptive"}, "low", 16384)),
        ("claude-opus-5", "none", ({"type": "disabled"}, None, 4096)),
        ("claude-sonnet-4-6", "max", ({"type": "adaptive"}, "max", 16384)),
        (
            "claude-sonnet-4-5-20250929",
            "medium",
            ({"type": "enabled", "budget_tokens": 8192}, None, 12288),
        ),
        (
            "anthropic.claude-opus-4-20250514-v1:0",
            "low",
            ({"type": "enabled", "budget_tokens": 1024}, None, 5120),
        ),
    ],
)
def test_thinking(served, effort, written):
    body = sent(served, reasoning_effort=effort)
    config = body.get("output_config", {})
    assert (body["thinking"], config.get("effort"), body["max_tokens"]) == written


def test_a_budget_stays_under_the_callers_cap():
    body = sent("claude-haiku-4-5", reasoning_effort="high", max_tokens=2000)
    assert (body["max_tokens"], body["thinking"]["budget_tokens"]) == (2000, 1999)
    error = refusal(served="claude-haiku-4-5", reasoning_effort="high", max_tokens=1024)
    assert error.field == "max_tokens"


def test_a_turn_that_lost_its_thoughts_goes_on_without_a_budget():
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "1"},
    ]
    assert "thinking" not in sent("claude-haiku-4-5", messages=messages, reasoning_effort="high")
    assert "thinking" in sent("claude-opus-5", messages=messages, reasoning_effort="high")


def test_what_has_no_influence_is_dropped():
    dropped = {
        "metadata": {"a": "b"},
        "store": False,
        "prompt_cache_key": "k",
        "safety_identifier": "s",
        "n": 1,
        "logit_bias": {},
        "logprobs": False,
        "presence_penalty": 0,
        "stream_options": {"include_obfuscation": False},
    }
    assert sent(**dropped) == sent()


def test_sampling_and_the_rest():
    body = sent(
        temperature=0.5, top_p=0.9, stop="END", user="u", max_completion_tokens=7, stream=True
    )
    assert {name: body[name] for name in body if name not in ("model", "messages")} == {
        "max_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u"},
        "stream": True,
    }


AUDIO = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"seed": 0}, "seed"),
        ({"n": 2}, "n"),
        ({"temperature": 1.5}, "temperature"),
        ({"logprobs": True}, "logprobs"),
        ({"presence_penalty": 1}, "presence_penalty"),
        ({"logit_bias": {"1": 2}}, "logit_bias"),
        ({"store": True}, "store"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"audio": {"voice": "a"}}, "audio"),
        ({"frobnicate": 1}, "frobnicate"),
        ({"tools": [TOOL, {"type": "custom", "custom": {}}]}, "tools[1].type"),
        ({"messages": [{"role": "user", "content": [AUDIO]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": "a", "name": "b"}]}, "messages[0].name"),
        (
            {"messages": [{"role": "tool", "tool_call_id": "x", "content": "a"}]},
            "messages[0].tool_call_id",
        ),
        (
            {
                "messages": [
                    {"role": "system", "content": "s"},
                    {"role": "assistant", "tool_calls": [CALL | {"function": {"name": "f"}}]},
                    {
                        "role": "assistant",
                        "tool_calls": [CALL | {"function": {"name": "f", "arguments": "[1"}}],
                    },
                ]
            },
            "messages[2]",
        ),
    ],
)
def test_what_cannot_be_expressed_is_refused_by_name(more, field):
    error = refusal(**more)
    assert error.field == field
    assert field in error.message


MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-5-x",
    "content": [
        {"type": "thinking", "thinking": "Hm", "signature": "c2ln"},
        {"type": "text", "text": "Hello"},
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 10,
        "cache_read_input_tokens": 5,
        "cache_creation_input_tokens": 3,
        "output_tokens": 7,
        "output_tokens_details": {"thinking_tokens": 2},
    },
}


def answered(message):
    operation = translated("chat.completions", "anthropic.messages", REQUEST_ID)
    body = json.dumps(message).encode()
    whole = operation.read_answer(body)
    assert whole is not None
    return whole, ChatCompletion.model_validate_json(operation.answer_for_caller(body, REQUEST_ID))


def test_an_answer_is_metered_as_the_providers_and_read_as_the_callers():
    whole, completion = answered(MESSAGE)
    assert whole.tokens == Tokens(input=10, output=7, cache_read=5, cache_write_5m=3, reasoning=2)
    assert (completion.id, completion.model) == ("msg_1", "claude-opus-5-x")
    assert completion.created > 1_700_000_000
    (choice,) = completion.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "Hello"
    assert choice.message.reasoning_content == "Hm"
    assert choice.message.tool_calls[0].function.arguments == '{"a": 1}'
    usage = completion.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (18, 7, 25)
    assert usage.prompt_tokens_details.cached_tokens == 5
    assert usage.completion_tokens_details.reasoning_tokens == 2


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("something_new", "stop"),
    ],
)
def test_finish_reasons(reason, finish):
    text = MESSAGE["content"][1:2]
    _, completion = answered(MESSAGE | {"stop_reason": reason, "content": text})
    assert completion.choices[0].finish_reason == finish


def test_a_refusal_says_why():
    details = {"type": "refusal", "category": "bio", "explanation": "I will not"}
    message = MESSAGE | {"stop_reason": "refusal", "content": [], "stop_details": details}
    _, completion = answered(message)
    assert completion.choices[0].message.refusal == "I will not"


@pytest.mark.parametrize(
    "body",
    [b"<html>", b'{"type":"message","content":[{"type":"server_tool_use"}],"id":"","model":""}'],
)
def test_what_cannot_be_translated_is_no_answer(body):
    assert translated("chat.completions", "anthropic.messages").read_answer(body) is None
