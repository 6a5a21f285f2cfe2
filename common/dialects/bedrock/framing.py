r"""Bedrock's binary event stream (`application/vnd.amazon.eventstream`) as server-sent events.

A frame is a prelude (total length, length of the headers, CRC of both), headers, a payload, and a
CRC of all before it. Source: https://smithy.io/2.0/aws/amazon-eventstream.html. All stream readers
read server-sent events, so a frame becomes `event: <type>\ndata: <payload>\n\n`; InvokeModel's
frames hold, in base64, events of the model's own API, which become what that API streams.
"""

import base64
import binascii
import struct
import zlib
from collections.abc import Iterator

import msgspec

CONTENT_TYPE = "application/vnd.amazon.eventstream"
# A frame is at most 24 MiB by the format's own rule; its headers 128 KiB.
FRAME_BYTES_MAX = 24 * 1024 * 1024
HEADERS_BYTES_MAX = 128 * 1024
_PRELUDE_BYTES = 12
_CRC_BYTES = 4
# The sizes of header values by their type; None: two bytes tell the length.
_VALUE_BYTES: dict[int, int | None] = {
    0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 6: None, 7: None, 8: 8, 9: 16,
}  # fmt: skip
_TEXT = 7
# What Anthropic's own API calls the error that an exception of Bedrock is.
_ANTHROPIC_ERRORS = {
    "throttlingException": "rate_limit_error",
    "validationException": "invalid_request_error",
    "modelTimeoutException": "timeout_error",
    "serviceUnavailableException": "overloaded_error",
}


class BrokenFrame(ValueError):
    """Bytes that are no frame: a length or checksum is wrong."""


class Frame(msgspec.Struct, frozen=True):
    """One frame: the headers that are texts, and the payload."""

    headers: dict[str, str]
    payload: bytes

    @property
    def kind(self) -> str:
        """The event's type, or the exception's."""
        names = (":event-type", ":exception-type", ":error-code")
        return next((self.headers[name] for name in names if name in self.headers), "")

    @property
    def is_event(self) -> bool:
        """False for an exception, after which nothing comes."""
        return self.headers.get(":message-type", "event") == "event"


class FrameCutter:
    """Cuts a stream into frames, however the network has split it."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that are complete by now. Raises `BrokenFrame`."""
        self._rest += chunk
        frames = []
        start = 0
        while (size := _frame_bytes(self._rest, start)) and len(self._rest) - start >= size:
            frames.append(_frame(bytes(self._rest[start : start + size])))
            start += size
        del self._rest[:start]
        return frames

    @property
    def is_between_frames(self) -> bool:
        """Whether the stream may end here."""
        return not self._rest


class Unframed:
    """A framed stream as server-sent events.

    `invoked` says that the model was asked by InvokeModel in Anthropic's format; else Converse's
    events keep their names. An exception becomes an event of its own name, or Anthropic's `error`.
    """

    def __init__(self, *, invoked: bool = False) -> None:
        self._invoked = invoked
        self._cutter = FrameCutter()

    def feed(self, chunk: bytes) -> bytes:
        """The events that are complete by now. Raises `BrokenFrame`."""
        write = _anthropic_event if self._invoked else _converse_event
        return b"".join(write(frame) for frame in self._cutter.feed(chunk))

    @property
    def is_whole(self) -> bool:
        """Whether the stream may end here."""
        return self._cutter.is_between_frames


def _converse_event(frame: Frame) -> bytes:
    return _event(frame.kind, frame.payload)


class _Chunk(msgspec.Struct):
    bytes: str


class _Typed(msgspec.Struct):
    type: str = ""


_chunk_decoder = msgspec.json.Decoder(_Chunk)
_typed_decoder = msgspec.json.Decoder(_Typed)


def _anthropic_event(frame: Frame) -> bytes:
    if not frame.is_event:
        return _anthropic_error(frame)
    if frame.kind != "chunk":
        return b""
    try:
        data = base64.b64decode(_chunk_decoder.decode(frame.payload).bytes, validate=True)
        return _event(_typed_decoder.decode(data).type, data)
    except (msgspec.DecodeError, binascii.Error) as error:
        raise BrokenFrame("a chunk of InvokeModel holds no event") from error


def _anthropic_error(frame: Frame) -> bytes:
    kind = _ANTHROPIC_ERRORS.get(frame.kind, "api_error")
    error = {"type": kind, "message": _message(frame)}
    return _event("error", msgspec.json.encode({"type": "error", "error": error}))


class _Said(msgspec.Struct):
    message: str = ""


def _message(frame: Frame) -> str:
    try:
        said = msgspec.json.decode(frame.payload, type=_Said).message
    except msgspec.DecodeError:
        said = ""
    return said or frame.headers.get(":error-message") or frame.kind or "the stream failed"


def _event(kind: str, data: bytes) -> bytes:
    r"""JSON has no line end inside its texts, so one between members may become a blank."""
    if b"\n" in data or b"\r" in data:
        data = data.replace(b"\r", b" ").replace(b"\n", b" ")
    return b"event: " + kind.encode() + b"\ndata: " + (data or b"{}") + b"\n\n"


def _frame_bytes(data: bytearray, start: int) -> int:
    """How long the frame is that begins there; 0 while its prelude is not here."""
    if len(data) - start < _PRELUDE_BYTES:
        return 0
    total, headers, crc = struct.unpack_from(">III", data, start)
    if zlib.crc32(data[start : start + 8]) != crc:
        raise BrokenFrame("a frame's prelude has another checksum")
    least = _PRELUDE_BYTES + headers + _CRC_BYTES
    if headers > HEADERS_BYTES_MAX or not least <= total <= FRAME_BYTES_MAX:
        raise BrokenFrame("a frame's lengths are out of bounds")
    return int(total)


def _frame(data: bytes) -> Frame:
    (crc,) = struct.unpack(">I", data[-_CRC_BYTES:])
    if zlib.crc32(data[:-_CRC_BYTES]) != crc:
        raise BrokenFrame("a frame has another checksum")
    (headers,) = struct.unpack_from(">I", data, 4)
    payload_start = _PRELUDE_BYTES + headers
    try:
        found = dict(_headers(data[_PRELUDE_BYTES:payload_start]))
    except (struct.error, KeyError, UnicodeDecodeError, IndexError) as error:
        raise BrokenFrame("a frame's headers cannot be read") from error
    return Frame(found, data[payload_start:-_CRC_BYTES])


def _headers(data: bytes) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(data):
        name_end = at + 1 + data[at]
        name = data[at + 1 : name_end].decode()
        kind = data[name_end]
        size, at = _VALUE_BYTES[kind], name_end + 1
        if size is None:
            (size,) = struct.unpack_from(">H", data, at)
            at += 2
        if at + size > len(data):
            raise BrokenFrame("a frame's headers are longer than they say")
        if kind == _TEXT:
            yield name, data[at : at + size].decode()
        at += size
