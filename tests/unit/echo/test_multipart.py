import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo_provider.multipart import File, described, files_of, parse_form, typed
from echo_provider.refusals import Refusal

KIND = 'multipart/form-data; boundary="edge"'


def form(*parts, end=b"--edge--\r\n"):
    heads = [f"content-disposition: form-data; {head}".encode() for head, _ in parts]
    pieces = [
        b"--edge\r\n" + head + b"\r\n\r\n" + data + b"\r\n"
        for head, (_, data) in zip(heads, parts, strict=True)
    ]
    return b"".join(pieces) + end


@given(st.binary(max_size=200).filter(lambda data: b"--edge" not in data))
def test_files_come_as_they_were_sent(data):
    body = form(('name="file"; filename="t\u00e4lk.mp3"\r\nContent-Type: audio/mpeg', data))
    assert parse_form(KIND, body) == {"file": File("t\u00e4lk.mp3", "audio/mpeg", data)}


def test_names_that_come_again_are_lists():
    body = b"preamble\r\n" + form(
        ('name="a"', b"1"), ('name="a"', b"2"), ('name="b[]"', b"3"), ('name="c"', b"4")
    )
    assert parse_form(KIND, body) == {"a": ["1", "2"], "b": ["3"], "c": "4"}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", form(("name=a", b""))),
        (KIND, b""),
        (KIND, form(("name=a", b""), end=b"")),
        (KIND, form(("", b""))),
        (KIND, b"--edge\r\nno head\r\n--edge--"),
    ],
)
def test_what_is_no_form_is_refused(kind, body):
    with pytest.raises(Refusal):
        parse_form(kind, body)


def test_texts_become_what_they_stand_for():
    kinds = {"n": "integer", "m": "integer", "t": "number", "s": "boolean", "u": "boolean"}
    given = {"n": "2", "m": "x", "t": "0.5", "s": "true", "u": "perhaps", "other": "1"}
    expected = {"n": 2, "m": "x", "t": 0.5, "s": True, "u": "perhaps", "other": "1"}
    assert typed(given, kinds) == expected


def test_files_are_found_and_described():
    file = File("a.png", "image/png", b"xyz")
    assert files_of({"image": file}, "image") == files_of({"image": [file]}, "image") == [file]
    for wrong in ({}, {"image": "text"}, {"image": [file, "text"]}):
        with pytest.raises(Refusal):
            files_of(wrong, "image")
    shown = {"name": "a.png", "content_type": "image/png", "bytes": 3}
    assert described({"a": [file], "b": "x"}) == {"a": [shown], "b": "x"}
