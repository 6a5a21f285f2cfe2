"""The matrix: every place of every dialect where text stands, and those that are not touched.

`@1` marks a text where a value is planted; `#1` a value that must stay as it is.
"""

import json
import re

import pytest

from common.dialects import OPERATIONS
from common.dialects.base import FORM
from common.redaction.placeholders import Placeholders
from common.redaction.planned import scanner
from common.redaction.policy import plan, read_policy
from common.redaction.redacting import redact
from common.redaction.rewriting import restore
from common.redaction.scanning import finish
from common.redaction.shapes import ANSWERS, REQUESTS
from functions.relay.endpoints import ENDPOINTS

PLAN = plan(read_policy({"entities": {"EMAIL_ADDRESS": "mask", "PAYMENT_CARD": "mask"}}))
SCANNER = scanner(PLAN)
CARD = 4111111111111111
IMAGE = {"type": "image_url", "image_url": {"url": "https://h/#1"}}
SCHEMA = {"type": "object", "properties": {"to": {"type": "string", "description": "@1"}}}

MATRIX = {
    "messages.batches": {
        "each request": {
            "requests": [
                {
                    "custom_id": "#1",
                    "params": {"model": "#2", "messages": [{"role": "user", "content": "@1"}]},
                },
                {"custom_id": "b", "params": {"system": "@2"}},
            ]
        },
    },
    "batches": {"metadata": {"input_file_id": "#1", "endpoint": "#2", "metadata": {"to": "@1"}}},
    "chat.completions": {
        "user's text": {"messages": [{"role": "user", "content": "hi @1"}]},
        "system": {"messages": [{"role": "system", "content": "@1"}]},
        "parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "@1"}]}]},
        "a part of tomorrow": {"messages": [{"content": [{"type": "new", "words": ["@1"]}]}]},
        "image": {"messages": [{"role": "user", "content": [IMAGE]}]},
        "file": {"messages": [{"content": [{"type": "file", "file": {"file_data": "#1"}}]}]},
        "name": {"messages": [{"role": "user", "name": "@1", "content": "x"}]},
        "refusal": {"messages": [{"role": "assistant", "refusal": "@1"}]},
        "tool call": {
            "messages": [
                {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "id": "#1",
                            "type": "function",
                            "function": {"name": "#2", "arguments": '{"to": "@1", "@2": "\\n@3"}'},
                        }
                    ],
                }
            ]
        },
        "tool call, no JSON": {"messages": [{"tool_calls": [{"function": {"arguments": "{@1"}}]}]},
        "custom tool": {"messages": [{"tool_calls": [{"custom": {"name": "c", "input": "@1"}}]}]},
        "function call": {"messages": [{"function_call": {"name": "f", "arguments": '["@1"]'}}]},
        "tool result": {"messages": [{"role": "tool", "tool_call_id": "#1", "content": "@1"}]},
        "tools": {
            "tools": [{"function": {"name": "#1", "description": "@1", "parameters": SCHEMA}}]
        },
        "functions": {"functions": [{"name": "#1", "description": "@1"}]},
        "schema of the answer": {
            "response_format": {"json_schema": {"name": "#1", "schema": SCHEMA}}
        },
        "prediction": {"prediction": {"type": "content", "content": "@1"}},
        "user and metadata": {"user": "@1", "metadata": {"who": "@2", "@3": "x", "type": "@4"}},
        "stop": {"stop": ["@1"]},
        "model": {"model": "#1"},
    },
    "responses": {
        "input": {"input": "@1"},
        "instructions": {"instructions": "@1"},
        "items": {"input": [{"role": "user", "content": "@1"}]},
        "parts": {"input": [{"content": [{"type": "input_text", "text": "@1"}]}]},
        "image": {"input": [{"content": [{"type": "input_image", "image_url": "#1"}]}]},
        "tool call": {"input": [{"type": "function_call", "name": "f", "arguments": '{"a":"@1"}'}]},
        "tool result": {"input": [{"type": "function_call_output", "output": "@1"}]},
        "result parts": {"input": [{"output": [{"type": "input_text", "text": "@1"}]}]},
        "custom tool": {"input": [{"type": "custom_tool_call", "input": "@1"}]},
        "shell": {"input": [{"type": "local_shell_call", "action": {"command": ["a", "@1"]}}]},
        "reasoning, signed": {
            "input": [
                {
                    "summary": [{"type": "summary_text", "text": "#1"}],
                    "encrypted_content": "#2",
                    "content": [{"type": "reasoning_text", "text": "#3"}],
                    "type": "reasoning",
                },
                {"role": "user", "content": "@1"},
            ]
        },
        "tools": {"tools": [{"name": "#1", "description": "@1", "parameters": SCHEMA}]},
        "remote tools' credential": {"tools": [{"type": "mcp", "authorization": "#1"}]},
        "format": {"text": {"format": {"type": "json_schema", "name": "#1", "schema": SCHEMA}}},
        "prompt's variables": {"prompt": {"id": "#1", "variables": {"name": "@1"}}},
        "user and metadata": {"user": "@1", "safety_identifier": "@2", "metadata": {"a": "@3"}},
    },
    "messages": {
        "text": {"messages": [{"role": "user", "content": "@1"}]},
        "system": {"system": "@1"},
        "system blocks": {"system": [{"type": "text", "text": "@1"}]},
        "blocks": {"messages": [{"content": [{"type": "text", "text": "@1"}]}]},
        "thinking, signed": {
            "messages": [
                {
                    "role": "assistant",
                    "content": [
                        {"thinking": "#1", "signature": "#2", "type": "thinking"},
                        {"type": "redacted_thinking", "data": "#3"},
                        {"type": "text", "text": "@1"},
                    ],
                }
            ]
        },
        "tool use": {
            "messages": [
                {"content": [{"type": "tool_use", "id": "#1", "name": "#2", "input": {"id": "@1"}}]}
            ]
        },
        "tool result": {
            "messages": [
                {"content": [{"type": "tool_result", "tool_use_id": "#1", "content": "@1"}]}
            ]
        },
        "tool result's blocks": {
            "messages": [
                {"content": [{"type": "tool_result", "content": [{"type": "text", "text": "@1"}]}]}
            ]
        },
        "image": {
            "messages": [
                {"content": [{"type": "image", "source": {"data": "#1", "type": "base64"}}]}
            ]
        },
        "document of text": {
            "messages": [
                {
                    "content": [
                        {
                            "type": "document",
                            "title": "@1",
                            "source": {"type": "text", "data": "@2"},
                        }
                    ]
                }
            ]
        },
        "tools": {"tools": [{"name": "#1", "description": "@1", "input_schema": SCHEMA}]},
        "remote tools' credential": {"mcp_servers": [{"url": "#1", "authorization_token": "#2"}]},
        "metadata": {"metadata": {"user_id": "@1"}},
        "stop": {"stop_sequences": ["@1"]},
    },
    "gemini.generate": {
        "parts": {"contents": [{"role": "user", "parts": [{"text": "@1"}]}]},
        "system": {"systemInstruction": {"parts": [{"text": "@1"}]}},
        "system, other spelling": {"system_instruction": {"parts": [{"text": "@1"}]}},
        "thought": {
            "contents": [{"parts": [{"text": "#1", "thought": True}, {"text": "@1"}]}],
        },
        "call": {
            "contents": [
                {
                    "parts": [
                        {
                            "functionCall": {"name": "#1", "args": {"name": "@1"}},
                            "thoughtSignature": "#2",
                        }
                    ]
                }
            ]
        },
        "result": {
            "contents": [
                {"parts": [{"functionResponse": {"name": "#1", "response": {"id": "@1"}}}]}
            ]
        },
        "code": {"contents": [{"parts": [{"executableCode": {"code": "@1"}}]}]},
        "code's output": {"contents": [{"parts": [{"codeExecutionResult": {"output": "@1"}}]}]},
        "media": {"contents": [{"parts": [{"inlineData": {"data": "#1"}}]}]},
        "tools": {
            "tools": [
                {
                    "functionDeclarations": [
                        {"name": "#1", "description": "@1", "parameters": SCHEMA}
                    ]
                }
            ]
        },
        "schema of the answer": {"generationConfig": {"responseSchema": SCHEMA}},
        "labels": {"labels": {"who": "@1"}},
    },
    "completions": {
        "prompt": {"prompt": "@1"},
        "prompts": {"prompt": ["@1", "@2"]},
        "tokens": {"prompt": [1, 2, 4111111111111111]},
        "suffix and user": {"suffix": "@1", "user": "@2"},
    },
    "embeddings": {"input": {"input": "@1"}, "inputs": {"input": ["@1", "@2"], "user": "@3"}},
    "moderations": {
        "input": {"input": "@1"},
        "parts": {"input": [{"type": "text", "text": "@1"}, IMAGE]},
    },
}
CASES = [(endpoint, row, MATRIX[endpoint][row]) for endpoint in MATRIX for row in MATRIX[endpoint]]


