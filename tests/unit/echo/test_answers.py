"""Whole answers and streams say the same, and both add up to the usage."""

import json
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from echo_provider.anthropic_answers import anthropic_events, anthropic_whole
from echo_provider.ask import Ask, plan
from echo_provider.events import Event, in_turn
from echo_provider.faults import Faults
from echo_provider.openai_answers import openai_events, openai_whole

TOOLS = {"weather": {}, "now": {}}
CALLS = 'call weather {"city": "Bern, [x]"} and call now'
asks = st.builds(
    Ask,
    model=st.just("gpt-4o"),
    served_model=st.just("gpt-4o-2024-08-06"),
    stream=st.just(True),
    prompt_tokens=st.integers(1, 500),
    text=st.just(""),
    limit=st.none() | st.integers(1, 30),
    choices=st.just(1),
    stops=st.just(()) | st.just(("e",)),
    include_usage=st.booleans(),
    tools=st.just({}) | st.just(TOOLS),
)
several = asks.flatmap(
    lambda ask: st.integers(1, 3).map(lambda n: setattr(ask, "choices", n) or ask)
)
faults = st.builds(
    Faults,
    chunks=st.none() | st.integers(1, 9),
    words=st.none() | st.integers(1, 20),
    bytes=st.none() | st.integers(1, 99),
    usage=st.none() | st.just("none"),
    cached=st.integers(0, 300),
    reasoning=st.integers(0, 50),
)
texts = st.text(max_size=60) | st.just(CALLS)


@given(several, faults, texts)
def test_openai(ask, faults, text):
    answer = plan(ask, faults, text)
    whole = json.loads(openai_whole(ask, answer))
    events = list(openai_events(ask, answer))
    assert events[-1].data == b"data: [DONE]\n\n"
    chunks = [json.loads(event.data.removeprefix(b"data: ")) for event in events[:-1]]
    assert all(event.data.endswith(b"}\n\n") for event in events[:-1])
    assert len({chunk["id"] for chunk in chunks}) == 1
    reports = ask.include_usage and answer.reported
    if reports:
        last = chunks.pop()
        assert (last["choices"], last["usage"]) == ([], whole["usage"])
        assert all(chunk["usage"] is None for chunk in chunks)
    else:
        assert not any("usage" in chunk for chunk in chunks)
    for index, choice in enumerate(whole["choices"]):
        _check_openai_choice(choice, [c["choices"][0] for c in chunks], index)
    generated = sum(event.tokens for event in events)
    assert generated + faults.reasoning == answer.usage.completion
    if answer.reported:
        usage = whole["usage"]
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
        assert usage["completion_tokens"] == answer.usage.completion


def _check_openai_choice(whole, choices, index):
    mine = [choice for choice in choices if choice["index"] == index]
    assert mine[0]["delta"]["role"] == "assistant"
    assert [choice["finish_reason"] for choice in mine[:-1]] == [None] * (len(mine) - 1)
    assert mine[-1]["finish_reason"] == whole["finish_reason"]
    content = "".join(choice["delta"].get("content") or "" for choice in mine)
    assert content == (whole["message"]["content"] or "")
    pieces = [piece for choice in mine for piece in choice["delta"].get("tool_calls", ())]
    calls = [list(group) for _, group in groupby(pieces, key=lambda piece: piece["index"])]
    assert [
        (call[0]["function"]["name"], "".join(one["function"]["arguments"] for one in call))
        for call in calls
    ] == [
        (call["function"]["name"], call["function"]["arguments"])
        for call in whole["message"].get("tool_calls", ())
    ]


@given(asks, faults, texts)
def test_anthropic(ask, faults, text):
    answer = plan(ask, faults, text)
    whole = json.loads(anthropic_whole(ask, answer))
    made = list(anthropic_events(ask, answer))
    events = [_decoded(event.data) for event in made]
    assert [events[0]["type"], events[-2]["type"], events[-1]["type"]] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]
    blocks = [_rebuilt(events, index) for index in range(len(whole["content"]))]
    expected = [{k: v for k, v in block.items() if k != "id"} for block in whole["content"]]
    if whole["stop_reason"] == "max_tokens" and blocks and blocks[-1]["type"] == "tool_use":
        assert expected.pop()["name"] == blocks.pop()["name"]
    assert blocks == expected
    assert events[-2]["delta"] == {k: whole[k] for k in ("stop_reason", "stop_sequence")}
    assert sum(event.tokens for event in made) + faults.reasoning == answer.usage.completion
    if not answer.reported:
        assert not any("usage" in part for part in (whole, events[0]["message"], events[-2]))
        return
    assert whole["usage"]["output_tokens"] == answer.usage.completion
    assert events[-2]["usage"]["output_tokens"] == answer.usage.completion
    assert events[0]["message"]["usage"] == whole["usage"] | {"output_tokens": 1}
    usage = whole["usage"]
    assert ask.prompt_tokens == usage["input_tokens"] + usage["cache_read_input_tokens"]


def _decoded(data):
    name, body, *rest = data.decode().split("\n")
    assert rest == ["", ""]
    event = json.loads(body.removeprefix("data: "))
    assert name == f"event: {event['type']}"
    return event


def _rebuilt(events, index):
    mine = [event for event in events if event.get("index") == index]
    assert [mine[0]["type"], mine[-1]["type"]] == ["content_block_start", "content_block_stop"]
    block = mine[0]["content_block"]
    deltas = [event["delta"] for event in mine[1:-1]]
    if block["type"] == "text":
        return block | {"text": "".join(delta["text"] for delta in deltas)}
    written = "".join(delta["partial_json"] for delta in deltas)
    block.pop("id")
    try:
        return block | {"input": json.loads(written)}
    except ValueError:
        return block


def test_cache_writes_are_listed_by_their_lifetime():
    ask = Ask(model="m", served_model="m", stream=False, prompt_tokens=100, text="")
    answer = plan(ask, Faults(cached=10, cache_write=20, cache_write_1h=30), "hi")
    usage = json.loads(anthropic_whole(ask, answer))["usage"]
    assert usage == {
        "input_tokens": 40,
        "cache_read_input_tokens": 10,
        "cache_creation_input_tokens": 50,
        "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30},
        "output_tokens": 1,
        "service_tier": "standard",
    }


def test_events_are_made_when_they_are_asked_for():
    ask = Ask(model="m", served_model="m", stream=True, prompt_tokens=1, text="")
    answer = plan(ask, Faults(bytes=10**12), "")
    for make in (openai_events, anthropic_events):
        events = make(ask, answer)
        assert sum(len(next(events).data) for _ in range(10)) < 200_000


def test_streams_take_turns():
    streams = [iter([Event(b"a"), Event(b"b")]), iter([Event(b"c")]), iter([])]
    assert [event.data for event in in_turn(streams)] == [b"a", b"c", b"b"]
