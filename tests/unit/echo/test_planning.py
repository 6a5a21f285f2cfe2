import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo_provider.anthropic_requests import parse_messages
from echo_provider.ask import Ask, plan
from echo_provider.faults import NO_FAULTS, Faults
from echo_provider.models import anthropic_models, openai_models
from echo_provider.openai_requests import parse_chat
from echo_provider.refusals import Refusal
from echo_provider.tools import sample, wanted_calls


def ask(**changes):
    known = {"model": "echo", "served_model": "echo", "stream": True, "prompt_tokens": 100}
    return Ask(**known | {"text": ""} | changes)


def chat(content="hello", **fields):
    message = {"role": "user", "content": content}
    return parse_chat({"model": "gpt-4o", "messages": [message], **fields})


def message(content="hello", **fields):
    turn = {"role": "user", "content": content}
    body = {"model": "claude-opus-4-5", "max_tokens": 9, "messages": [turn], **fields}
    return parse_messages(body)


def test_the_text_comes_back():
    answer = plan(ask(), NO_FAULTS, "hello my world")
    (choice,) = answer.choices
    assert (choice.finish, choice.tokens) == ("end", 3)
    assert (answer.usage.prompt, answer.usage.completion, answer.usage.uncached) == (100, 3, 100)


def test_a_limit_or_a_stop_sequence_ends_it():
    assert plan(ask(limit=2), NO_FAULTS, "a b c").choices[0].finish == "limit"
    assert plan(ask(limit=3), NO_FAULTS, "a b c").choices[0].finish == "end"
    stopped = plan(ask(stops=("c",)), NO_FAULTS, "a b c").choices[0]
    assert (stopped.finish, stopped.stop, stopped.tokens) == ("stop", "c", 2)


@given(*(st.integers(0, 200) for _ in range(4)))
def test_input_figures_always_add_up(cached, write, write_1h, reasoning):
    faults = Faults(cached=cached, cache_write=write, cache_write_1h=write_1h, reasoning=reasoning)
    usage = plan(ask(), faults, "a b").usage
    parts = (usage.uncached, usage.cached, usage.cache_write_5m, usage.cache_write_1h)
    assert min(parts) >= 0
    assert sum(parts) == usage.prompt == 100
    assert (usage.completion, usage.reasoning) == (2 + reasoning, reasoning)


def test_amounts():
    assert plan(ask(), Faults(words=7), "x").choices[0].tokens == 7
    assert plan(ask(), Faults(bytes=17), "x").choices[0].tokens == 3
    answer = plan(ask(), Faults(chunks=5), "one two")
    assert len(list(answer.choices[0].text.parts(answer.parts))) == 5
    huge = plan(ask(), Faults(huge_event=10**6), "x")
    assert [len(part.text) for part in huge.choices[0].text.parts(huge.parts)] == [10**6]


def test_too_much_for_memory_is_for_streams_only():
    with pytest.raises(Refusal, match="streams only"):
        plan(ask(stream=False), Faults(bytes=10**9), "x")


def test_usage_counts_all_choices():
    assert plan(ask(choices=3), NO_FAULTS, "a b").usage.completion == 6
    assert not plan(ask(), Faults(usage="none"), "a").reported


TOOLS = {"weather": {"properties": {"city": {"type": "string"}}, "required": ["city"]}, "now": {}}


def test_calls_are_asked_for_in_the_text():
    text = 'call weather {"city": "Bern"}, then call now and call nothing {}'
    calls = wanted_calls(text, TOOLS, "auto", None)
    assert [(call.name, call.arguments) for call in calls] == [
        ("weather", '{"city": "Bern"}'),
        ("now", "{}"),
    ]
    assert wanted_calls(text, TOOLS, "none", None) == []
    assert wanted_calls("hello", TOOLS, "auto", None) == []
    (forced,) = wanted_calls("hello", TOOLS, "required", "weather")
    assert forced.parsed == {"city": "echo"}
    assert wanted_calls(text, TOOLS, "required", "now")[0].name == "now"


def test_only_one_call_when_parallel_ones_are_refused():
    asked = ask(tools=TOOLS, parallel_calls=False)
    (choice,) = plan(asked, NO_FAULTS, "call now call weather").choices
    assert [call.name for call in choice.calls] == ["now"]
    assert choice.finish == "tools"


@given(st.integers(0, 30))
def test_a_limit_cuts_calls_where_it_falls(limit):
    asked = ask(tools=TOOLS, limit=limit)
    choice = plan(asked, NO_FAULTS, 'call weather {"city": "Bern"} call now').choices[0]
    assert choice.tokens == min(limit, 13)
    assert choice.finish == ("tools" if limit >= 13 else "limit")


def test_sample_values_follow_the_schema():
    assert sample({"enum": ["b", "a"]}) == "b"
    assert sample({"type": ["integer", "null"]}) == 1
    assert sample(None) == {}


def test_requests_are_understood():
    asked = chat("hi you", stream=True, stream_options={"include_usage": True}, n=2, stop="x")
    assert (asked.prompt_tokens, asked.include_usage, asked.choices, asked.stops) == (
        2,
        True,
        2,
        ("x",),
    )
    blocks = [{"type": "text", "text": "hi"}, {"type": "image", "source": {}}]
    asked = message(blocks, system="be brief", stop_sequences=["x"])
    assert (asked.prompt_tokens, asked.text, asked.limit) == (2 + 1 + 85, "hi", 9)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": "nothing"}, "does not exist"),
        ({"temperature": 3}, "above maximum"),
        ({"n": 0}, "below minimum"),
        ({"stream_options": {}}, "only allowed when 'stream'"),
        ({"messages": []}, "empty array"),
        ({"messages": [{"role": "king", "content": ""}]}, "Supported values"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "at the same time"),
        ({"model": "gpt-5", "max_tokens": 1}, "max_completion_tokens"),
        ({"tool_choice": "auto"}, "'tools'"),
        ({"messages": [{"role": "tool", "content": "", "tool_call_id": "a"}]}, "preceding"),
    ],
)
def test_openai_refuses(fields, words):
    with pytest.raises(Refusal) as caught:
        chat(**fields)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": "nothing"}, "model: nothing"),
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"temperature": 1.5}, "less than or equal to 1"),
        ({"messages": [{"role": "system", "content": "x"}]}, "top-level"),
        ({"messages": [{"role": "user", "content": ""}]}, "non-empty"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1}}, "1024"),
        ({"tool_choice": {"type": "auto"}}, "while providing tools"),
    ],
)
def test_anthropic_refuses(fields, words):
    with pytest.raises(Refusal) as caught:
        message(**fields)
    assert words in caught.value.message


def test_lists_of_models():
    assert {"gpt-4o", "echo"} <= {one["id"] for one in openai_models()["data"]}
    seen, after = [], None
    while True:
        page = anthropic_models("5", after, None)
        seen += [one["id"] for one in page["data"]]
        after = page["last_id"]
        if not page["has_more"]:
            break
    assert len(seen) == len(set(seen)) == len(anthropic_models("1000", None, None)["data"])
    back = anthropic_models("5", None, seen[7])
    assert [one["id"] for one in back["data"]] == seen[2:7]
