"""Streams of every dialect: their texts, whatever the events they come in."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.content_policy import ContentPattern
from common.guardrails.message_texts import answer_texts
from common.guardrails.streams import StreamWatch
from common.guardrails.watching import Patterns
from common.guardrails.whole_texts import check
from functions.relay.stepping import in_steps

WORDS = Patterns(
    [
        ContentPattern("word", r"\bblue bird\b", "block"),
        ContentPattern("part", "secre", "flag"),
        ContentPattern("quoted", 'say "é"', "flag"),
    ]
)


def chat(delta, index=0, **choice):
    return data({"choices": [{"index": index, "delta": delta, **choice}]})


def data(value, ensure_ascii=True):
    return b"data: " + json.dumps(value, ensure_ascii=ensure_ascii).encode() + b"\n\n"


def block(kind, text, index=0):
    delta = {"type": f"{kind}_delta", kind: text}
    return data({"type": "content_block_delta", "index": index, "delta": delta})


def arguments(text):
    delta = {"type": "input_json_delta", "partial_json": text}
    return data({"type": "content_block_delta", "index": 0, "delta": delta})


def response(kind, text, **places):
    return data({"type": f"response.{kind}.delta", "delta": text, "output_index": 0, **places})


def gemini(*parts, **candidate):
    return data({"candidates": [{"content": {"parts": list(parts)}, **candidate}]})


def found(endpoint, *events):
    watch = StreamWatch(endpoint, WORDS, keeps=False)
    told = [one.name for event in events for one in watch.read(event)]
    return told, [one.name for one in watch.end()]


CHAT, MESSAGES, GEMINI = "chat.completions", "messages", "gemini.stream"


@pytest.mark.parametrize(
    ("endpoint", "make"),
    [
        (CHAT, lambda text: chat({"content": text})),
        (CHAT, lambda text: chat({"refusal": text})),
        (CHAT, lambda text: chat({"reasoning_content": text})),
        (CHAT, lambda text: chat({"tool_calls": [{"function": {"arguments": text}}]})),
        (CHAT, lambda text: chat({"tool_calls": [{"custom": {"input": text}}]})),
        ("completions", lambda text: data({"choices": [{"index": 0, "text": text}]})),
        ("responses", lambda text: response("output_text", text)),
        ("responses", lambda text: response("refusal", text, content_index=1)),
        ("responses", lambda text: response("function_call_arguments", text)),
        ("audio.transcriptions",
         lambda text: data({"type": "transcript.text.delta", "delta": text})),
        (MESSAGES, lambda text: block("text", text)),
        (MESSAGES, arguments),
        (GEMINI, lambda text: gemini({"text": text})),
    ],
)  # fmt: skip
def test_a_word_in_pieces_is_found_when_it_is_complete(endpoint, make):
    events = [make(text) for text in ("A bl", "ue bi", "rd", "!")]
    watch = StreamWatch(endpoint, WORDS, keeps=True)
    assert [watch.read(event) for event in events[:2]] == [[], []]
    assert not watch.pending
    assert watch.read(events[2]) == []
    assert watch.pending
    assert [one.name for one in watch.read(events[3])] == ["word"]
    assert [one.text for one in watch.texts()] == ["A blue bird!"]


@pytest.mark.parametrize(
    ("endpoint", "begin", "end"),
    [
        (CHAT, chat({"content": "blue bird"}), chat({}, finish_reason="stop")),
        ("responses", response("output_text", "blue bird"),
         data({"type": "response.output_text.done", "output_index": 0, "text": "x"})),
        (MESSAGES, block("text", "blue bird"), data({"type": "content_block_stop", "index": 0})),
        (GEMINI, gemini({"text": "blue bird"}), gemini({"text": ""}, finishReason="STOP")),
    ],
)  # fmt: skip
def test_the_end_of_a_text_decides(endpoint, begin, end):
    assert found(endpoint, begin, end) == (["word"], [])
    assert found(endpoint, begin) == ([], ["word"])


def test_texts_beside_each_other_are_none_together():
    assert found(CHAT, chat({"content": "blue "}), chat({"content": "bird "}, 1)) == ([], [])
    assert found(MESSAGES, block("text", "blue "), block("text", "bird ", 1)) == ([], [])


@pytest.mark.parametrize(
    ("endpoint", "event"),
    [
        (MESSAGES, data({"type": "content_block_start", "index": 0,
                         "content_block": {"type": "text", "text": "secret"}})),
        (MESSAGES, data({"type": "content_block_start", "index": 0,
                         "content_block": {"type": "tool_use", "input": {"id": "secret"}}})),
        ("responses", data({"type": "response.output_item.added",
                            "item": {"content": [{"text": "secret"}]}})),
        ("responses", data({"type": "response.completed", "response": {"output": [
            {"type": "function_call", "arguments": '{"secre\\u0074": 1}'}]}})),
        (GEMINI, gemini({"functionCall": {"name": "f", "args": {"name": ["secret"]}}})),
        (GEMINI, gemini({"executableCode": {"code": "secret"}})),
    ],
)  # fmt: skip
def test_what_comes_whole_is_found_as_well(endpoint, event):
    told, ended = found(endpoint, event)
    assert set(told + ended) == {"part"}


@pytest.mark.parametrize(
    ("endpoint", "event"),
    [
        (CHAT, b": keep-alive\n\n"),
        (CHAT, b"data: [DONE]\n\n"),
        (CHAT, b"data: {secret\n\n"),
        (CHAT, data({"choices": [None, {"delta": 7}, {"index": "x", "delta": {"content": 3}}]})),
        ("responses", data({"type": "response.audio.delta", "delta": "secret"})),
        ("responses", data({"type": "response.created", "response": {"instructions": "secret"}})),
        ("images.generations", data({"type": "x", "text": "secret"})),
        (MESSAGES, data({"type": "ping"})),
        (MESSAGES, block("signature", "secret")),
        (GEMINI, data({"candidates": [{"content": None}, 5]})),
        (GEMINI, gemini({"text": "", "thoughtSignature": "secret"})),
        (GEMINI, gemini({"inlineData": {"data": "secret"}})),
    ],
)
def test_what_is_no_text_is_passed_over(endpoint, event):
    assert found(endpoint, event) == ([], [])


@given(st.lists(st.text('ab"é\\\n😀 blue bird', max_size=12), max_size=4), st.data())
def test_arguments_in_pieces_say_what_they_say_whole(values, drawn):
    text = json.dumps({"q": values}, ensure_ascii=drawn.draw(st.booleans()))
    cuts = sorted(drawn.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    edges = [0, *cuts, len(text)]
    events = [arguments(text[start:stop]) for start, stop in pairwise(edges)]
    told, ended = found(MESSAGES, *events)
    whole = {name for value in values for name in in_whole(value)}
    assert whole <= {*told, *ended}


def in_whole(text):
    encoded = text.encode()
    return [one.name for one in WORDS if one.regex.search(encoded) is not None]


def test_escapes_that_are_cut_apart_are_read():
    pieces = ['{"q": "say \\', '"\\u00', "e9\\", '""}']
    told, _ = found(MESSAGES, *[arguments(piece) for piece in pieces])
    assert told == ["quoted"]


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr("common.guardrails.streams.KEPT_CHARACTERS_MAX", 10)
    watch = StreamWatch(MESSAGES, Patterns(()), keeps=True)
    watch.read(block("text", "12345"))
    watch.read(block("text", "67890"))
    assert not watch.too_long
    watch.read(block("text", "1"))
    assert watch.too_long


async def test_a_whole_answer_names_what_blocks_and_flags():
    texts = [{"type": "text", "text": text} for text in ("secret", "a blue bird")]
    body = json.dumps({"content": texts, "stop_reason": "secret"}).encode()
    assert [one.field for one in answer_texts(body, "messages") if one] == [
        "content[0].text",
        "content[1].text",
    ]
    outcome = await in_steps(check(answer_texts(body, "messages"), WORDS))
    assert outcome.flagged == ("part",)
    assert outcome.blocked == ("word", "content[1].text")
    outcome = await in_steps(check(answer_texts(b"plain secret", "audio.transcriptions"), WORDS))
    assert outcome.flagged == ("part",)


def test_blanks_before_an_event_s_data_hide_nothing():
    assert found(CHAT, b"data:  " + chat({"content": "blue bird."})[6:]) == (["word"], [])
