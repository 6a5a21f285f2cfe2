"""Frames of Bedrock's event stream, as its providers write them."""

import struct
import zlib


def frame(payload: bytes, **headers: str) -> bytes:
    """One frame whose headers are texts; `_` stands for `-`, `event_type` for `:event-type`."""
    written = b"".join(
        _text_header(f":{name.replace('_', '-')}", value) for name, value in headers.items()
    )
    return framed(written, payload)


def framed(headers: bytes, payload: bytes) -> bytes:
    """One frame of headers as they are written."""
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    head = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return head + struct.pack(">I", zlib.crc32(head))


def _text_header(name: str, value: str) -> bytes:
    return (
        bytes([len(name)])
        + name.encode()
        + b"\x07"
        + struct.pack(">H", len(value))
        + value.encode()
    )
