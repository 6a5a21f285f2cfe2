"""Which bodies ask for the same, and whose answers are not kept at all."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dialects import OPERATIONS
from common.dialects.base import ParsedRequest
from common.dialects.canonical import ENDPOINTS, NotKept, canonical

PLAIN = ParsedRequest(model="m")
STREAM = ParsedRequest(model="m", stream=True)
CHAT = {"model": "m", "messages": [{"role": "user", "content": "Grüße"}]}
NAMES = st.text(min_size=1, max_size=8).filter(lambda name: name not in ("stream", "tools"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=10)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
BODIES = st.dictionaries(NAMES, VALUES, max_size=6)


def said(body, endpoint="chat.completions", parsed=PLAIN):
    return canonical(endpoint, json.dumps(body).encode(), parsed)


def shuffled(value, random):
    if isinstance(value, dict):
        items = [(name, shuffled(inner, random)) for name, inner in value.items()]
        random.shuffle(items)
        return dict(items)
    return [shuffled(inner, random) for inner in value] if isinstance(value, list) else value


@given(BODIES, st.randoms(use_true_random=False), st.booleans(), st.integers(0, 4))
def test_order_white_space_and_escapes_do_not_count(body, random, ascii_only, indent):
    body = CHAT | {f"x{name}": value for name, value in body.items()}
    other = json.dumps(shuffled(body, random), ensure_ascii=ascii_only, indent=indent)
    assert canonical("chat.completions", other.encode(), PLAIN) == said(body)


@given(BODIES, BODIES)
def test_different_values_are_different_requests(one, other):
    one, other = ({f"x{name}": value for name, value in body.items()} for body in (one, other))
    # True == 1 in Python and not in JSON.
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (said(one) == said(other)) is same


@pytest.mark.parametrize("member", ["tools", "response_format", "text", "generationConfig"])
def test_the_order_of_schemas_counts(member):
    def asking(*names):
        schema = {"type": "object", "properties": {name: {} for name in names}}
        value = {"type": "function", "parameters": schema}
        return CHAT | {member: [value] if member == "tools" else value}

    assert said(asking("a", "b")) != said(asking("b", "a"))
    assert said(asking("a", "b")) == said(asking("a", "b"))


@pytest.mark.parametrize(
    ("endpoint", "member", "counts"),
    [
        ("chat.completions", "user", False),
        ("chat.completions", "metadata", False),
        ("chat.completions", "prompt_cache_key", False),
        ("chat.completions", "temperature", True),
        ("chat.completions", "seed", True),
        ("chat.completions", "service_tier", True),
        ("chat.completions", "stream_options", False),
        ("embeddings", "user", False),
        ("messages", "metadata", False),
        ("messages", "user", True),
        ("responses", "user", True),
        ("responses", "metadata", True),
        ("gemini.generate", "labels", True),
    ],
)
def test_what_counts(endpoint, member, counts):
    assert (said(CHAT, endpoint) != said(CHAT | {member: {"a": "b"}}, endpoint)) is counts


def test_streams_and_whole_answers_are_apart():
    assert said(CHAT) == said(CHAT | {"stream": False}) == said(CHAT | {"stream": None})
    streamed = CHAT | {"stream": True}
    assert said(streamed, parsed=STREAM) != said(CHAT)
    with_usage = streamed | {"stream_options": {"include_usage": True}}
    assert said(with_usage, parsed=STREAM) != said(streamed, parsed=STREAM)


@pytest.mark.parametrize(
    ("endpoint", "more"),
    [
        ("chat.completions", {"web_search_options": {}}),
        ("chat.completions", {"store": True}),
        ("chat.completions", {"audio": {"voice": "alloy"}}),
        ("chat.completions", {"tools": [{"type": "code_interpreter"}]}),
        ("responses", {"conversation": "conv_1"}),
        ("responses", {"prompt": {"id": "pmpt_1"}}),
        ("responses", {"tools": [{"type": "mcp"}]}),
        ("messages", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
        ("messages", {"mcp_servers": [{"url": "https://x"}]}),
        ("messages", {"tools": ["?"]}),
        ("gemini.generate", {"tools": [{"googleSearch": {}}]}),
        ("gemini.generate", {"cachedContent": "cachedContents/1"}),
        ("audio.speech", {}),
        ("batches", {}),
    ],
)
def test_what_is_more_than_an_answer(endpoint, more):
    with pytest.raises(NotKept):
        said(CHAT | more, endpoint)


@pytest.mark.parametrize(
    ("endpoint", "tool"),
    [
        ("chat.completions", {"type": "function", "function": {"name": "f"}}),
        ("responses", {"type": "custom", "name": "f"}),
        ("messages", {"name": "f", "input_schema": {}}),
        ("messages", {"type": "bash_20250124", "name": "bash"}),
        ("gemini.generate", {"functionDeclarations": [{"name": "f"}]}),
    ],
)
def test_tools_of_the_caller_are_kept(endpoint, tool):
    assert said(CHAT | {"tools": [tool]}, endpoint)
    assert said(CHAT | {"store": False, "audio": None, "prompt": "Once"}, endpoint)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a": "\\ud800"}', b'{"a": 1e999}', b"\xff"])
def test_what_cannot_be_read_is_not_kept(body):
    with pytest.raises(NotKept):
        canonical("chat.completions", body, PLAIN)


@pytest.mark.parametrize(
    "parsed",
    [
        ParsedRequest(model="m", stored=True),
        ParsedRequest(model="m", follows="resp_1"),
        ParsedRequest(model="m", job="response"),
    ],
)
def test_what_is_kept_at_the_provider_is_not(parsed):
    with pytest.raises(NotKept):
        said(CHAT, "responses", parsed)


def test_only_real_endpoints_are_named():
    assert set(OPERATIONS) > ENDPOINTS
