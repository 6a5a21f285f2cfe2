import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo_provider import responses_store
from echo_provider.faults import NO_FAULTS, Faults
from echo_provider.refusals import Refusal
from echo_provider.responses import responses_parser
from echo_provider.responses_store import Conversation, ResponseStore, stored_response

TOOLS = [{"type": "function", "name": name} for name in ("weather", "now")]
CALLS = 'call weather {"city": "Bern, [x]"} and call now'


def wanted(keeper=None, /, **fields):
    body = {"model": "gpt-4o", "input": "a b", **fields}
    return responses_parser(keeper or ResponseStore())(body)


def streamed(reply):
    """The events' JSON, and the tokens in them."""
    events = list(reply.pieces.make())
    found = []
    for event in events:
        name, data = event.data.decode().rstrip("\n").split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found, sum(event.tokens for event in events)


faults = st.builds(
    Faults,
    chunks=st.none() | st.integers(1, 9),
    words=st.none() | st.integers(1, 20),
    bytes=st.none() | st.integers(1, 99),
    usage=st.none() | st.just("none"),
    cached=st.integers(0, 30),
    reasoning=st.integers(0, 50),
)


@given(
    st.text(min_size=1, max_size=60) | st.just(CALLS),
    faults,
    st.none() | st.integers(16, 20),
    st.booleans(),
)
def test_whole_and_stream_say_the_same(text, faults, limit, with_tools):
    fields = {"input": text, "max_output_tokens": limit, "tools": TOOLS if with_tools else None}
    whole = json.loads(wanted(**fields).reply(faults, text).whole())
    reply = wanted(**fields, stream=True).reply(faults, text)
    events, tokens = streamed(reply)
    assert tokens + faults.reasoning == reply.usage.completion
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    last = events[-1]["response"]
    assert events[-1]["type"] == f"response.{whole['status']}"
    assert last["usage"] == whole["usage"]
    assert (whole["usage"] is None) == (faults.usage == "none")
    done = [one["item"] for one in events if one["type"] == "response.output_item.done"]
    assert done == last["output"]
    assert _anonymous(last["output"]) == _anonymous(whole["output"])
    for index, item in enumerate(last["output"]):
        deltas = [e["delta"] for e in events if "delta" in e and e["output_index"] == index]
        if item["type"] == "message":
            assert "".join(deltas) == item["content"][0]["text"]
        elif item["type"] == "function_call":
            assert "".join(deltas) == item["arguments"]


def _anonymous(output):
    return [{k: v for k, v in item.items() if k not in {"id", "call_id"}} for item in output]


def test_the_store_is_bounded(monkeypatch):
    store = ResponseStore()
    monkeypatch.setattr(responses_store, "RESPONSES_MAX", 2)

    def put(name, size=1):
        body = {"background": False, "text": "x" * size}
        store.put(name, stored_response(body, [], Conversation(tokens=1), 0.0))

    for name in "abc":
        put(name)
    put("c")
    with pytest.raises(Refusal):
        store.conversation("a")
    assert store.conversation("b").tokens == 1
    monkeypatch.setattr(responses_store, "BYTES_MAX", 1000)
    put("d", 990)
    with pytest.raises(Refusal):
        store.conversation("c")


def test_items_come_in_pages():
    store = ResponseStore()
    items = [{"role": "user", "content": [{"type": "input_text", "text": str(n)}]} for n in "abcd"]
    made = json.loads(wanted(store, input=items).reply(NO_FAULTS, "d").whole())
    path = f"/v1/responses/{made['id']}/input_items"
    page = store.answer("GET", path, {"limit": "3", "order": "asc"})
    assert ([one["content"][0]["text"] for one in page["data"]], page["has_more"]) == (
        ["a", "b", "c"],
        True,
    )
    rest = store.answer("GET", path, {"after": page["last_id"], "order": "asc"})
    assert (rest["data"][0]["content"][0]["text"], rest["has_more"]) == ("d", False)
    for method, end, status in [("PUT", path, 405), ("GET", f"{path}x", 404)]:
        with pytest.raises(Refusal) as caught:
            store.answer(method, end, {})
        assert caught.value.status == status


def test_attachments_and_other_items_count():
    message = {"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}
    other = {"type": "web_search_call", "id": "a"}
    reply = wanted(input=[message, {"type": "reasoning"}, other]).reply(NO_FAULTS, "")
    assert reply.usage.prompt == 85 + 17


def test_a_stream_ends_with_all_its_text_and_so_must_fit():
    with pytest.raises(Refusal, match="too many here"):
        wanted(stream=True).reply(Faults(bytes=10**9), "")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"input": None}, "'input'"),
        ({"input": 5}, "a string or an array"),
        ({"input": [{"content": "x"}]}, "'input[0].type'"),
        ({"input": [{"type": 5}]}, "'input[0].type'"),
        ({"input": [{"role": "king", "content": "x"}]}, "Supported values"),
        ({"input": [{"role": "user"}]}, "'input[0].content'"),
        ({"max_output_tokens": 15}, "below minimum"),
        ({"background": True, "store": False}, "Background"),
        ({"tools": [{"type": "function"}]}, "'tools[0].name'"),
        ({"tool_choice": {"type": "function", "name": "x"}}, "not found in 'tools'"),
        (
            {"input": [{"type": "function_call_output", "call_id": "a", "output": "x"}]},
            "No tool call found",
        ),
        (
            {"input": [{"type": "function_call", "call_id": "a", "name": "n", "arguments": "{}"}]},
            "No tool output found",
        ),
    ],
)
def test_refused(fields, words):
    with pytest.raises(Refusal) as caught:
        wanted(**fields)
    assert words in caught.value.message


def test_background_ms_is_for_background_only():
    with pytest.raises(Refusal, match="background responses only"):
        wanted().reply(Faults(background_ms=5), "")
