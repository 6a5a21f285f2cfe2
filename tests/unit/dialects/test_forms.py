"""Forms: fields found and changed as spans, and nothing read that others may read differently."""

import contextlib
import itertools
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dialects.base import BadRequest
from common.dialects.forms import VALUE_BYTES_MAX, Form, FormScanner, field, read_form, set_field
from tests.support.forms import BOUNDARY, form_of, part

DELIMITER = b"--" + BOUNDARY.encode()
MODEL = part("model", b"whisper-1")
FILE = part("file", b"RIFF\r\n\r\n--\r\n\x00\xff", "a.wav", b"\r\nContent-Type: audio/wav")
PROMPT = part("prompt", "grüße".encode())
GOOD = form_of(MODEL, FILE, PROMPT)
BOUNDARIES = st.text("abcXYZ019'()+_-./", min_size=1, max_size=70)


def refused(body, content_type=GOOD.content_type):
    with pytest.raises(BadRequest) as caught:
        read_form(body, content_type)
    assert caught.value.status == 400
    return caught.value


def values(form: Form):
    return {part.name: form.body[part.start : part.end] for part in form.parts}


@given(st.permutations([MODEL, FILE, PROMPT]), st.booleans())
def test_fields_are_found_in_any_order(parts, quoted):
    form = read_form(*form_of(*parts, quoted=quoted))
    assert field(form, "model") == "whisper-1"
    assert field(form, "prompt") == "grüße"
    assert field(form, "none") is None
    assert [part.name for part in form.parts if part.is_file] == ["file"]
    assert values(form)["file"] == b"RIFF\r\n\r\n--\r\n\x00\xff"


@given(BOUNDARIES, st.booleans(), st.binary(max_size=200), st.binary(max_size=20))
def test_one_value_changes_and_every_other_byte_stays(boundary, quoted, content, value):
    parts = [part("file", content, "a.bin"), part("model", b"old-name"), part("n", b"2")]
    sent = form_of(*parts, boundary=boundary, quoted=quoted)
    if b"\n--" + boundary.encode() in b"\n" + content + b"\r\n":
        return  # no client makes such a form
    wanted = form_of(parts[0], part("model", value), parts[2], boundary=boundary, quoted=quoted)
    assert set_field(read_form(*sent), "model", value) == wanted.body


@pytest.mark.parametrize("before", [b"", b"\r\n"])
def test_a_field_that_is_missing_is_added(before):
    sent = form_of(FILE, PROMPT)
    changed = set_field(read_form(before + sent.body, sent.content_type), "model", b"own")
    assert changed == before + form_of(part("model", b"own"), FILE, PROMPT).body
    assert field(read_form(changed, sent.content_type), "model") == "own"


def test_an_empty_value_and_an_empty_file():
    form = read_form(*form_of(part("model", b""), part("file", b"", "a.wav")))
    assert field(form, "model") == ""
    assert values(form) == {"model": b"", "file": b""}


@pytest.mark.parametrize("end", [b"", b"\r\n", b"\r\n\r\n"])
def test_the_end_needs_no_line(end):
    assert read_form(GOOD.body.removesuffix(b"\r\n") + end, GOOD.content_type).parts


def test_a_form_without_fields():
    assert read_form(DELIMITER + b"--\r\n", GOOD.content_type).parts == []


@pytest.mark.parametrize(
    "head",
    [
        b'Content-Disposition: form-data; name="model"',
        b'content-disposition:form-data;name="model"',
        b"Content-Disposition: form-data; name=model",
        b'Content-Type: text/plain\r\nCONTENT-DISPOSITION: FORM-DATA; NAME="model"',
    ],
)
def test_a_name_as_clients_write_it(head):
    form = read_form(*form_of(head + b"\r\n\r\nm"))
    assert field(form, "model") == "m"


@pytest.mark.parametrize(
    "disposition",
    [
        b'; name="model"; filename="m"',
        b'; name="model"; filename="C:\\\\a\\"b; name=c"',
        b"; name=\"model\"; filename*=utf-8''m",
    ],
)
def test_a_file_is_no_text(disposition):
    head = b"Content-Disposition: form-data" + disposition
    form = read_form(*form_of(head + b"\r\n\r\nm"))
    with pytest.raises(BadRequest, match="got a file") as caught:
        field(form, "model")
    assert caught.value.field == "model"


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"Content-Type: text/plain",
        b"Content-Disposition: form-data",
        b'Content-Disposition: attachment; name="model"',
        b'Content-Disposition: form-data; name="mod\\el"',
        b'Content-Disposition: form-data; name="model',
        b'Content-Disposition: form-data; name="x"; name="model"',
        b"Content-Disposition: form-data; name*=utf-8''model",
        b"Content-Disposition: form-data; name=\"x\"; name*=utf-8''model",
        b'Content-Disposition: form-data; name="x"; filename="a; name="model"',
        b'Content-Disposition: form-data; name="x";\r\n name="model"',
        b'Content-Disposition: form-data; name="x"\r\n\tname="model"',
        b'Content-Disposition: form-data; name="x"\r\nContent-Disposition: form-data; name="y"',
        b'X: 1\nContent-Disposition: form-data; name="y"\r\nContent-Disposition: form-data; name=x',
        b'Content-Disposition: form-data; name="x"\rContent-Disposition: form-data; name="y"',
    ],
    ids=range(15),
)
def test_a_name_that_two_readers_may_read_differently(head):
    assert "name" in refused(form_of(head + b"\r\n\r\nm").body).message