def filled(body, **kwargs):
    """`@1` and `#1` as addresses: both look the same to a detector."""
    text = json.dumps(body, **kwargs)
    return re.sub(r"([@#])(\d)", lambda m: {"@": "ann", "#": "kept"}[m[1]] + m[2] + "@x.com", text)


def redacted(body, endpoint):
    placeholders = Placeholders(b"k" * 32, "t")
    outcome = finish(redact(body, REQUESTS[endpoint], SCANNER, PLAN, placeholders))
    return outcome, placeholders


@pytest.mark.parametrize(("endpoint", "row", "body"), CASES, ids=[f"{e}: {r}" for e, r, _ in CASES])
def test_the_matrix(endpoint, row, body):
    text = filled(body)
    outcome, placeholders = redacted(text.encode(), endpoint)
    planted = re.findall(r"ann\d@x\.com", text)
    assert sorted(set(planted)) == sorted(set(placeholders.values.values()))
    # Everything else is as it was, byte for byte.
    expected = text
    for placeholder, value in placeholders.values.items():
        expected = expected.replace(value, placeholder)
    assert outcome.body.decode() == expected
    assert "ann" not in outcome.body.decode()
    json.loads(outcome.body)


def test_every_endpoint_has_rows_or_the_shape_of_one_that_has():
    shapes = {id(REQUESTS[endpoint]) for endpoint in MATRIX}
    assert {id(shape) for shape in REQUESTS.values()} == shapes


