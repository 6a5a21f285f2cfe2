"""A form that is read as it arrives: when a provider can be asked, and what is known by then."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dialects import OPERATIONS
from common.dialects.base import BadRequest, ParsedRequest
from common.dialects.forms import PROMPT_BYTES_MAX
from tests.support.forms import form_of, part

TRANSCRIPTIONS, EDITS = OPERATIONS["audio.transcriptions"], OPERATIONS["images.edits"]
MODEL, STREAM = part("model", b"whisper-1"), part("stream", b"true")
PROMPT, FILE = part("prompt", "grüße".encode()), part("file", b"\r\n--\x00" * 300, "a.mp3")
ALL = ParsedRequest(model="whisper-1", stream=True, input_estimate=2)


@given(st.permutations([MODEL, STREAM, PROMPT, FILE]), st.lists(st.integers(0, 2000), max_size=9))
def test_pieces_say_what_the_whole_says(parts, cuts):
    form = form_of(*parts)
    reader = TRANSCRIPTIONS.arriving_request(form.content_type)
    places = sorted({0, len(form.body), *(min(cut, len(form.body)) for cut in cuts)})
    for start, end in itertools.pairwise(places):
        reader.feed(form.body[start:end])
    reader.end()
    assert reader.parsed() == TRANSCRIPTIONS.parse_request(*form) == ALL
    renamed = TRANSCRIPTIONS.prepare_request(form.body, ALL, "own", form.content_type)
    assert reader.prepared(form.body, "own") == renamed
    assert renamed == form.body.replace(b"whisper-1", b"own")


def routable_at(operation, form):
    """After how many bytes a provider can be asked."""
    reader = operation.arriving_request(form.content_type)
    for at in range(len(form.body)):
        if reader.is_routable:
            return at
        reader.feed(form.body[at : at + 1])
    return None


def test_the_model_and_the_beginning_of_a_file_are_enough():
    form = form_of(MODEL, FILE, PROMPT, STREAM)
    assert routable_at(TRANSCRIPTIONS, form) == form.body.index(b"\r\n--\x00")
    assert routable_at(TRANSCRIPTIONS, form_of(MODEL, PROMPT)) is None


def test_a_model_that_is_named_last_is_waited_for():
    form = form_of(FILE, MODEL, PROMPT)
    after_model = form.body.index(b"whisper-1\r\n") + len(b"whisper-1")
    assert routable_at(TRANSCRIPTIONS, form) > after_model


def test_a_model_that_is_not_named_may_yet_be():
    picture = part("image[]", b"x" * 5000, "a.png")
    assert routable_at(EDITS, form_of(PROMPT, picture)) is None
    assert EDITS.parse_request(*form_of(PROMPT, picture)).model == "dall-e-2"


def test_what_is_known_grows():
    reader = TRANSCRIPTIONS.arriving_request(form_of().content_type)
    body = form_of(MODEL, FILE, PROMPT, STREAM).body
    cut = body.index(b"gr")
    reader.feed(body[:cut])
    assert reader.parsed() == ParsedRequest(model="whisper-1", input_estimate=0)
    assert reader.prepared(body[:cut], "own") == body[:cut].replace(b"whisper-1", b"own")
    with pytest.raises(BadRequest, match="cut off"):
        reader.end()
    reader.feed(body[cut:])
    reader.end()
    assert reader.parsed() == ALL


@pytest.mark.parametrize("later", [MODEL, part("Model", b"x"), part("prompt", b"x", "a.txt")])
def test_what_comes_later_is_refused_at_once(later):
    reader = TRANSCRIPTIONS.arriving_request(form_of().content_type)
    body = form_of(MODEL, FILE, later).body
    begun = body.rindex(b"\r\n\r\n")
    reader.feed(body[:begun])
    with pytest.raises(BadRequest):
        reader.feed(body[begun : begun + 4])


def test_a_prompt_has_an_end():
    reader = TRANSCRIPTIONS.arriving_request(form_of().content_type)
    reader.feed(form_of(MODEL, FILE, part("prompt", b"p" * PROMPT_BYTES_MAX)).body[:-50])
    with pytest.raises(BadRequest, match="longer") as caught:
        reader.feed(b"p" * 100)
    assert caught.value.field == "prompt"
