"""A stream with values put back says what the whole text would, whatever its pieces and chunks."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.dialects import OPERATIONS
from common.dialects.base import ParsedRequest
from common.dialects.events import EventCutter, event_data
from common.domain.refusals import Reason, Refusal, Refused
from common.redaction.answers import AnswerRedaction
from common.redaction.planned import scanner
from common.redaction.policy import plan, read_policy
from common.redaction.restoring import Restorer
from common.redaction.shapes import ANSWERS
from common.redaction.stream_forms import FORMS
from functions.relay.redacted_answers import RedactedAnswer
from tests.support.splits import copy_of, splits

VALUES = {
    "PERSON_7K3QX2MA": 'Ann "A" \\ é\n',
    "PERSON_7K3QX2MAB": "Bob",
    "EMAIL_ADDRESS_00000000": "ann@example.com",
}
PLAN = plan(read_policy({"entities": {"EMAIL_ADDRESS": "mask", "PAYMENT_CARD": "block"}}))
LONGEST = max(map(len, VALUES))


def sse(data, name=None):
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


def chat(delta, index=0, finish=None):
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
    return sse({"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]})


def typed(kind, **members):
    return sse({"type": kind, **members}, kind)


def stream_of(dialect, pieces):
    """The events of a stream whose text and whose tool's arguments come in these pieces."""
    return b"".join(EVENTS[dialect](pieces))


