"""The places of a file where text stands: lines of JSON (a batch's requests), or plain text."""

import codecs
import re
from collections.abc import Generator

from common.dialects.base import BadRequest
from common.dialects.bodies import loads
from common.dialects.openai.batches import ENDPOINTS
from common.redaction.places import Place, collect
from common.redaction.shapes import PLAIN, REQUESTS, Shape

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# What text of no encoding has, and pictures, sound and archives have within a few bytes.
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
# A request of a batch, by its path.
_LINES = {
    path: Shape({"custom_id": None, "method": None, "url": None, "body": REQUESTS[name]})
    for path, (name, _scope) in ENDPOINTS.items()
}


def file_places(content: bytes, within: str) -> Generator[None, None, list[Place]]:
    """The places of a file; yields between pieces of work. None in what is no text.

    `within` names the file in the places' paths. Raises `BadRequest` for text in another encoding
    than UTF-8, as spreadsheets write it: unsearched it does not pass.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError:
        if content.startswith(_UTF_16) or _CONTROL.search(content) is None:
            message = "The file is text, and not in UTF-8: save it as UTF-8"
            raise BadRequest(message, within) from None
        return []
    if "\0" in text:
        return []
    lines = content.split(b"\n")
    if not all(line.lstrip()[:1] == b"{" for line in lines if line.strip()):
        return [Place(0, len(content), "raw", within, text)]
    found: list[Place] = []
    begin = 0
    for number, line in enumerate(lines, 1):
        path = f"{within}, line {number}"
        decoded = loads(line)
        if isinstance(decoded, dict):
            shape = _LINES.get(str(decoded.get("url")), PLAIN)
            places = yield from collect(line, shape)
            found += [_moved(place, begin, path) for place in places]
        elif line.strip():  # no JSON: it is text all the same
            found.append(Place(begin, begin + len(line), "raw", path, line.decode()))
        begin += len(line) + 1
    return found


def _moved(place: Place, by: int, path: str) -> Place:
    """A place of a line as one of the file; within a string of JSON text only that one moves."""
    if place.within is not None:
        return place._replace(within=_moved(place.within, by, path))
    path = f"{path}: {place.path}" if place.path else path
    return place._replace(start=place.start + by, end=place.end + by, path=path)
