"""Gemini's answers and streams: bytes go through, figures are cumulative, errors are seen."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dialects import DIALECTS, OPERATIONS
from common.dialects.base import NotStreamed, ParsedRequest
from common.domain.usage import Tokens
from tests.support.splits import copy_of, splits

SIGNATURE = "CiQB0e2Kb/+x=="


def copy(choices=1):
    parsed = ParsedRequest(model="m", stream=True, choices=choices)
    return OPERATIONS["gemini.stream"].stream_copy(parsed)


def event(end=b"\r\n", **members):
    return b"data: " + json.dumps(members, ensure_ascii=False).encode() + end * 2


def said(text, end=b"\r\n", reason=None, index=0, usage=None, **part):
    content = {"parts": [{"text": text, **part}], "role": "model"}
    candidate = {"content": content, "index": index}
    if reason is not None:
        candidate["finishReason"] = reason
    more = {} if usage is None else {"usageMetadata": usage}
    return event(end, candidates=[candidate], modelVersion="gemini-x-1", **more)


USAGE = {"promptTokenCount": 20, "candidatesTokenCount": 5, "thoughtsTokenCount": 3,
         "cachedContentTokenCount": 8, "toolUsePromptTokenCount": 2}  # fmt: skip


@given(
    st.data(), st.lists(st.text(max_size=8), max_size=4), st.sampled_from([b"\n", b"\r\n", b"\r"])
)
def test_a_stream_goes_through_byte_by_byte(data, texts, end):
    sent = b"".join(
        [
            said("think", end, thought=True, usage={"promptTokenCount": 20}),
            *[said(text, end) for text in texts],
            said("", end, "STOP", usage=USAGE, thoughtSignature=SIGNATURE),
        ]
    )
    stream = copy()
    assert copy_of(stream, data.draw(splits(sent))) == sent
    assert stream.reported == Tokens(input=14, output=8, cache_read=8, reasoning=3)
    assert stream.reported_complete
    assert stream.saw_terminal
    assert not stream.saw_error
    assert stream.served_model == "gemini-x-1"
    assert json.loads(stream.usage[-1]) == USAGE


def test_figures_are_complete_with_the_reason_to_finish():
    stream = copy()
    stream.feed(said("a", usage={"promptTokenCount": 20, "candidatesTokenCount": 1}))
    assert stream.reported == Tokens(input=20, output=1)
    assert not stream.reported_complete
    stream.feed(said("b", reason="STOP"))
    assert stream.saw_terminal
    assert not stream.reported_complete
    stream.feed(event(usageMetadata={"candidatesTokenCount": 9}))
    assert stream.reported == Tokens(input=20, output=9)
    assert stream.reported_complete


def test_each_candidate_has_its_own_end():
    stream = copy(choices=2)
    stream.feed(said("a", reason="STOP"))
    assert not stream.saw_terminal
    stream.feed(said("b", reason="MAX_TOKENS", index=1))
    assert stream.saw_terminal


def test_a_refused_prompt_is_an_end():
    stream = copy()
    stream.feed(event(promptFeedback={"blockReason": "SAFETY"}, usageMetadata=USAGE))
    assert stream.saw_terminal
    assert stream.reported_complete


def test_a_reason_that_is_none_is_no_end():
    stream = copy()
    stream.feed(said("a", reason="FINISH_REASON_UNSPECIFIED"))
    assert not stream.saw_terminal


@pytest.mark.parametrize(
    "error",
    [
        event(error={"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}),
        b'{\n  "error": {\n    "code": 503,\n    "message": "Overloaded"\n  }\n}\n\n',
    ],
)
def test_an_error_is_seen_in_either_form_and_passed_on(error):
    stream = copy()
    assert stream.feed(said("a") + error) == said("a") + error
    assert stream.saw_error
    assert not stream.saw_terminal


def test_an_error_as_plain_lines_needs_no_empty_line():
    stream = copy()
    error = b'{\n  "error": {\n    "message": "Overloaded"\n  }\n}\n'
    assert copy_of(stream, [error]) == error + b"\n"
    assert stream.saw_error


@pytest.mark.parametrize(
    "other",
    [
        DIALECTS["gemini"].keep_alive,
        b": comment\n\n",
        b"data: garbage\n\n",
        b"data: [1]\n\n",
        b'data: {"candidates":5}\n\n',
        b'data: {"usageMetadata":{"promptTokenCount":"4"}}\n\n',
        b"data: " + b"[" * 100_000 + b"\n\n",
        event(ofTheFuture=1),
    ],
)
def test_all_else_passes_and_means_nothing(other):
    stream = copy()
    assert stream.feed(other) == other
    assert (stream.saw_error, stream.saw_terminal, stream.output_estimate) == (False, False, 0)
    assert stream.reported == Tokens()


def test_the_estimate_grows_with_every_kind_of_output():
    stream = copy()
    parts = [
        ({"text": "a" * 40}, 10),
        ({"text": "b" * 40, "thought": True, "thoughtSignature": SIGNATURE}, 20),
        ({"functionCall": {"name": "f", "args": {"x": "c" * 32}}}, 30),
        ({"text": "\u4e2d" * 40}, 60),
    ]
    for part, estimate in parts:
        stream.feed(event(candidates=[{"content": {"parts": [part]}}]))
        assert stream.output_estimate == pytest.approx(estimate, abs=1)


def test_searches_and_the_tier_are_read():
    grounding = {"webSearchQueries": ["a", "b"]}
    candidate = {"groundingMetadata": grounding, "finishReason": "STOP", "content": {}}
    usage = USAGE | {"serviceTier": "PRIORITY"}
    body = json.dumps(
        {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-x-1"}
    ).encode()
    answer = OPERATIONS["gemini.generate"].read_answer(body)
    assert (answer.searches, answer.service_tier, answer.model) == (2, "priority", "gemini-x-1")
    assert answer.tokens == Tokens(input=14, output=8, cache_read=8, reasoning=3)
    assert json.loads(answer.usage) == usage
    stream = copy()
    stream.feed(b"data: " + body + b"\n\n" + b"data: " + body + b"\n\n")
    assert (stream.searches, stream.service_tier) == (2, "priority")


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b"", b"<html>", b'{"error":{"message":"m"}}', b'{"candidates":[]}', b"[" * 9999],
)
def test_what_is_no_answer(body):
    assert OPERATIONS["gemini.generate"].read_answer(body) is None


def test_an_answer_without_figures_is_estimated():
    body = said("a" * 40).removeprefix(b"data: ")
    answer = OPERATIONS["gemini.generate"].read_answer(body)
    assert (answer.tokens, answer.output_estimate) == (None, 10)


@pytest.mark.parametrize("endpoint", ["gemini.count_tokens", "gemini.embed", "gemini.batch_embed"])
def test_only_generation_streams(endpoint):
    with pytest.raises(NotStreamed):
        OPERATIONS[endpoint].stream_copy(ParsedRequest(model="m"))
