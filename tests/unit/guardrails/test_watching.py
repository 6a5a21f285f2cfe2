"""Patterns in texts that arrive in pieces find what they find in the whole."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.domain.content_policy import ContentPattern
from common.guardrails.watching import REACH_CHARACTERS, Patterns, TextWatch, search
from common.redaction.scanning import finish

PATTERNS = (
    "ab",
    r"\bab\b",
    "ab$",
    "^ab",
    r"(?m)^b\.",
    "a.*b",
    r"ab\B",
    r"a\z",
    "é",
    "(?i)AB{2,3}",
    "[^a]a",
    r"b\s+a",
    "😀b?$",
)
WATCHED = Patterns(
    ContentPattern(str(number), pattern, "block") for number, pattern in enumerate(PATTERNS)
)
PIECES = st.lists(st.text("ab .\né😀\ud800", max_size=6), max_size=8)


def names(found):
    return sorted(one.name for one in found)


def in_whole(text):
    encoded = text.encode("utf-8", "replace")
    return sorted(one.name for one in WATCHED if one.regex.search(encoded) is not None)


@given(PIECES)
@example(["a", "b"])
@example(["x", "ab", "c"])
@example(["ab", ""])
def test_where_a_text_is_cut_changes_nothing(pieces):
    watch = TextWatch(WATCHED)
    found = [one for piece in pieces for one in watch.feed(piece)] + watch.end()
    assert names(found) == in_whole("".join(pieces))


@given(PIECES)
def test_what_the_end_decides_was_pending(pieces):
    watch = TextWatch(WATCHED)
    for piece in pieces:
        watch.feed(piece)
    pending = watch.pending
    assert bool(watch.end()) == pending


@pytest.mark.parametrize("before", [0, 1, 5_000, 20_000])
def test_a_long_text_is_searched_to_its_end_and_no_part_begins_it(before):
    patterns = [ContentPattern("word", r"\bsecret\b", "block")]
    patterns += [ContentPattern("begin", "^secret", "block")]
    patterns += [ContentPattern("end", "x$", "block")]
    text = "x" * before + " secret" + "y" * 9_000
    assert finish(search(text, Patterns(patterns))) == []
    text = text.replace("y", " ") + "x"
    watch = TextWatch(Patterns(patterns))
    found = [one for at in range(0, len(text), 7) for one in watch.feed(text[at : at + 7])]
    assert names(found + watch.end()) == ["end", "word"]


def test_no_more_is_kept_than_a_match_may_need():
    watch = TextWatch(Patterns([ContentPattern("far", "(?s)begin.*end", "block")]))
    watch.feed("begin" + "x" * (REACH_CHARACTERS - 10))
    assert names(watch.feed("end")) == ["far"]
    assert watch.feed("end") == []


def test_patterns_are_searched_together_only_where_that_says_the_same():
    quoting = [ContentPattern("a", r"\Qabc", "block"), ContentPattern("b", r"\Qx\Ey", "block")]
    assert Patterns(quoting).any is None
    named = [ContentPattern(name, "(?P<value>a)", "block") for name in "ab"]
    for patterns in (quoting, named):
        assert names(TextWatch(Patterns(patterns)).feed("abc xy a"))[:1] == ["a"]
    flags = [ContentPattern("a", "(?i)ab|c", "block"), ContentPattern("b", "D", "block")]
    assert Patterns(flags).any.search("d") is None
    assert names(TextWatch(Patterns(flags)).feed("AB D")) == ["a", "b"]


def test_a_pattern_that_flags_is_not_waited_for():
    watch = TextWatch(Patterns([ContentPattern("word", r"\bab\b", "flag")]))
    assert watch.feed("ab") == []
    assert not watch.pending
    assert names(watch.feed(" ")) == ["word"]