def chat_events(pieces):
    yield chat({"role": "assistant", "content": ""})
    for piece in pieces:
        yield chat({"content": piece})
        yield chat({"reasoning_content": piece}, index=1)
    yield chat(
        {"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f", "arguments": ""}}]}
    )
    for piece in as_json(pieces):
        yield chat({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
    yield chat({}, index=1, finish="stop")
    yield chat({}, finish="tool_calls")
    yield b"data: [DONE]\n\n"


def completion_events(pieces):
    for piece in pieces:
        yield sse({"choices": [{"index": 0, "text": piece, "finish_reason": None}]})
    yield sse({"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]})
    yield b"data: [DONE]\n\n"


def message_events(pieces):
    yield typed("message_start", message={"id": "m", "content": [], "usage": {"input_tokens": 1}})
    yield typed("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""})
    delta = {"type": "thinking_delta", "thinking": "PERSON_7K3QX2MA"}
    yield typed("content_block_delta", index=0, delta=delta)
    yield typed("content_block_stop", index=0)
    yield typed("content_block_start", index=1, content_block={"type": "text", "text": ""})
    for piece in pieces:
        yield typed("content_block_delta", index=1, delta={"type": "text_delta", "text": piece})
    yield typed("content_block_stop", index=1)
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    yield typed("content_block_start", index=2, content_block=block)
    for piece in as_json(pieces):
        delta = {"type": "input_json_delta", "partial_json": piece}
        yield typed("content_block_delta", index=2, delta=delta)
    yield typed("content_block_stop", index=2)
    yield typed("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 3})
    yield typed("message_stop")


def response_events(pieces):
    text, arguments = "".join(pieces), "".join(as_json(pieces))
    part = {"type": "output_text", "text": text, "annotations": []}
    thought = {"type": "reasoning", "id": "r", "summary": [{"text": "PERSON_7K3QX2MA"}]}
    message = {"type": "message", "id": "i", "role": "assistant", "content": [part]}
    call = {"type": "function_call", "id": "f", "name": "f", "arguments": arguments}
    at = {"item_id": "i", "output_index": 0, "content_index": 0}
    yield typed("response.created", response={"id": "resp", "output": []})
    yield typed("response.reasoning_summary_text.delta", item_id="r", delta="PERSON_7K3QX2MA")
    for piece in pieces:
        yield typed("response.output_text.delta", **at, delta=piece, logprobs=[])
    yield typed("response.output_text.done", **at, text=text)
    yield typed("response.content_part.done", **at, part=part)
    yield typed("response.output_item.done", output_index=0, item=message)
    at = {"item_id": "f", "output_index": 1}
    for piece in as_json(pieces):
        yield typed("response.function_call_arguments.delta", **at, delta=piece)
    yield typed("response.function_call_arguments.done", **at, arguments=arguments)
    yield typed("response.output_item.done", output_index=1, item=call)
    usage = {"input_tokens": 1, "output_tokens": 2}
    output = [thought, message, call]
    yield typed("response.completed", response={"id": "resp", "output": output, "usage": usage})


def gemini_events(pieces):
    def candidate(parts, **more):
        return sse({"candidates": [{"content": {"parts": parts}, "index": 0, **more}]})

    yield candidate([{"text": "PERSON_7K3QX2MA", "thought": True}])
    for piece in pieces:
        yield candidate([{"text": piece}])
    arguments = json.loads("".join(as_json(pieces)))
    call = {"functionCall": {"name": "f", "args": arguments}, "thoughtSignature": "c2ln"}
    yield candidate([call], finishReason="STOP")


def as_json(pieces):
    """A tool's arguments that say the text, in as many pieces."""
    whole = json.dumps({"to": "".join(pieces)}, ensure_ascii=False)
    size = max(1, len(whole) // (len(pieces) + 1))
    return [whole[at : at + size] for at in range(0, len(whole), size)]


EVENTS = {
    "chat.completions": chat_events,
    "completions": completion_events,
    "messages": message_events,
    "responses": response_events,
    "gemini.stream": gemini_events,
}
DIALECTS = pytest.mark.parametrize("dialect", EVENTS)


def operation_of(dialect):
    operation = OPERATIONS[dialect]
    return operation.for_path("m", "alt=sse") if dialect == "gemini.stream" else operation


def copy_for(dialect, answer=None):
    answer = answer or AnswerRedaction(VALUES, PLAN)
    operation = RedactedAnswer(dialect, answer).around(operation_of(dialect))
    return operation.stream_copy(ParsedRequest(model="m", stream=True))


def read(events):
    """The texts by block, the arguments by tool, what came whole, and the thoughts."""
    texts, arguments, whole, thoughts = {}, {}, [], []
    for event in EventCutter().feed(events):
        data = event_data(event)
        if not data or data == b"[DONE]":
            continue
        read_event(json.loads(data), texts, arguments, whole, thoughts)
    return texts, arguments, whole, thoughts


def add(texts, block, piece):
    if piece:
        texts[block] = texts.get(block, "") + piece


def read_event(event, texts, arguments, whole, thoughts):
    kind, delta = event.get("type", ""), event.get("delta")
    for choice in event.get("choices", ()):
        index, delta = choice["index"], choice.get("delta", {})
        add(texts, index, choice.get("text"))
        add(texts, index, delta.get("content") or delta.get("reasoning_content"))
        for call in delta.get("tool_calls", ()):
            add(arguments, call["index"], call["function"]["arguments"])
    for one in event.get("candidates", ()):
        for part in one["content"]["parts"]:
            if part.get("thought"):
                thoughts.append(part["text"])
            elif "text" in part:
                add(texts, one["index"], part["text"])
            else:
                whole.append(part["functionCall"]["args"]["to"])
    if kind == "content_block_delta":
        if delta["type"] == "thinking_delta":
            thoughts.append(delta["thinking"])
        add(texts, event["index"], delta.get("text"))
        add(arguments, event["index"], delta.get("partial_json"))
    elif kind == "response.output_text.delta":
        add(texts, 0, delta)
    elif kind == "response.function_call_arguments.delta":
        add(arguments, 1, delta)
    elif kind == "response.reasoning_summary_text.delta":
        thoughts.append(delta)
    elif kind.startswith("response."):
        read_whole(event, whole, thoughts)


def read_whole(event, whole, thoughts):
    items = event.get("response", {}).get("output", [])
    items = [*items, *([event["item"]] if "item" in event else [])]
    parts = [event["part"]] if "part" in event else []
    if "text" in event:
        whole.append(event["text"])
    for item in [*items, event]:
        if item.get("type") == "reasoning":
            thoughts.append(item["summary"][0]["text"])
        parts += item.get("content", [])
        if "arguments" in item:
            whole.append(json.loads(item["arguments"])["to"])
    whole += [part["text"] for part in parts]


@st.composite
def pieces_of_text(draw):
    words = st.sampled_from([*VALUES, "Hello ", "PERS", "EMAIL_ADDRESS_0", "é", '"', "\n", "A"])
    text = "".join(draw(st.lists(words, max_size=8)))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@DIALECTS
@given(pieces=pieces_of_text(), data=st.data())
def test_all_pieces_together_are_the_restored_text(dialect, pieces, data):
    given_stream = stream_of(dialect, pieces)
    expected = Restorer(VALUES).text("".join(pieces))
    out = copy_of(copy_for(dialect), data.draw(splits(given_stream)))
    texts, arguments, whole, thoughts = read(out)
    assert set(texts.values()) <= {expected}
    assert bool(texts) == bool(expected)
    assert [json.loads(one)["to"] for one in arguments.values()] in ([], [expected])
    assert set(whole) <= {expected}
    # Signed or kept by the provider: as they came.
    assert set(thoughts) <= {"PERSON_7K3QX2MA"}
    copied = copy_of(
        operation_of(dialect).stream_copy(ParsedRequest("m", stream=True)), [given_stream]
    )
    assert [len(whole), len(thoughts)] == [len(one) for one in read(copied)[2:]]


@DIALECTS
def test_an_event_in_which_nothing_changes_is_the_same_bytes(dialect):
    stream = stream_of(dialect, ["Hello ", "my ", "world"])
    copied = copy_of(operation_of(dialect).stream_copy(ParsedRequest("m", stream=True)), [stream])
    assert copy_of(copy_for(dialect), [stream]) == copied


@DIALECTS
def test_no_more_is_held_than_a_placeholder_may_need(dialect):
    text = "He said PERSON_7K3QX2MA to EMAIL_ADDRESS_00000000, PERSON and others; EMAIL_ADDRESS_0"
    copy, fed, seen, held = copy_for(dialect), "", "", 0
    block = 1 if dialect == "messages" else 0
    for event in EventCutter().feed(stream_of(dialect, list(text))):
        fed += read(event)[0].get(block, "")
        seen += read(copy.feed(event))[0].get(block, "")
        held = max(held, len(Restorer(VALUES).text(fed)) - len(seen))
    assert 0 < held < LONGEST
    assert seen == Restorer(VALUES).text(text)


def test_what_is_held_comes_before_the_error_that_ends_a_stream():
    layer = RedactedAnswer("chat.completions", AnswerRedaction(VALUES, PLAN))
    operation = layer.around(OPERATIONS["chat.completions"])
    copy = operation.stream_copy(ParsedRequest("m", stream=True))
    assert read(copy.feed(chat({"content": "Hi PERSON_7K3Q"})))[0] == {0: "Hi "}
    last = operation.stream_error_event(Refusal(Reason.UPSTREAM_CUT, "cut"), "r1")
    assert read(last)[0] == {0: "PERSON_7K3Q"}
    assert last.index(b"PERSON") < last.index(b"upstream_cut")


def test_an_answer_in_json_stays_json():
    answer = AnswerRedaction(VALUES, PLAN, in_json=True)
    copy = copy_for("chat.completions", answer)
    stream = stream_of("chat.completions", as_json(["PERSON_7K3QX2MA"]))
    texts = read(copy_of(copy, [stream]))[0]
    assert json.loads(texts[0]) == {"to": VALUES["PERSON_7K3QX2MA"]}


def searching(counted=None):
    def count(entity, action):
        if counted is not None:
            counted.append((entity, action))

    return AnswerRedaction(VALUES, PLAN, scanner(PLAN), count=count)


LONG = "Some words that say nothing. " * 30


@DIALECTS
@settings(max_examples=20)
@given(data=st.data())
def test_a_searched_answer_says_no_value_of_its_own(dialect, data):
    counted = []
    text = f"{LONG}bob@example.com and PERSON_7K3QX2MA; {LONG} or carl@example.org"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=30)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    out = copy_of(copy_for(dialect, searching(counted)), [stream_of(dialect, pieces)])
    expected = re.sub(r"\w+@[\w.]+", "REDACTED_EMAIL_ADDRESS", text)
    expected = Restorer(VALUES).text(expected)
    texts, arguments, whole, _ = read(out)
    assert set(texts.values()) == {expected}
    assert [json.loads(one)["to"] for one in arguments.values()] in ([], [expected])
    assert set(whole) <= {expected}
    assert set(counted) == {("EMAIL_ADDRESS", "mask")}


@DIALECTS
def test_what_an_answer_may_not_say_ends_it(dialect):
    stream = stream_of(dialect, [LONG, "card 4111 1111 1111 1111. ", LONG])
    operation = RedactedAnswer(dialect, searching()).around(operation_of(dialect))
    copy = operation.stream_copy(ParsedRequest(model="m", stream=True))
    with pytest.raises(Refused) as refused:
        copy_of(copy, [stream])
    refusal = refused.value.refusal
    assert refusal.reason is Reason.PII_BLOCKED
    assert "4111" not in refusal.message
    assert b"pii_blocked" in operation.stream_error_event(refusal, "r1").lower() or (
        dialect == "messages"
    )
    assert b"4111" not in operation.stream_error_event(refusal, "r1")


def test_each_dialect_that_streams_text_has_its_form():
    assert set(FORMS) <= set(ANSWERS)
    assert set(EVENTS) | {"audio.transcriptions"} == set(FORMS)
