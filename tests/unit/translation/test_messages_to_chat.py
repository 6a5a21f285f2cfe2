"""A caller of messages whose provider speaks OpenAI's chat: requests and whole answers."""

import json

import pytest
from anthropic.types import Message

from common.dialects import OPERATIONS
from common.dialects.base import BadRequest
from common.domain.usage import Tokens
from common.translation.operation import translated

PNG = "iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"a": {"type": "number"}}, "additionalProperties": False}
TOOL = {"name": "look", "description": "Look", "input_schema": SCHEMA}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}}
IMAGE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": PNG},
    "cache_control": {"type": "ephemeral"},
}
EPHEMERAL = {"type": "ephemeral"}


def sent(**more):
    """What the provider is sent for a message."""
    messages = [{"role": "user", "content": "Hi"}]
    given = {"model": "m", "max_tokens": 9, "messages": messages} | more
    body = json.dumps(given, separators=(",", ":")).encode()
    parsed = OPERATIONS["messages"].parse_request(body)
    operation = translated("messages", "openai.chat")
    return json.loads(operation.prepare_request(body, parsed, "gpt-x"))


def said(*blocks):
    """What the provider is sent for turns with results of the call."""
    turns = [
        {"role": "assistant", "content": [CALL, CALL | {"id": "toolu_2"}]},
        {"role": "user", "content": list(blocks)},
    ]
    return sent(messages=turns)["messages"][1:]


def test_plain():
    assert sent() == {
        "model": "gpt-x",
        "max_completion_tokens": 9,
        "messages": [{"role": "user", "content": "Hi"}],
    }


def test_system_and_parts():
    pdf = {"type": "base64", "media_type": "application/pdf", "data": PNG}
    text = {"type": "text", "media_type": "text/plain", "data": "Né"}
    content = [
        {"type": "text", "text": "See", "cache_control": EPHEMERAL},
        IMAGE,
        {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}},
        {"type": "document", "source": pdf, "title": "a.pdf"},
        {"type": "document", "source": text, "citations": {"enabled": False}},
    ]
    system = [{"type": "text", "text": "Be", "cache_control": EPHEMERAL}]
    body = sent(system=system, messages=[{"role": "user", "content": content}])
    assert body["messages"] == [
        {"role": "system", "content": "Be"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "See"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                {"type": "image_url", "image_url": {"url": "https://a/b.png"}},
                {
                    "type": "file",
                    "file": {
                        "filename": "a.pdf",
                        "file_data": f"data:application/pdf;base64,{PNG}",
                    },
                },
                {
                    "type": "file",
                    "file": {
                        "filename": "document.txt",
                        "file_data": "data:text/plain;base64,TsOp",
                    },
                },
            ],
        },
    ]


def test_calls_and_thoughts_of_others():
    turn = {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "Hm", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "eHg="},
            {"type": "text", "text": "I look", "citations": None},
            CALL | {"caller": {"type": "direct"}},
        ],
    }
    function = {"name": "look", "arguments": '{"a":1}'}
    assert sent(messages=[turn])["messages"] == [
        {
            "role": "assistant",
            "content": "I look",
            "tool_calls": [{"id": "toolu_1", "type": "function", "function": function}],
        }
    ]


def test_thoughts_of_a_chat_go_back_to_it():
    thought = {"type": "thinking", "thinking": "Hm", "signature": "openai.chat:"}
    turns = [{"role": "assistant", "content": [thought, CALL]}]
    assert sent(messages=turns)["messages"][0]["reasoning_content"] == "Hm"


def test_results_come_before_what_else_the_user_says():
    result = {"type": "tool_result", "tool_use_id": "toolu_1"}
    assert said(
        result | {"content": "1"},
        result | {"tool_use_id": "toolu_2", "content": [{"type": "text", "text": "2"}]},
        {"type": "text", "text": "Go on"},
    ) == [
        {"role": "tool", "tool_call_id": "toolu_1", "content": "1"},
        {"role": "tool", "tool_call_id": "toolu_2", "content": "2"},
        {"role": "user", "content": "Go on"},
    ]


def test_a_picture_in_a_result_is_said_by_the_user():
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [IMAGE]}
    tool, user = said(result)
    assert tool["content"] == "See the user's message."
    assert [part["type"] for part in user["content"]] == ["text", "image_url"]
    assert "toolu_1" in user["content"][0]["text"]


@pytest.mark.parametrize(
    ("content", "written"),
    [("no file", "Error: no file"), ("Error: no file", "Error: no file"), (None, "Error: ")],
)
def test_a_result_that_is_an_error_says_so(content, written):
    block = {"type": "tool_result", "tool_use_id": "toolu_1", "content": content, "is_error": True}
    assert said(block)[0]["content"] == written


@pytest.mark.parametrize(
    ("choice", "written"),
    [
        ({"type": "auto"}, ("auto", None)),
        ({"type": "none"}, ("none", None)),
        ({"type": "any", "disable_parallel_tool_use": True}, ("required", False)),
        (
            {"type": "tool", "name": "look"},
            ({"type": "function", "function": {"name": "look"}}, None),
        ),
    ],
)
def test_tools(choice, written):
    body = sent(tools=[TOOL | {"strict": True}], tool_choice=choice)
    function = {"name": "look", "description": "Look", "parameters": SCHEMA, "strict": True}
    assert body["tools"] == [{"type": "function", "function": function}]
    assert (body["tool_choice"], body.get("parallel_tool_calls")) == written


