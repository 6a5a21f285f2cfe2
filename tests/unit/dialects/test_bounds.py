"""What a body can use at most: its bytes, published figures, or a name that has no bound."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dialects import OPERATIONS
from common.dialects.anthropic import bounds as anthropic
from common.dialects.bounds import Unreadable
from common.dialects.openai import bounds as openai
from common.dialects.worst_cases import BOUNDS, CAPS

PNG = "data:image/png;base64," + "A" * 4000


def bound(endpoint, **members):
    body = json.dumps({"model": "m", **members}).encode()
    return BOUNDS[endpoint](body), len(body)


def turn(*content):
    return [{"role": "user", "content": list(content)}]


@given(st.text(max_size=200), st.booleans())
def test_text_counts_at_least_its_bytes_in_utf8(text, escaped):
    message = {"role": "user", "content": text}
    body = json.dumps({"model": "m", "messages": [message]}, ensure_ascii=escaped)
    size = len(text.encode("utf-8", "surrogatepass"))
    for endpoint in ("chat.completions", "messages"):
        found = BOUNDS[endpoint](body.encode("utf-8", "surrogatepass"))
        assert found.input_tokens is None or found.input_tokens >= size


@pytest.mark.parametrize("url", [PNG, "https://example.org/a.png"])
def test_an_image_counts_its_published_maximum_not_its_bytes(url):
    found, size = bound(
        "chat.completions", messages=turn({"type": "image_url", "image_url": {"url": url}})
    )
    inline = len(url) if url == PNG else 0
    assert found.input_tokens == size - inline + openai.IMAGE_TOKENS_MAX
    found, size = bound("responses", input=turn({"type": "input_image", "image_url": url}))
    assert found.input_tokens == size - inline + openai.IMAGE_TOKENS_MAX


def test_a_name_that_is_escaped_hides_nothing():
    body = b'{"model":"m","messages":[{"role":"user","content":[{"type":"im\\u0061ge_url",'
    body += b'"image_url":{"url":"https://example.org/a"}}]}]}'
    assert BOUNDS["chat.completions"](body).input_tokens > openai.IMAGE_TOKENS_MAX
    body = b'{"model":"m","tools":[{"type":"web\\u005fsearch_20250305"}],"messages":[]}'
    assert BOUNDS["messages"](body).unbounded == "tools[0] (web_search_20250305)"
    body = b'{"model":"m","messages":[],"c\\u0061che_control":{"type":"ephemeral"}}'
    assert BOUNDS["messages"](body).caches


@pytest.mark.parametrize(
    ("endpoint", "members"),
    [
        ("chat.completions", {"messages": turn({"type": "file", "file": {"file_id": "f"}})}),
        ("chat.completions", {"messages": turn({"type": "unheard_of"})}),
        ("chat.completions", {"messages": [{"role": "assistant", "audio": {"id": "a"}}]}),
        ("responses", {"input": "a", "previous_response_id": "resp_1"}),
        ("responses", {"input": "a", "conversation": "conv_1"}),
        ("responses", {"input": turn({"type": "input_file", "file_id": "f"})}),
        ("responses", {"input": [{"type": "item_reference", "id": "i"}]}),
        ("responses", {"input": [{"type": "function_call_output", "call_id": "c",
                                  "output": [{"type": "input_file", "file_url": "u"}]}]}),
        ("messages", {"messages": turn({"type": "document", "source": {"type": "url"}})}),
        ("messages", {"messages": turn({"type": "document", "source": {"type": "base64"}})}),
        ("messages", {"messages": turn({"type": "unheard_of"})}),
        ("messages", {"messages": turn({"type": "tool_result", "content": [
            {"type": "document", "source": {"type": "file"}}]})}),
        ("messages", {"system": [{"type": "unheard_of"}], "messages": []}),
    ],
)  # fmt: skip
def test_what_the_body_does_not_hold_counts_as_the_window(endpoint, members):
    found, _ = bound(endpoint, **members)
    assert found.input_tokens is None
    assert found.unbounded is None


@pytest.mark.parametrize(
    ("endpoint", "members", "named"),
    [
        ("chat.completions", {"web_search_options": {"a": 1}}, "web_search_options"),
        ("chat.completions", {"web_search_options": {}}, "web_search_options"),
        ("chat.completions", {"prediction": {"type": "content"}}, "prediction"),
        ("chat.completions", {"tools": [{"type": "function"}, {"type": "new"}]}, "tools[1] (new)"),
        ("chat.completions", {"service_tier": "newest"}, "service_tier (newest)"),
        ("responses", {"prompt": {"id": "p"}}, "prompt"),
        ("responses", {"tools": [{"type": "web_search"}]}, "tools[0] (web_search)"),
        ("responses", {"tools": [{"type": "mcp"}]}, "tools[0] (mcp)"),
        ("responses", {"tools": [{"type": "image_generation"}]}, "tools[0] (image_generation)"),
        ("messages", {"tools": [{"type": "web_fetch_20250910"}]}, "tools[0] (web_fetch_20250910)"),
        ("messages", {"mcp_servers": [{"url": "u"}]}, "mcp_servers"),
        ("messages", {"container": "c"}, "container"),
        ("messages", {"speed": "fast"}, "speed (fast)"),
        ("messages", {"inference_geo": "us"}, "inference_geo"),
        ("messages", {"context_management": {"edits": []}}, "context_management"),
    ],
)
def test_what_has_no_bound_is_named(endpoint, members, named):
    found, _ = bound(endpoint, messages=[], **members)
    assert found.unbounded == named


@pytest.mark.parametrize("endpoint", ["chat.completions", "responses"])
@pytest.mark.parametrize(
    ("asked", "tier"),
    [(None, "standard"), ("auto", "standard"), ("flex", "standard"), ("priority", "priority"),
     ("fast", "priority")],
)  # fmt: skip
def test_the_dearest_tier_that_may_serve_is_bounded(endpoint, asked, tier):
    found, _ = bound(endpoint, messages=[], service_tier=asked)
    assert (found.tier, found.unbounded) == (tier, None)


@pytest.mark.parametrize("hidden", [b"1e999", b"[" * 2000 + b"]" * 2000])
@pytest.mark.parametrize("endpoint", ["chat.completions", "responses", "messages"])
def test_what_hides_behind_something_unreadable_is_not_taken_for_nothing(endpoint, hidden):
    with pytest.raises(Unreadable):
        BOUNDS[endpoint](b'{"tools":[{"type":"web_search"}],"x":%s}' % hidden)


def test_tools_that_the_caller_runs_are_bounded():
    own = [{"name": "f", "input_schema": {}}, {"type": "custom", "name": "g"},
           {"type": "bash_20250124", "name": "bash"}]  # fmt: skip
    found, size = bound("messages", messages=[], tools=own)
    assert found.unbounded is None
    added = anthropic.TOOLS_TOKENS_MAX + anthropic.OWN_TOOL_TOKENS_MAX
    assert found.input_tokens == size + added
    found, size = bound("responses", input="a", tools=[{"type": "function"}, {"type": "custom"}])
    assert (found.unbounded, found.input_tokens) == (None, size)


def test_choices_multiply_and_prompts_are_choices_of_their_own():
    assert bound("chat.completions", messages=[], n=300)[0].choices == 300
    assert bound("chat.completions", messages=[], n=3.0)[0].choices == 3
    assert bound("chat.completions", messages=[], n=True)[0].choices == 1
    assert bound("completions", prompt=["a", "b"], n=2, best_of=3)[0].choices == 6
    assert bound("completions", prompt=[1, 2, 3])[0].choices == 1
    assert bound("completions", prompt="a")[0].default_cap == 16
    thinking = {"type": "enabled", "budget_tokens": 2048}
    assert bound("messages", messages=[], thinking=thinking)[0].least_output == 2049


def test_what_is_not_read_has_no_bound_and_takes_no_cap():
    unread = {name for name in OPERATIONS if name not in BOUNDS}
    unread.discard("bedrock.converse")  # no caller speaks it
    # A batch's bound is that of its file, not of its body.
    assert {name.partition(".")[0] for name in unread} == {"images", "audio", "batches"}
    chats = {"chat.completions", "completions", "responses", "messages"}
    assert set(CAPS) - {"bedrock.converse"} == chats | {"gemini.generate", "gemini.stream"}
    assert BOUNDS["moderations"](b"{}").free
    assert not BOUNDS["embeddings"](b'{"input":"a"}').generates


@pytest.mark.parametrize(
    ("endpoint", "body", "provider", "expected"),
    [
        ("chat.completions", b'{"model": "m"}', "openai",
         b'{"max_completion_tokens":7,"model": "m"}'),
        ("chat.completions", b'{"model": "m"}', "openai_compatible",
         b'{"max_tokens":7,"model": "m"}'),
        ("chat.completions", b'{"max_tokens" : 900}', "openai", b'{"max_tokens" : 7}'),
        ("chat.completions", b'{"max_tokens":9,"max_completion_tokens":8}', "openai",
         b'{"max_tokens":7,"max_completion_tokens":7}'),
        ("completions", b"{}", "openai", b'{"max_tokens":7}'),
        ("responses", b'{"input":"a"}', "openai", b'{"max_output_tokens":7,"input":"a"}'),
        ("messages", b'{ "max_tokens": 100 }', "anthropic", b'{ "max_tokens": 7 }'),
    ],
)  # fmt: skip
def test_a_cap_is_written_under_the_name_that_the_model_takes(endpoint, body, provider, expected):
    assert CAPS[endpoint](body, 7, provider) == expected