def test_every_endpoint_that_is_forwarded_has_a_shape_or_takes_a_form():
    forwarded = [one.name for one in ENDPOINTS if one.kind == "forward"]
    forms = [one for one in forwarded if OPERATIONS[one].media_type == FORM]
    assert sorted(forms) == [
        *("audio.transcriptions", "audio.translations", "images.edits", "images.variations")
    ]
    assert set(forwarded) - set(forms) <= REQUESTS.keys()


def test_bytes_around_a_value_stay_whatever_their_escapes_and_blanks():
    body = b'{ "messages":[{"content" :"'
    body += b'\\u00e9\\n\\ud83d\\ude00 \xc3\xa9 a@x.com\\/\\u0041"}],"n":1.0e0}'
    outcome, placeholders = redacted(body, "chat.completions")
    (placeholder,) = placeholders.values
    assert outcome.body == body.replace(b"a@x.com", placeholder.encode())


def test_names_are_found_however_they_are_written():
    body = b'{"mess\\u0061ges":[{"Content":[{"type":"text","TEXT":"a@x.com"}]}]}'
    assert redacted(body, "chat.completions")[0].counts == {("EMAIL_ADDRESS", "mask"): 1}


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_number_in_a_tools_arguments_becomes_a_string(blank):
    inner = f'{{"n":{blank}{CARD}{blank}}}'
    body = json.dumps({"messages": [{"tool_calls": [{"function": {"arguments": inner}}]}]})
    outcome, placeholders = redacted(body.encode(), "chat.completions")
    arguments = json.loads(outcome.body)["messages"][0]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"n": placeholders.of("PAYMENT_CARD", str(CARD))}


