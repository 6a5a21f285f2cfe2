"""Pictures, documents and recordings in the forms that several formats share."""

import re
from typing import Literal

from common.translation.conversation import Media

# RFC 2397, as all providers take it: always base64.
_DATA_URL = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)(?:;[\w-]+=[^;,]*)*;base64,")
_TYPES_BY_ENDING = {
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
}


def from_url(
    kind: Literal["image", "document", "audio"],
    url: str,
    *,
    name: str | None = None,
    detail: str | None = None,
    cached: bool = False,
) -> Media:
    """A medium by its URL, which may hold the data itself. Raises `ValueError` for a bad one."""
    if not url.startswith("data:"):
        return Media(kind, url=url, name=name, detail=detail, cached=cached)
    match = _DATA_URL.match(url)
    if match is None:
        raise ValueError("a data URL must name a media type and be base64")
    data = url[match.end() :]
    return Media(kind, match["type"], data, name=name, detail=detail, cached=cached)


def data_url(media: Media) -> str:
    """The data of a medium as a URL; it must have data."""
    return f"data:{media.media_type};base64,{media.data}"


def type_of_name(name: str | None) -> str:
    """The media type that a file's name tells; a PDF unless it tells another."""
    return _TYPES_BY_ENDING.get((name or "").rpartition(".")[2].lower(), "application/pdf")
