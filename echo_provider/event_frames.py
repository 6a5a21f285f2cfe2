"""Messages of AWS's binary event streams (smithy.io, Amazon Event Stream Specification)."""

import struct
import zlib
from collections.abc import Mapping

CONTENT_TYPE = "application/vnd.amazon.eventstream"
# The type of a header's value that is a text.
_STRING = 7


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message: lengths, their checksum, headers, payload, and the checksum of all."""
    written = b"".join(_header(name, value) for name, value in headers.items())
    total = len(written) + len(payload) + 16
    prelude = struct.pack(">II", total, len(written))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + written + payload
    return message + struct.pack(">I", zlib.crc32(message))


def event_frame(kind: str, payload: bytes) -> bytes:
    """An event of that type, with JSON."""
    return frame(_headers("event", kind), payload)


def exception_frame(kind: str, payload: bytes) -> bytes:
    """The exception by which a stream ends."""
    return frame(_headers("exception", kind), payload)


def _headers(message: str, kind: str) -> dict[str, str]:
    return {
        f":{message}-type": kind,
        ":content-type": "application/json",
        ":message-type": message,
    }


def _header(name: str, value: str) -> bytes:
    key, data = name.encode(), value.encode()
    return bytes((len(key),)) + key + struct.pack(">BH", _STRING, len(data)) + data
