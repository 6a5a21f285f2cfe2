import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo_provider import tokens as tokens_module
from echo_provider.output import (
    EchoedText,
    GeneratedBytes,
    GeneratedWords,
    before_stop,
    repeated_to,
)
from echo_provider.tokens import count_tokens, token_ends

texts = st.text(max_size=200)
counts = st.none() | st.integers(1, 50)
limits = st.none() | st.integers(1, 50)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), (" \n", 0), ("hello", 1), ("hello, my world!", 5), ("a_b2 é 漢字", 3), ("👍🏽", 2)],
)
def test_words_and_punctuation_marks_are_tokens(text, tokens):
    assert count_tokens(text) == tokens


@given(texts)
def test_long_texts_are_counted_as_short_ones(text):
    count = count_tokens(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens_module, "_LISTED_CHARACTERS_MAX", 0)
        assert count_tokens(text) == count
    assert len(token_ends(text, None)) == count


@given(texts, counts, limits)
def test_parts_of_an_echoed_text_add_up(text, count, limit):
    output = EchoedText(text, limit)
    parts = list(output.parts(count))
    joined = "".join(part.text for part in parts)
    assert sum(part.tokens for part in parts) == output.tokens
    assert len(parts) == min(output.tokens, count or output.tokens)
    assert all(part.tokens == count_tokens(part.text) for part in parts)
    assert text.startswith(joined)
    if output.cut:
        assert output.tokens == limit == count_tokens(joined)
    elif output.tokens:
        assert joined == text


@given(st.integers(1, 300), counts, limits)
def test_generated_words_add_up(words, count, limit):
    output = GeneratedWords(words, limit)
    parts = list(output.parts(count))
    kept = min(words, limit or words)
    assert "".join(part.text for part in parts).split(" ") == [
        f"word{number + 1}" for number in range(kept)
    ]
    assert sum(part.tokens for part in parts) == output.tokens == kept
    assert output.cut == (kept < words)


@given(st.integers(1, 100_000), counts, limits)
def test_generated_bytes_are_exactly_as_many(size, count, limit):
    output = GeneratedBytes(size, limit)
    parts = list(output.parts(count))
    text = "".join(part.text for part in parts)
    assert len(text.encode()) == (size if not output.cut else limit * 8)
    assert sum(part.tokens for part in parts) == output.tokens == -(-len(text) // 8)


def test_a_gigabyte_is_made_piece_by_piece():
    output = GeneratedBytes(10**9, None)
    first = next(output.parts(None))
    assert len(first.text) < 20_000


@given(st.text(alphabet="ab ,", max_size=20).filter(str.strip), st.integers(1, 50))
def test_a_text_is_repeated_until_it_is_long_enough(text, tokens):
    repeated = repeated_to(text, tokens)
    assert count_tokens(repeated) >= tokens or repeated == text
    assert repeated.startswith(text)


def test_the_first_stop_sequence_ends_the_text():
    assert before_stop("one two three", ["three", "two"]) == ("one ", "two")
    assert before_stop("one two", ["x."]) == ("one two", None)
