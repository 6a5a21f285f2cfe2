"""Bedrock's frames, as the bytes of the format's own description."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.dialects.bedrock.framing import BrokenFrame, Frame, FrameCutter, Unframed
from common.dialects.events import EventCutter, event_data
from tests.support.bedrock_frames import frame, framed


def chunk(event: bytes) -> bytes:
    payload = b'{"bytes":"' + base64.b64encode(event) + b'","p":"abcd"}'
    return frame(payload, message_type="event", event_type="chunk")


CONVERSE = [
    frame(b'{"role":"assistant"}', message_type="event", event_type="messageStart"),
    frame(b'{"delta":{"text":"h\xc3\xa9"}}', message_type="event", event_type="contentBlockDelta"),
    frame(b'{"stopReason":"end_turn"}', message_type="event", event_type="messageStop"),
]
# The example of botocore's own tests (`all_headers`), which has every type of header.
ALL_HEADERS = b"".join(
    (
        b"\x04true\x00", b"\x05false\x01", b"\x04byte\x02\xcf", b"\x05short\x03\x0b\x2b",
        b"\x03int\x04\x12\x34\x56\x78", b"\x04long\x05" + bytes(8), b"\x03buf\x06\x00\x03abc",
        b"\x03str\x07\x00\x03def", b"\x04time\x08" + bytes(8), b"\x04uuid\x09" + bytes(16),
    )
)  # fmt: skip


@settings(max_examples=50)
@given(st.data())
def test_events_are_the_same_however_the_stream_is_split(data):
    stream = b"".join(CONVERSE)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    unframed = Unframed()
    ends = [*cuts, len(stream)]
    made = b"".join(
        unframed.feed(stream[start:end]) for start, end in zip([0, *cuts], ends, strict=True)
    )
    assert made == (
        b'event: messageStart\ndata: {"role":"assistant"}\n\n'
        b'event: contentBlockDelta\ndata: {"delta":{"text":"h\xc3\xa9"}}\n\n'
        b'event: messageStop\ndata: {"stopReason":"end_turn"}\n\n'
    )
    assert unframed.is_whole


def test_a_stream_that_was_cut_off_in_a_frame_is_not_whole():
    unframed = Unframed()
    assert unframed.feed(CONVERSE[0][:-1]) == b""
    assert not unframed.is_whole


def test_invoked_models_stream_their_own_events():
    unframed = Unframed(invoked=True)
    made = unframed.feed(chunk(b'{"type":"ping"}') + chunk(b'{\n"type":"message_stop"}'))
    assert made == b'event: ping\ndata: {"type":"ping"}\n\nevent: message_stop\ndata: {' + (
        b' "type":"message_stop"}\n\n'
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("throttlingException", b"rate_limit_error"),
        ("internalServerException", b"api_error"),
        ("serviceUnavailableException", b"overloaded_error"),
    ],
)
def test_an_exception_is_an_error_event_of_the_format(kind, expected):
    broken = frame(b'{"message":"Too many"}', message_type="exception", exception_type=kind)
    assert Unframed().feed(broken) == f"event: {kind}\n".encode() + (
        b'data: {"message":"Too many"}\n\n'
    )
    (event,) = EventCutter().feed(Unframed(invoked=True).feed(broken))
    assert event_data(event) == (
        b'{"type":"error","error":{"type":"' + expected + b'","message":"Too many"}}'
    )


def test_an_error_without_a_payload_has_its_message_in_a_header():
    broken = frame(b"", message_type="error", error_code="InternalError", error_message="Oh")
    assert Unframed().feed(broken) == b"event: InternalError\ndata: {}\n\n"
    assert b'"message":"Oh"' in Unframed(invoked=True).feed(broken)


def test_headers_of_every_type_are_passed_over():
    (cut,) = FrameCutter().feed(framed(ALL_HEADERS, b"{'foo':'bar'}"))
    assert cut == Frame({"str": "def"}, b"{'foo':'bar'}")


@settings(max_examples=50)
@given(st.integers(0, len(CONVERSE[1]) - 1), st.integers(1, 255))
def test_no_changed_byte_is_taken_for_an_event(position, change):
    broken = bytearray(CONVERSE[1])
    broken[position] ^= change
    with pytest.raises(BrokenFrame):
        Unframed().feed(bytes(broken))


@pytest.mark.parametrize(
    "broken",
    [
        framed(b"\x05nam", b""),
        framed(b"\x01a\x0a", b""),
        framed(b"\x01a\x07\x00\x09x", b""),
        framed(b"\x01a\x07\x00\x01\xff", b""),
        b"HTTP/1.1 502 Bad",
        frame(b'{"bytes":"!"}', message_type="event", event_type="chunk"),
        frame(b"{}", message_type="event", event_type="chunk"),
    ],
)
def test_what_is_no_frame_is_refused(broken):
    with pytest.raises(BrokenFrame):
        Unframed(invoked=True).feed(broken)
