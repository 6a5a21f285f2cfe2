"""What every caller asks in the matrix, whatever its SDK: words, tools, pictures, schemas."""

import base64
import struct
import zlib

from pydantic import BaseModel, Field

SYSTEM = "Be short."
TEXT = "hello my world"
CALL = 'call weather {"city": "Bern"}'
TWO_CALLS = 'call weather {"city": "Bern"} and call weather {"city": "Rome"}'
RESULTS = ("sunny in Bern", "rain in Rome")
DESCRIPTION = "The weather of a city."
PARAMETERS = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "Its name."},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
    },
    "required": ["city"],
}
DEGREES = "In Celsius."
ANSWER = '{"city":"Bern","degrees":20}'
THINK = "hello my world [[echo thoughts=3]]"
THOUGHT = "thought1 thought2 thought3"
BAD = "hello [[echo status=400]]"
BAD_SAID = "status 400 was asked for"
LIMITED = "hello [[echo status=429 retry_after=2]]"
FAILING = "a b c d e f [[echo error_after=4]]"
ENDLESS = "[[echo words=100000 chunk_delay_ms=5]]"


class Weather(BaseModel):
    """The structured answer."""

    city: str
    degrees: int = Field(description=DEGREES)


def picture() -> bytes:
    """A PNG file of one grey pixel."""
    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0\x80")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


# The remark where the caller's API has no such thing.
NOTHING = "none"
URL = "https://example.org/one.png"
PDF = b"%PDF-1.4\n%%EOF\n"
PDF_BASE64 = base64.b64encode(PDF).decode()
STOPPED = "hello my world and more"
PNG = picture()
PNG_BASE64 = base64.b64encode(PNG).decode()
