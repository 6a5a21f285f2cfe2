"""Forms as clients send them, byte by byte under a test's control."""

from typing import NamedTuple

BOUNDARY = "----x7f-relay"


class FormBody(NamedTuple):
    """What is sent: the bytes, and the header that announces them."""

    body: bytes
    content_type: str


def part(name: str, value: bytes, filename: str = "", more: bytes = b"") -> bytes:
    """One part without its delimiter; a file if it has a file's name."""
    head = f'Content-Disposition: form-data; name="{name}"'
    if filename:
        head += f'; filename="{filename}"'
    return b"\r\n".join([head.encode() + more, b"", value])


def form_of(*parts: bytes, boundary: str = BOUNDARY, quoted: bool = False) -> FormBody:
    """A whole form of such parts."""
    delimiter = b"--" + boundary.encode()
    body = b"".join(delimiter + b"\r\n" + one + b"\r\n" for one in parts) + delimiter + b"--\r\n"
    named = f'"{boundary}"' if quoted else boundary
    return FormBody(body, f"multipart/form-data; boundary={named}")
