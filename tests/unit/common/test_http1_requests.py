"""Callers' requests are read the same however the network cuts them, and nothing reads as two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.http1 import requests as reading
from common.http1.framing import HEAD_BYTES_MAX, HEADERS_MAX, KEPT_BYTES_MAX, Malformed
from common.http1.requests import RequestReader
from tests.support.splits import splits

HOST = b"Host: a\r\n"
POST = b"POST /v1/x HTTP/1.1\r\n" + HOST


def read(pieces):
    """All requests in these pieces, each with its body; what is left; or `malformed`."""
    reader, found, body = RequestReader(), [], b""
    try:
        for piece in pieces:
            body += reader.feed(piece)
            while reader.complete:
                found.append((reader.head, body))
                reader.next()
                body = reader.feed(b"")
    except Malformed:
        return found, "malformed"
    return found, "" if reader.head is None else body


@st.composite
def requests(draw):
    """The bytes of a request, and its body."""
    body = draw(st.binary(max_size=200))
    framing = draw(st.sampled_from(["length", "chunked", "none"]))
    if framing == "length":
        return POST + b"Content-Length: %d\r\n\r\n" % len(body) + body, body
    if framing == "none":
        return draw(st.sampled_from([b"", b"\r\n"])) + POST + b"\r\n", b""
    wire = b"".join(
        b"%X;x=1\r\n%b\r\n" % (len(part), part) for part in (body[:5], body[5:]) if part
    )
    return POST + b"Transfer-Encoding: chunked\r\n\r\n" + wire + b"0\r\nX: 1\r\n\r\n", body


@given(st.lists(requests(), min_size=1, max_size=3), st.data())
def test_any_split_of_the_bytes_is_the_same_requests(sent, data):
    wire = b"".join(one for one, _ in sent)
    found, rest = read(data.draw(splits(wire)))
    assert (found, rest) == read([wire])
    assert ([body for _, body in found], rest) == ([body for _, body in sent], "")
    assert {(head.method, head.path) for head, _ in found} == {("POST", b"/v1/x")}


@given(requests(), st.data())
def test_a_request_that_is_not_whole_is_none(request_, data):
    wire, _ = request_
    found, rest = read([wire[: data.draw(st.integers(0, len(wire) - 1))]])
    assert found == []
    assert rest != "malformed"


def test_what_a_head_says():
    (head, _), = read([
        b"GET http://a:80/x%20y?q=1?&z HTTP/1.1\r\nHOST: a\r\nX-Key:  v w\t\r\nx-key:\r\n\r\n"
    ])[0]  # fmt: skip
    assert (head.method, head.path, head.query, head.version) == (
        "GET", b"/x%20y", b"q=1?&z", "1.1",
    )  # fmt: skip
    assert head.headers == [(b"host", b"a"), (b"x-key", b"v w"), (b"x-key", b"")]
    assert head.keep_alive
    assert not head.expects_continue


@pytest.mark.parametrize(
    ("head", "keep_alive", "expects_continue"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close", False, False),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE", False, False),
        (b"GET / HTTP/1.0", False, False),
        (b"GET / HTTP/1.0\r\nConnection: Keep-Alive", True, False),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 0", True, True),
        (b"PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 0", False, False),
    ],
)
def test_what_becomes_of_the_connection(head, keep_alive, expects_continue):
    ((found, _),), _ = read([head + b"\r\n\r\n"])
    assert (found.keep_alive, found.expects_continue) == (keep_alive, expects_continue)


@pytest.mark.parametrize(
    "wire",
    [
        b"GET /\r\n\r\n",
        b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n",
        b"get / HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.2\r\n" + HOST + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\n",
        b"GET x HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET ftp://a/ HTTP/1.1\r\n" + HOST + b"\r\n",
        b"CONNECT a:443 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /\xc3\xbc HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /\x01 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
        POST + b"a b: c\r\n\r\n",
        POST + b"a : c\r\n\r\n",
        POST + b" folded\r\n\r\n",
        POST + b"nothing\r\n\r\n",
        POST + b"a: b\nContent-Length: 9\r\n\r\n",
        POST + b"a: b\rc: d\r\n\r\n",
        POST + b"a: \x00\r\n\r\n",
        POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n",
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n",
        POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        POST + b"Content-Length: +1\r\n\r\n",
        POST + b"Content-Length: 1_0\r\n\r\n",
        POST + b"Content-Length: \r\n\r\n",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n1\nab\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n1;a\rb\r\na\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: 1\n\nGET / HTTP/1.1\r\n\r\n",
        POST + b"a: b\r\n" * HEADERS_MAX + b"\r\n",
        POST + b"a" * 257 + b": b\r\n\r\n",
        b"GET /" + b"x" * HEAD_BYTES_MAX,
    ],
)
def test_what_is_no_request(wire):
    assert read([wire]) == ([], "malformed")


def test_long_lines_are_not_kept_in_memory():
    """Everybody may send them, without a key."""
    reading._kept_line.cache_clear()
    for number in range(3):
        line = b"GET /%d%b HTTP/1.1\r\n" % (number, b"x" * KEPT_BYTES_MAX)
        ((head, _),), _ = read([line + HOST + b"\r\n"])
        assert len(head.path) > KEPT_BYTES_MAX
    assert reading._kept_line.cache_info().currsize == 0
    read([POST + b"\r\n"])
    assert reading._kept_line.cache_info().currsize == 1
