"""Providers' answers are read the same however the network cuts them, and only when well framed."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.http1 import asking
from common.http1.answers import AnswerReader
from common.http1.asking import address_of, request_head
from common.http1.framing import HEAD_BYTES_MAX, Malformed
from tests.support.splits import splits

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BODIES = st.binary(max_size=300)


def read(pieces, *, then_end=False):
    """What a reader makes of an answer in these pieces."""
    reader = AnswerReader()
    try:
        body = b"".join([reader.feed(piece) for piece in pieces])
        if then_end:
            reader.end()
    except Malformed:
        return "malformed"
    return reader.status, reader.headers, body, reader.ended, reader.reusable


@st.composite
def chunked(draw, body):
    """A body in chunks, with what a server may add to them."""
    edges = sorted({0, len(body), *draw(st.lists(st.integers(0, len(body)), max_size=5))})
    wire = b""
    for start, end in pairwise(edges):
        size = draw(st.sampled_from([b"%x", b"%X", b"0%x", b"%x;a=b", b'%x ;c="d"']))
        wire += size % (end - start) + b"\r\n" + body[start:end] + b"\r\n"
    return wire + draw(st.sampled_from([b"0\r\n\r\n", b"000\r\nX-Sum: 1\r\n\r\n", b"0;x\r\n\r\n"]))


@st.composite
def answers(draw):
    """The bytes of an answer, its body, and whether the connection's end is its own."""
    body = draw(BODIES)
    interim = draw(st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n"]))
    framing = draw(st.sampled_from(["length", "chunked", "close", "none"]))
    wire = interim + OK + b"Content-Type:  text/plain \r\n"
    if framing == "length":
        wire += b"Content-Length: %d\r\n\r\n" % len(body) + body
    elif framing == "chunked":
        wire += b"Transfer-Encoding: Chunked\r\n\r\n" + draw(chunked(body))
    elif framing == "close":
        wire += b"\r\n" + body
    else:
        wire, body = interim + b"HTTP/1.1 204 No Content\r\n\r\n", b""
    return wire, body, framing == "close"


@given(answers(), st.data())
def test_any_split_of_the_bytes_is_the_same_answer(answer, data):
    wire, body, by_close = answer
    found = read(data.draw(splits(wire)), then_end=by_close)
    assert found == read([wire], then_end=by_close)
    assert found[2:] == (body, True, not by_close)
    if found[0] == 200:
        assert ("content-type", "text/plain") in found[1]


@given(answers(), st.data())
def test_an_answer_that_ends_early_is_malformed(answer, data):
    wire, _, by_close = answer
    head = wire.index(b"\r\n\r\n", wire.index(b"HTTP/1.1 20"))
    end = data.draw(st.integers(0, head + 3 if by_close else len(wire) - 1))
    assert read([wire[:end]], then_end=True) == "malformed"


@given(st.binary(max_size=200), st.data())
@example(b"\r\n\r\n", None)
def test_nonsense_is_read_the_same_however_it_is_cut(wire, data):
    whole = read([CHUNKED + wire], then_end=True)
    if data is not None:
        assert read([CHUNKED, *data.draw(splits(wire))], then_end=True) == whole
    assert read([wire], then_end=True) == "malformed"


def test_what_follows_an_answer_is_not_kept():
    for wire in (OK + b"Content-Length: 2\r\n\r\nab", CHUNKED + b"2\r\nab\r\n0\r\n\r\n"):
        assert read([wire])[2:] == (b"ab", True, True)
        assert read([wire + b"HTTP/1.1 200"])[2:] == (b"ab", True, False)
        assert read([wire, b"\r\n"])[2:] == (b"ab", True, False)


@pytest.mark.parametrize(
    ("head", "reusable"),
    [
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 200\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n", False),
        (b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\n", False),
        (b"HTTP/1.0 200 OK\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", True),
    ],
)
def test_whether_the_connection_lives_on(head, reusable):
    assert read([head + b"Content-Length: 0\r\n\r\n"])[3:] == (True, reusable)


def test_two_framings_at_once_end_the_connection():
    both = OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert read([both])[2:] == (b"", True, False)


@pytest.mark.parametrize(
    "wire",
    [
        b"nonsense",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 20\u0665 OK\r\n\r\n".encode(),
        OK + b"no colon\r\n\r\n",
        OK + b": empty\r\n\r\n",
        OK + b"spaced : x\r\n\r\n",
        OK + b"a: b\r\n folded\r\n\r\n",
        OK + b"a: b\nc: d\r\n\r\n",
        OK + b"a: b\rc: d\r\n\r\n",
        OK + b"a: b\x00\r\n\r\n",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        OK + b"Content-Length: 1, 2\r\n\r\n",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: +1\r\n\r\n",
        OK + b"Content-Length: 0x1\r\n\r\n",
        OK + b"Content-Length: \r\n\r\n",
        OK + b"Content-Length: " + b"9" * 20 + b"\r\n\r\n",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"Transfer-Encoding: identity\r\n\r\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"+1\r\na\r\n",
        CHUNKED + b"0x1\r\na\r\n",
        CHUNKED + b"1_0\r\n",
        CHUNKED + b" 1\r\na\r\n",
        CHUNKED + b"1\r\nab\r\n",
        CHUNKED + b"1\na\n\r\n",
        CHUNKED + b"1;a\rb\r\na\r\n0\r\n\r\n",
        CHUNKED + b"0\r\nX: 1\n\nX: 2\r\n\r\n",
        OK + b"a: b\r\n" * 257 + b"\r\n",
        OK + b"a" * 257 + b": b\r\n\r\n",
        CHUNKED + b"f" * 20 + b"\r\n",
        CHUNKED + b"1;" + b"x" * 5000,
        CHUNKED + b"0\r\n" + b"x: y\r\n" * 20_000,
        OK + b"x: " + b"y" * HEAD_BYTES_MAX,
    ],
)
def test_what_is_no_answer(wire):
    assert read([wire]) == "malformed"


def test_a_length_that_is_said_twice_alike_is_one():
    wire = OK + b"Content-Length: 2\r\nContent-Length: 2, 2\r\n\r\nab"
    assert read([wire])[2:] == (b"ab", True, True)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://a.example", ("a.example", 80, False, "a.example", "/")),
        ("https://A.example/v1/x?y=1#z", None),
        ("https://A.example/v1/x?y=1", ("A.example", 443, True, "a.example", "/v1/x?y=1")),
        ("http://a:8080?q", ("a", 8080, False, "a:8080", "/?q")),
        ("https://a:443/", ("a", 443, True, "a", "/")),
        ("http://[::1]:81/", ("::1", 81, False, "[::1]:81", "/")),
        ("http://a/b c\r\nx: y", ("a", 80, False, "a", "/b%20c%0D%0Ax:%20y")),
        ("http://a/\u00fc%20", ("a", 80, False, "a", "/%C3%BC%20")),
        ("http://b\u00fccher.example/", ("xn--bcher-kva.example", 80, False,
                                         "xn--bcher-kva.example", "/")),
        ("http://user:secret@a/", None),
        ("ftp://a/", None),
        ("http://a:99999/", None),
        ("http:///x", None),
        ("http://a b/", None),
        ("http://a\r\nb/", None),
        ("", None),
    ],
)  # fmt: skip
def test_where_a_url_leads(url, found):
    if found is None:
        with pytest.raises(ValueError, match="no "):
            address_of(url)
    else:
        assert address_of(url) == found


def test_long_addresses_are_not_kept_in_memory():
    asking._kept_address.cache_clear()
    assert len(address_of("http://a/?" + "x" * 1000).target) == 1002
    assert asking._kept_address.cache_info().currsize == 0


def test_the_head_of_a_request():
    address = address_of("http://a:81/b?c")
    assert request_head("POST", address, [("x", "\u00e4 1")], "content-length: 3\r\n") == (
        b"POST /b?c HTTP/1.1\r\nhost: a:81\r\nx: \xe4 1\r\ncontent-length: 3\r\n\r\n"
    )
    assert request_head("GET", address, [], "") == b"GET /b?c HTTP/1.1\r\nhost: a:81\r\n\r\n"


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nb", "a\rb", "a\x00", "\u20ac", "a\x7f"])
@pytest.mark.parametrize("place", ["name", "value"])
def test_a_header_that_would_be_more_than_one_line(value, place):
    header = (value, "v") if place == "name" else ("n", f"secret{value}")
    with pytest.raises(ValueError, match="a header") as caught:
        request_head("POST", address_of("http://a/"), [header], "")
    assert "secret" not in repr(caught.value)
