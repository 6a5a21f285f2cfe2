"""Answers as bytes: what the client's own reader makes of what the server's writer writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.http1.answering import AnswerWriter, plain_answer
from common.http1.answers import AnswerReader

NOW_S = 1_795_000_000


def written(parts, *, status=200, headers=(), method="GET", version="1.1", keep_alive=True):
    writer = AnswerWriter(method, version, keep_alive=keep_alive)
    writer.start(status, headers, NOW_S)
    wire = b"".join(writer.part(part, more=n < len(parts)) for n, part in enumerate(parts, 1))
    assert writer.ended
    return wire, writer


def read(wire):
    reader = AnswerReader()
    body = reader.feed(wire)
    reader.end()
    return reader, body


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5), st.sampled_from(["1.1", "1.0"]))
def test_what_is_written_is_read(parts, version):
    wire, writer = written(parts, version=version, headers=[(b"x", b"y")])
    reader, body = read(wire)
    assert (reader.status, reader.ended, body) == (200, True, b"".join(parts))
    assert reader.headers[1] == ("x", "y")
    # One of HTTP/1.0 whose length is not known ends with its connection.
    assert writer.keep_alive == (version == "1.1" or len(parts) == 1)
    assert reader.reusable == writer.keep_alive


def test_a_length_that_the_application_gives():
    wire, _ = written([b"ab", b"c"], headers=[(b"content-length", b"3")])
    assert wire.endswith(b"\r\ncontent-length: 3\r\n\r\nabc")
    assert read(wire)[1] == b"abc"


@pytest.mark.parametrize("parts", [[b"ab"], [b"abc", b"d"], [b"a", b""]])
def test_another_length_than_was_said(parts):
    with pytest.raises(RuntimeError, match="as long as it says"):
        written(parts, headers=[(b"content-length", b"3")])


def test_what_has_no_body():
    wire, _ = written([b"x"], method="HEAD", headers=[(b"content-length", b"1")])
    assert wire.endswith(b"content-length: 1\r\n\r\n")
    wire, _ = written([b""], status=204)
    assert b"content-length" not in wire
    assert read(wire)[0].ended


def test_the_head():
    assert written([b""])[0] == (
        b"HTTP/1.1 200 OK\r\ndate: Wed, 18 Nov 2026 11:06:40 GMT\r\ncontent-length: 0\r\n\r\n"
    )
    assert written([b""], status=429)[0].startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
    assert written([b""], status=529)[0].startswith(b"HTTP/1.1 529 \r\n")
    assert read(written([b""], keep_alive=False)[0])[0].reusable is False
    assert read(plain_answer(400))[0].status == 400


@pytest.mark.parametrize("header", [(b"x", b"a\r\nb: c"), (b"x\n", b"a"), (b"x", b"\x00")])
def test_a_header_that_would_be_more_than_one_line(header):
    with pytest.raises(ValueError, match="control character"):
        written([b""], headers=[header])


def test_the_order_of_messages():
    writer = AnswerWriter("GET", "1.1", keep_alive=True)
    with pytest.raises(RuntimeError):
        writer.part(b"", more=False)
    assert writer.is_unsent
    writer.start(200, [], NOW_S)
    assert writer.is_unsent
    with pytest.raises(RuntimeError):
        writer.start(200, [], NOW_S)
    writer.part(b"x", more=True)
    assert not writer.is_unsent
    assert writer.shows_its_end
    writer.part(b"", more=False)
    with pytest.raises(RuntimeError):
        writer.part(b"", more=False)


@pytest.mark.parametrize(
    "header", [(b"x", b"a\nb"), (b"content-length", b"5, 5"), (b"content-length", b"")]
)
def test_a_head_that_cannot_be_sent_is_no_beginning(header):
    """Else the body would go out without a head, as the beginning of the next answer."""
    writer = AnswerWriter("GET", "1.1", keep_alive=True)
    with pytest.raises(ValueError, match=r"control character|int"):
        writer.start(200, [header], NOW_S)
    assert writer.is_unsent
    with pytest.raises(RuntimeError):
        writer.part(b"x", more=False)
    writer.start(500, [], NOW_S)
    assert b" 500 " in writer.part(b"", more=False)
