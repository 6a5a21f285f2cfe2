r"""Streams are cut after empty lines, however the network has split them; \r\n is one line end."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.dialects import events
from common.dialects.events import EventCutter, EventTooLarge, event_data
from tests.support.splits import splits

LINE_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
LINES = st.sampled_from(
    [b"", b"", b"data: {}", b"data:x", b"data:  y", b"data", b"datum: z", b": note", b"event: ping"]
)
STREAMS = st.lists(st.tuples(LINES, LINE_ENDS), max_size=12).map(
    lambda pairs: b"".join(line + end for line, end in pairs)
)


def in_order(stream):
    """The events of a whole stream, a character at a time: each ends with its first empty line.

    An empty line at its very beginning does not end it: the standard ignores those.
    """
    found, begin, at, line = [], 0, 0, 0
    while at < len(stream):
        width = 2 if stream[at : at + 2] == b"\r\n" else int(stream[at : at + 1] in (b"\r", b"\n"))
        if width and at == line and at > begin:
            found.append(stream[begin : at + width])
            begin = at + width
        at += width or 1
        if width:
            line = at
    return found, stream[begin:]


def data_by_the_standard(event):
    """WHATWG HTML, 9.2.6, for one event."""
    values = []
    for line in re.split(rb"\r\n|\n|\r", event):
        name, _, value = line.partition(b":")
        if name == b"data":
            values.append(value.removeprefix(b" "))
    return b"\n".join(values)


def cut(chunks):
    cutter = EventCutter()
    found = [event for chunk in chunks for event in cutter.feed(chunk)]
    return found + cutter.end(), cutter.rest


@given(STREAMS.flatmap(lambda stream: st.tuples(st.just(stream), splits(stream))))
@example((b"data: a\r\n\r\ndata: b", [b"data: a\r\n\r", b"\ndata: b"]))
@example((b"data: a\r\r\n\n", [b"data: a\r\r", b"\n", b"\n"]))
@example((b"a\r\r", [b"a\r", b"\r"]))
def test_any_split_gives_the_same_events(case):
    stream, chunks = case
    found, rest = cut(chunks)
    assert b"".join(found) + rest == stream
    assert (found, rest) == cut([stream])


@given(STREAMS)
def test_the_events_are_those_of_the_standard(stream):
    assert cut([stream]) == in_order(stream)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_two_events_are_cut_apart(end):
    first, second = b"data: 1" + end * 2, b"event: x" + end + b"data: 2" + end * 2
    assert cut([first + second + b"data: 3"]) == ([first, second], b"data: 3")


def test_an_event_comes_out_with_its_last_byte():
    cutter = EventCutter()
    assert cutter.feed(b"data: 1\n") == []
    assert cutter.feed(b"\n") == [b"data: 1\n\n"]
    assert cutter.feed(b"data: 2\r\n\r") == []
    assert cutter.feed(b"\n") == [b"data: 2\r\n\r\n"]
    assert cutter.rest == b""


def test_the_end_completes_only_a_whole_event():
    cutter = EventCutter()
    cutter.feed(b"data: 1\r\r")
    assert cutter.end() == [b"data: 1\r\r"]
    assert (cutter.end(), cutter.rest) == ([], b"")
    cutter.feed(b"data: 2\r")
    assert (cutter.end(), cutter.rest) == ([], b"data: 2\r")


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize("line", [b"x" * 50_000, b"data: y\n" * 6_000, b"data: z\r\n\r\n" * 4_000])
def test_each_byte_is_looked_at_once(monkeypatch, size, line):
    looked_at = 0

    class Counting:
        def search(self, text, start):
            nonlocal looked_at
            match = real.search(text, start)
            looked_at += (match.end() if match else len(text)) - start
            return match

    real = events._EVENT_END
    monkeypatch.setattr(events, "_EVENT_END", Counting())
    cutter = EventCutter()
    feeds = 0
    for at in range(0, len(line), size):
        cutter.feed(line[at : at + size])
        feeds += 1
    assert len(line) - 3 <= looked_at <= len(line) + 3 * feeds


def test_an_event_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(events, "EVENT_BYTES_MAX", 100)
    cutter = EventCutter()
    for _ in range(50):  # many events are not one large event
        assert cutter.feed(b"data: 123\n\n") == [b"data: 123\n\n"]
    assert cutter.feed(b"x" * 100) == []
    with pytest.raises(EventTooLarge, match="100"):
        cutter.feed(b"x")


@given(STREAMS)
@example(b"data: x\n:")
@example(b"data: a\rdata: b\n\n")
@example(b"data: a\r\n\n")
@example(b"data: \n\n")
def test_data_is_read_as_the_standard_says(event):
    assert event_data(event) == data_by_the_standard(event)


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b'data: {"a":1}\n\n', b'{"a":1}'),
        (b'data:{"a":1}\r\n\r\n', b'{"a":1}'),
        (b"data: a\ndata: b\n\n", b"a\nb"),
        (b"data: a\r\n: between\r\ndata: b\r\n\r\n", b"a\nb"),
        (b"event: ping\ndata: {}\n\n", b"{}"),
        (b": keep-alive\n\n", b""),
        (b"event: ping\n\n", b""),
        (b"data:  two spaces\n\n", b" two spaces"),
        (b"data: not whole", b"not whole"),
    ],
)
def test_data(event, data):
    assert event_data(event) == data
