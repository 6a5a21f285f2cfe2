"""What of a provider's usage object is kept: its figures and words, whatever else is in it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.reported_usage import FIGURE_MAX, REPORTED_BYTES_MAX, reported_usage

ANTHROPIC_START = {
    "input_tokens": 3, "cache_creation_input_tokens": 10, "cache_read_input_tokens": 0,
    "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 1, "service_tier": "standard",
}  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


def kept(*objects):
    return reported_usage([json.dumps(one).encode() for one in objects])


def test_an_object_is_kept_as_it_is():
    usage = {
        "prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21, "cost": 0.25,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": None},
        "by_modality": [{"modality": "TEXT", "tokenCount": 9}], "is_byok": False,
    }  # fmt: skip
    assert kept(usage) == usage


def test_later_figures_come_over_earlier_ones():
    assert kept(ANTHROPIC_START, {"output_tokens": 15}) == ANTHROPIC_START | {"output_tokens": 15}


@pytest.mark.parametrize(
    "value",
    [
        *("My password is tiger", "täxt", "", "\0", "a" * 65, FIGURE_MAX + 1, -(10**30)),
        [["a text with blanks"]],
        {"prompt": "Write a poem"},
    ],
)
def test_what_is_no_figure_and_no_word_is_left_out(value):
    found = kept({"tokens": 1, "other": value})
    assert found["tokens"] == 1
    assert found.get("other") in (None, [[]], {})


def test_names_are_words_too():
    assert kept({"tokens": 1, "what was asked": 2}) == {"tokens": 1}


@pytest.mark.parametrize("part", [b"", b"null", b"7", b"[1]", b"{", b"\xff", b"[" * 4000])
def test_what_is_no_object_is_not_reported(part):
    assert reported_usage([part]) is None
    assert reported_usage([b'{"tokens": 1}', part]) == {"tokens": 1}


def test_no_more_is_kept_than_fits_a_record():
    assert reported_usage([b'{"a": 1' + b" " * REPORTED_BYTES_MAX + b"}"]) is None
    assert kept({"a": {"b": {"c": {"d": {"e": 1}}}}}) == {"a": {"b": {"c": {}}}}
    assert len(kept({f"n{number}": 0 for number in range(100)})) == 32


@given(JSON)
def test_what_is_kept_can_be_written_again(value):
    found = kept({"x": value})
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert "\\u0000" not in json.dumps(found)