def test_a_blocked_request_says_what_and_where_but_not_the_text():
    made = plan(read_policy({"entities": {"EMAIL_ADDRESS": "block"}}))
    body = b'{"messages":[{"content":"x"},{"content":"a@x.com"}]}'
    steps = redact(
        body, REQUESTS["chat.completions"], scanner(made), made, Placeholders(b"k" * 32, "t")
    )
    outcome = finish(steps)
    assert outcome.body == body
    assert outcome.blocked == (("EMAIL_ADDRESS", "messages[1].content"),)


@pytest.mark.parametrize(
    ("action", "expected"), [("redact", b"REDACTED_EMAIL_ADDRESS"), ("observe", b"a@x.com")]
)
def test_actions(action, expected):
    made = plan(read_policy({"entities": {"EMAIL_ADDRESS": action}}))
    placeholders = Placeholders(b"k" * 32, "t")
    outcome = finish(
        redact(b'{"input":"a@x.com"}', REQUESTS["embeddings"], scanner(made), made, placeholders)
    )
    assert outcome.body == b'{"input":"%s"}' % expected
    assert outcome.counts == {("EMAIL_ADDRESS", action): 1}
    assert placeholders.values == {}


def answer(endpoint, name):
    arguments = json.dumps({"to": name}, ensure_ascii=False)
    return {
        "chat.completions": {
            "choices": [
                {
                    "message": {
                        "content": name,
                        "tool_calls": [{"function": {"arguments": arguments}}],
                    }
                }
            ]
        },
        "responses": {
            "output": [
                {"type": "message", "content": [{"type": "output_text", "text": name}]},
                {"type": "function_call", "arguments": arguments},
            ]
        },
        "messages": {
            "content": [{"type": "text", "text": name}, {"type": "tool_use", "input": {"to": name}}]
        },
        "gemini.generate": {
            "candidates": [
                {"content": {"parts": [{"text": name}, {"functionCall": {"args": {"to": name}}}]}}
            ]
        },
        "completions": {"choices": [{"text": name}]},
        "audio.transcriptions": {"text": name, "segments": [{"text": name}]},
        "audio.translations": {"text": name},
        "images.generations": {"data": [{"revised_prompt": name, "b64_json": "PERSON_7K3QX2MA"}]},
        "images.edits": {"data": [{"revised_prompt": name}]},
    }[endpoint.replace("gemini.stream", "gemini.generate")]


@pytest.mark.parametrize("endpoint", ANSWERS)
@pytest.mark.parametrize("value", ["ann@x.com", 'q"\\\n\u00e9'])
def test_an_answer_gets_values_back_and_its_tools_json_stays_json(endpoint, value):
    body = json.dumps(answer(endpoint, "PERSON_7K3QX2MA")).encode()
    restored = finish(restore(body, ANSWERS[endpoint], {"PERSON_7K3QX2MA": value}))
    assert json.loads(restored) == answer(endpoint, value)


def test_signed_blocks_of_an_answer_keep_their_placeholders():
    body = b'{"content":[{"type":"thinking","thinking":"P_AAAAAAAA","signature":"s"}]}'
    assert finish(restore(body, ANSWERS["messages"], {"P_AAAAAAAA": "Ann"})) == body
    body = b'{"output":[{"summary":[{"text":"P_AAAAAAAA"}],"type":"reasoning"}]}'
    assert finish(restore(body, ANSWERS["responses"], {"P_AAAAAAAA": "Ann"})) == body
