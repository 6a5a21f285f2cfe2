"""Long texts in pieces: nothing is lost, offsets are right, and a change stays where it is."""

import re

from hypothesis import given
from hypothesis import strategies as st

from common.redaction.pieces import PIECE_CHARACTERS, PIECE_CHARACTERS_MAX, pieces

WORDS = st.sampled_from(
    ["Ann", "lives", "in", "Rome.", "x" * 40, "\n", "\n\n", "  ", "…", "1.5", "ü"]
)
TEXTS = st.lists(WORDS, max_size=900).map(" ".join) | st.text(max_size=5_000)


@given(TEXTS)
def test_pieces_are_parts_of_the_text_in_order_and_leave_out_no_word(text):
    end = 0
    for start, part in pieces(text):
        assert text[start : start + len(part)] == part
        assert len(part) <= PIECE_CHARACTERS_MAX
        assert start >= end
        assert re.search(r"[^\W\d_]{2}", text[end:start]) is None
        end = start + len(part)
    assert re.search(r"[^\W\d_]{2}", text[end:]) is None


def test_a_text_without_words_costs_nothing():
    assert list(pieces("")) == list(pieces("12 + 4 = 16 {}\n")) == []


def test_a_cut_is_between_paragraphs_where_there_is_one():
    paragraph = "Ann Lee lives in Rome, they say. " * 20
    text = "\n\n".join([paragraph] * 8)
    parts = list(pieces(text))
    assert len(parts) > 2
    assert all(one.text.startswith("Ann") for one in parts)
    assert all(one.text.endswith("\n\n") for one in parts[:-1])


def test_a_cut_is_between_sentences_else_words_else_anywhere():
    sentences = list(pieces("Ann Lee lives in Rome, they say. " * 100))
    assert all(one.text.endswith(". ") for one in sentences)
    words = list(pieces("Ann Lee " * 500))
    assert all(one.text.endswith(" ") for one in words)
    assert [len(one.text) for one in pieces("x" * 5_000)] == [2_000, 2_000, 1_000]


def test_what_is_added_to_a_text_leaves_the_pieces_before_it_as_they_were():
    text = "".join(f"Paragraph {n} says that Ann lives in Rome.\n\n" for n in range(200))
    before, after = list(pieces(text)), list(pieces(text + "And Bob came later. " * 100))
    assert before[:-1] == after[: len(before) - 1]
    assert len(text) / 3 > PIECE_CHARACTERS