def test_the_rest():
    body = sent(
        output_config={"effort": "xhigh", "format": {"type": "json_schema", "schema": SCHEMA}},
        thinking={"type": "adaptive"},
        temperature=0.5,
        top_p=0.9,
        stop_sequences=["END"],
        metadata={"user_id": "u"},
        service_tier="standard_only",
        stream=True,
        cache_control=EPHEMERAL,
        context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    )
    assert {name: body[name] for name in body if name not in ("model", "messages")} == {
        "max_completion_tokens": 9,
        "reasoning_effort": "xhigh",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
        },
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["END"],
        "user": "u",
        "service_tier": "default",
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize(
    ("budget", "effort"), [(1024, "low"), (4096, "medium"), (16_384, "medium"), (32_000, "high")]
)
def test_budgets_are_told_in_words(budget, effort):
    thinking = {"type": "enabled", "budget_tokens": budget}
    assert sent(thinking=thinking)["reasoning_effort"] == effort


WEB_SEARCH = {"type": "web_search_20250305", "name": "web_search"}


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"top_k": 5}, "top_k"),
        ({"stop_sequences": list("abcde")}, "stop_sequences"),
        ({"speed": "fast"}, "speed"),
        ({"inference_geo": "eu"}, "inference_geo"),
        ({"mcp_servers": [{}]}, "mcp_servers"),
        ({"frobnicate": 1}, "frobnicate"),
        ({"tools": [WEB_SEARCH]}, "tools[0]"),
        ({"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}}, "context"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "document",
                                "source": {"type": "url", "url": "https://a/b.pdf"},
                            }
                        ],
                    }
                ]
            },
            "messages[0].content[0]",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "document",
                                "source": {"type": "text", "data": "a"},
                                "citations": {"enabled": True},
                            }
                        ],
                    }
                ]
            },
            "messages[0].content[0].citations",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "search_result"}]}]},
            "messages[0].content[0].type",
        ),
    ],
)
def test_what_cannot_be_expressed_is_refused_by_name(more, field):
    with pytest.raises(BadRequest) as caught:
        sent(**more)
    assert caught.value.field.startswith(field)
    assert field in caught.value.message


COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_800_000_000,
    "model": "gpt-x-1",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "logprobs": None,
            "message": {
                "role": "assistant",
                "content": "I look",
                "refusal": None,
                "reasoning_content": "Hm",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "look", "arguments": '{"a":1}'},
                    }
                ],
            },
        }
    ],
    "usage": {
        "prompt_tokens": 18,
        "completion_tokens": 7,
        "total_tokens": 25,
        "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 2},
    },
}


def answered(completion):
    operation = translated("messages", "openai.chat")
    body = json.dumps(completion).encode()
    whole = operation.read_answer(body)
    assert whole is not None
    return whole, Message.model_validate_json(operation.answer_for_caller(body, "R"))


def choice(finish_reason, **message):
    one = {"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant"} | message}
    return COMPLETION | {"choices": [one]}


def test_an_answer_is_metered_as_the_providers_and_read_as_the_callers():
    whole, message = answered(COMPLETION)
    assert whole.tokens == Tokens(input=10, output=7, cache_read=5, cache_write_5m=3, reasoning=2)
    assert (message.id, message.model, message.stop_reason) == ("chatcmpl-1", "gpt-x-1", "tool_use")
    thought, text, call = message.content
    assert (thought.thinking, thought.signature) == ("Hm", "openai.chat:")
    assert text.text == "I look"
    assert (call.id, call.name, call.input) == ("call_1", "look", {"a": 1})
    usage = message.usage
    assert (usage.input_tokens, usage.output_tokens) == (10, 7)
    assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (5, 3)


@pytest.mark.parametrize(
    ("reason", "stop_reason"),
    [("stop", "end_turn"), ("length", "max_tokens"), ("content_filter", "refusal")],
)
def test_finish_reasons(reason, stop_reason):
    _, message = answered(choice(reason, content="a"))
    assert message.stop_reason == stop_reason


def test_a_refusal_is_one():
    _, message = answered(choice("stop", content=None, refusal="I will not"))
    assert (message.stop_reason, message.content[0].text) == ("refusal", "I will not")


def test_calls_after_which_a_server_says_stop_are_calls():
    calls = COMPLETION["choices"][0]["message"]["tool_calls"]
    _, message = answered(choice("stop", content=None, tool_calls=calls))
    assert message.stop_reason == "tool_use"


def test_arguments_that_were_cut_off():
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"a":'}}
    _, message = answered(choice("length", content=None, tool_calls=[call]))
    assert (message.stop_reason, message.content[0].input) == ("max_tokens", {})
    operation = translated("messages", "openai.chat")
    body = json.dumps(choice("tool_calls", content=None, tool_calls=[call])).encode()
    assert operation.read_answer(body) is None
