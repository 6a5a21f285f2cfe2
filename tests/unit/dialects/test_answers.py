"""Whole answers: their figures in Relay's classes, or None where there are none."""

import json

import pytest

from common.dialects import DIALECTS, OPERATIONS
from common.dialects.base import ParsedRequest
from common.domain.usage import Tokens

OPENAI, ANTHROPIC = DIALECTS["openai"], DIALECTS["anthropic"]
CHAT, MESSAGES = OPERATIONS["chat.completions"], OPERATIONS["messages"]
COMPLETION = {
    "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
    "object": "chat.completion",
    "created": 1741569952,
    "model": "gpt-x-2026",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello!", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 100,
        "completion_tokens": 40,
        "total_tokens": 140,
        "prompt_tokens_details": {"cached_tokens": 30, "audio_tokens": 2},
        "completion_tokens_details": {
            "reasoning_tokens": 16,
            "audio_tokens": 4,
            "accepted_prediction_tokens": 0,
        },
    },
    "service_tier": "default",
}
MESSAGE = {
    "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
    "type": "message",
    "role": "assistant",
    "model": "claude-x-2026",
    "content": [{"type": "text", "text": "Hi!"}],
    "stop_reason": "end_turn",
    "usage": {
        "input_tokens": 10,
        "output_tokens": 25,
        "cache_read_input_tokens": 7,
        "cache_creation_input_tokens": 9,
        "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 5},
        "output_tokens_details": {"thinking_tokens": 6},
        "server_tool_use": {"web_search_requests": 1},
        "service_tier": "standard",
    },
}
OPENAI_ERROR = {"error": {"message": "no", "type": "server_error", "param": None, "code": None}}
ANTHROPIC_ERROR = {"type": "error", "error": {"type": "api_error", "message": "no"}}
NO_ANSWERS = [
    b"",
    b"null",
    b"[]",
    b"[{}]",
    b'"text"',
    b"{}",
    b"<html>502</html>",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"choices":null}',
    b'{"choices":{}}',
    b'{"type":"message","content":null}',
    b'{"type":"message","content":"text"}',
    b'{"type":"completion","content":[]}',
    json.dumps(OPENAI_ERROR).encode(),
    json.dumps(ANTHROPIC_ERROR).encode(),
]


def read(operation, value):
    return operation.read_answer(json.dumps(value).encode())


def test_a_completion():
    answer = read(CHAT, COMPLETION)
    assert answer.model == "gpt-x-2026"
    assert answer.tokens == Tokens(
        input=70, output=40, cache_read=30, reasoning=16, audio_input=2, audio_output=4
    )
    assert answer.tokens.total == 140


def test_a_message():
    answer = read(MESSAGES, MESSAGE)
    assert answer.model == "claude-x-2026"
    assert answer.tokens == Tokens(
        input=10, output=25, cache_read=7, cache_write_5m=4, cache_write_1h=5, reasoning=6
    )
    assert answer.tokens.total == 51  # thinking is part of the output


@pytest.mark.parametrize(
    ("dialect", "whole", "usage"),
    [
        *[(CHAT, COMPLETION, usage) for usage in (None, {}, [], {"prompt_tokens": "1"})],
        *[
            (MESSAGES, MESSAGE, usage)
            for usage in (None, {}, [], {"input_tokens": "1"}, {"output_tokens": 1})
        ],
    ],
)
def test_without_figures_there_is_an_answer_and_an_estimate(dialect, whole, usage):
    answer = read(dialect, {**whole, "usage": usage})
    assert answer.tokens is None
    assert answer.model == whole["model"]
    assert answer.output_estimate == read(dialect, whole).output_estimate > 0
    bare = {name: value for name, value in whole.items() if name not in ("usage", "model")}
    assert read(dialect, bare).tokens is None
    assert read(dialect, bare).model is None