def test_a_text_is_given_once():
    form = read_form(*form_of(MODEL, FILE, part("model", b"gpt-4o-transcribe")))
    with pytest.raises(BadRequest, match="more than once") as caught:
        field(form, "model")
    assert caught.value.field == "model"


def test_texts_are_short_and_utf_8():
    long = b"x" * VALUE_BYTES_MAX
    assert field(read_form(*form_of(part("model", long))), "model") == long.decode()
    assert field(read_form(*form_of(part("prompt", long * 2))), "prompt") == 2 * long.decode()
    for value, words in ((long + b"x", "longer"), (b"\xff", "UTF-8")):
        with pytest.raises(BadRequest, match=words) as caught:
            field(read_form(*form_of(part("model", value))), "model")
        assert caught.value.field == "model"


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        f"multipart/form-data; boundary={'b' * 71};",
        f"multipart/form-data; boundary={BOUNDARY}; boundary=other",
    ],
)
def test_a_boundary_is_named_once(content_type):
    assert refused(GOOD.body, content_type).field == "content-type"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"hello",
        GOOD.body[2:],
        GOOD.body.replace(b"\r\n", b"\n"),
        b"before" + GOOD.body,
        b"before\r\n" + GOOD.body,
        b"\n" + GOOD.body.replace(b"\r\n" + DELIMITER, b"\n" + DELIMITER),
        GOOD.body + b"after",
        GOOD.body + GOOD.body,
        GOOD.body.replace(DELIMITER + b"\r\n", DELIMITER + b" \r\n", 1),
        form_of(part("x", b"a\r\n" + DELIMITER + b"2\r\n" + MODEL)).body,
        form_of(part("x", b"a\n" + DELIMITER + b"\r\n" + MODEL)).body,
        DELIMITER + b'\r\nContent-Disposition: form-data; name="x"\r\n\r\n' + DELIMITER + b"--",
        DELIMITER + b"\r\nX: " + b"x" * 9000 + b"\r\n" + MODEL + b"\r\n" + DELIMITER + b"--",
    ],
    ids=range(15),
)
def test_what_is_no_form(body):
    refused(body)


@given(st.integers(0, len(GOOD.body) - 5))
def test_a_form_that_was_cut(length):
    refused(GOOD.body[:length])


ODD = [
    GOOD.body,
    b"\r\n\r\n" + GOOD.body + b"\r\n",
    GOOD.body[:-4],
    GOOD.body + b"x",
    form_of(MODEL, FILE, MODEL).body,
    form_of(part("file", b"\r\n--\r\r\n" + DELIMITER[:-1], "a"), MODEL).body,
    form_of(part("x", b"a\n" + DELIMITER + b"\r\n" + MODEL)).body,
    form_of(part("x", b"\r"), part("y", b"\n"), part("z", b"")).body,
    DELIMITER + b'\r\nContent-Disposition: form-data; name="x"\r\n\r\n' + DELIMITER + b"--",
    b"\r" + GOOD.body,
    DELIMITER + b"--",
]


@given(st.sampled_from(ODD), st.lists(st.integers(0, 400), max_size=8), st.booleans())
def test_a_form_in_pieces_is_the_form(body, cuts, singly):
    places = range(len(body) + 1) if singly else sorted({0, *cuts, len(body)})
    pieces = [body[start:end] for start, end in itertools.pairwise(places)]
    assert outcome(pieces) == outcome([body])


def outcome(pieces):
    """What is found in a form, or why it is none."""
    scanner = FormScanner(GOOD.content_type)
    try:
        feed(scanner, pieces)
    except BadRequest as refused:
        return refused.message
    return scanner.start, scanner.parts


def feed(scanner, pieces):
    for piece in pieces:
        scanner.feed(piece)
    scanner.end()


def test_a_scanner_keeps_nothing_of_what_passed():
    scanner = FormScanner(GOOD.content_type)
    scanner.feed(GOOD.body.partition(b"RIFF")[0])
    tracemalloc.start()
    for _ in range(100):
        scanner.feed(b"\r\n--" * 10_000)
    assert tracemalloc.get_traced_memory()[0] < 10_000
    tracemalloc.stop()


def test_there_is_an_end_to_fields():
    assert len(read_form(*form_of(*[MODEL] * 200)).parts) == 200
    assert "200 fields" in refused(form_of(*[MODEL] * 201).body).message


@given(st.binary(max_size=300), st.text(max_size=40))
def test_any_bytes_are_read_or_refused(body, content_type):
    for announced in (content_type, "multipart/form-data; boundary=b"):
        with contextlib.suppress(BadRequest):
            assert read_form(b"--b\r\n" + body, announced).parts
