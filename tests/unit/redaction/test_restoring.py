"""Values come back whatever the chunks, and JSON stays JSON."""

import json

from hypothesis import given
from hypothesis import strategies as st

from common.redaction.placeholders import Placeholders
from common.redaction.restoring import Restorer, json_escaped

KEY = b"k" * 32
NAMES = st.text("AB_", min_size=1, max_size=6)
VALUES = st.text('AB_x"\\\n\u2028é\x00', max_size=5)
MAPPINGS = st.dictionaries(NAMES, VALUES, max_size=6)


@st.composite
def texts_in_pieces(draw):
    values = draw(MAPPINGS)
    parts = st.one_of(st.text("AB_ x", max_size=5), st.sampled_from([*values, ""]))
    text = "".join(draw(st.lists(parts, max_size=12)))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    return values, text, pieces


def reference(text, values):
    """Leftmost, then longest, without looking at what was put back: the slow way."""
    out, position = [], 0
    while position < len(text):
        here = [name for name in values if text.startswith(name, position)]
        name = max(here, key=len, default=None)
        out.append(text[position] if name is None else values[name])
        position += 1 if name is None else len(name)
    return "".join(out)


@given(texts_in_pieces())
def test_a_stream_restores_what_the_whole_text_does_and_holds_less_than_a_placeholder(drawn):
    values, text, pieces = drawn
    restorer = Restorer(values)
    stream = restorer.stream()
    out = []
    for piece in pieces:
        out.append(stream.feed(piece))
        assert len(stream.held) < max(map(len, values), default=1)
        assert not stream.held or any(name.startswith(stream.held) for name in values)
    out.append(stream.end())
    assert "".join(out) == restorer.text(text) == reference(text, values)


@given(st.lists(st.tuples(st.sampled_from(["EMAIL_ADDRESS", "PERSON"]), st.text(max_size=8))))
def test_what_was_masked_comes_back(drawn):
    placeholders = Placeholders(KEY, "team")
    text = " and ".join(placeholders.of(entity, value) for entity, value in drawn)
    assert Restorer(placeholders.values).text(text) == " and ".join(v for _, v in drawn)


@given(st.text(), st.data())
def test_tool_json_stays_json_however_it_is_cut(value, data):
    placeholders = Placeholders(KEY, "team")
    name = placeholders.of("PERSON", value)
    arguments = json.dumps({"to": name, "text": f"Dear {name}!", name: [1, name]})
    stream = Restorer.for_json(placeholders.values).stream()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(arguments)), max_size=6)))
    ends = zip([0, *cuts], [*cuts, len(arguments)], strict=True)
    restored = "".join([*(stream.feed(arguments[a:b]) for a, b in ends), stream.end()])
    assert json.loads(restored) == {"to": value, "text": f"Dear {value}!", value: [1, value]}


def test_text_without_a_placeholders_beginning_is_passed_on_at_once():
    stream = Restorer({"EMAIL_ADDRESS_AAAAAAAA": "a@b.io"}).stream()
    assert stream.feed("Hello, EMAIL") == "Hello, "
    assert stream.feed(" and more") == "EMAIL and more"
    assert stream.feed("EMAIL_ADDRESS_AAAAAAA") == ""
    assert stream.feed("A!") == "a@b.io!"


def test_a_lone_surrogate_is_written_as_an_escape():
    assert json_escaped('a"\ud800é') == 'a\\"\\ud800é'