@pytest.mark.parametrize(
    ("dialect", "whole", "member"),
    [(CHAT, COMPLETION, "choices"), (MESSAGES, MESSAGE, "content")],
)
def test_the_estimate_is_of_the_output_alone(dialect, whole, member):
    size = len(json.dumps(whole[member])) - 2
    answer = read(dialect, {**whole, "padding": "x" * 4000})
    assert answer.output_estimate == -(-size // 4)
    twice = read(dialect, {**whole, member: whole[member] * 2})
    assert twice.output_estimate == -(-2 * size // 4)
    assert read(dialect, {**whole, member: []}).output_estimate == 0


@pytest.mark.parametrize("dialect", [CHAT, MESSAGES], ids=("openai", "anthropic"))
@pytest.mark.parametrize("body", NO_ANSWERS)
def test_what_is_no_answer(dialect, body):
    assert dialect.read_answer(body) is None


@pytest.mark.parametrize(("dialect", "whole"), [(CHAT, COMPLETION), (MESSAGES, MESSAGE)])
def test_half_an_answer_is_none(dialect, whole):
    body = json.dumps(whole).encode()
    assert all(dialect.read_answer(body[:size]) is None for size in range(len(body)))
    assert dialect.read_answer(body + b"\n") is not None


def test_neither_dialect_reads_the_other():
    assert read(CHAT, MESSAGE) is None
    assert read(MESSAGES, COMPLETION) is None


@pytest.mark.parametrize(
    ("dialect", "value"),
    [
        (OPENAI, OPENAI_ERROR),
        (OPENAI, {"error": {"message": ""}}),
        (ANTHROPIC, ANTHROPIC_ERROR),
        (ANTHROPIC, {**ANTHROPIC_ERROR, "request_id": "req_1"}),
    ],
)
def test_an_error_body(dialect, value):
    body = json.dumps(value).encode()
    assert dialect.is_error_body(body)
    assert not any(dialect.is_error_body(body[:size]) for size in range(len(body)))


@pytest.mark.parametrize(
    "body",
    [
        *NO_ANSWERS[:9],
        b'{"error":"no"}',
        b'{"error":null}',
        b'{"error":[]}',
        b'{"error":{"message":5}}',
        b'{"error":{"code":1}}',
        b'{"type":"error","error":{"type":"api_error"}}',
        b'{"type":"error","error":"no"}',
        b'{"type":"error","message":"no"}',
        json.dumps(COMPLETION).encode(),
        json.dumps(MESSAGE).encode(),
    ],
)
@pytest.mark.parametrize("dialect", [OPENAI, ANTHROPIC], ids=lambda dialect: dialect.name)
def test_what_is_no_error_body(dialect, body):
    assert not dialect.is_error_body(body)


def test_anthropic_wants_its_own_envelope():
    assert not ANTHROPIC.is_error_body(json.dumps(OPENAI_ERROR).encode())
    assert not ANTHROPIC.is_error_body(json.dumps({**ANTHROPIC_ERROR, "type": "x"}).encode())


HUGE = 10**30


@pytest.mark.parametrize(
    ("endpoint", "answer"),
    [
        ("chat.completions", {"choices": [], "usage": {"prompt_tokens": HUGE}}),
        ("chat.completions", {"choices": [], "usage": {"prompt_tokens": 10**12 + 1}}),
        ("messages", {"type": "message", "content": [], "usage": {"input_tokens": HUGE}}),
        ("responses", {"object": "response", "usage": {"input_tokens": 1, "output_tokens": HUGE}}),
    ],
)
def test_figures_that_cannot_be_are_none(endpoint, answer):
    """They could not even be written down, and the request would not be settled."""
    read = OPERATIONS[endpoint].read_answer(json.dumps(answer).encode())
    assert read.tokens is None


def test_figures_of_a_stream_that_cannot_be_are_none():
    copy = MESSAGES.stream_copy(ParsedRequest(model="m", stream=True))
    for name in ("message_start", "message_delta"):
        usage = {"input_tokens": HUGE, "output_tokens": HUGE}
        event = {"type": name, "message": {"usage": usage}, "usage": usage, "delta": {}}
        copy.feed(f"event: {name}\ndata: {json.dumps(event)}\n\n".encode())
    assert copy.reported == Tokens()
    assert not copy.reported_complete
