"""Text that others wrote, made safe for a terminal and a spreadsheet."""

import json
import unicodedata

from common.domain import spreadsheets


def printable(text: str) -> str:
    """The text with what could steer a terminal written out: names and models are callers' own."""
    return "".join(one if one.isprintable() else _escaped(one) for one in text)


def json_text(value: object, *, indent: int | None = 2) -> str:
    """JSON as people read it; a terminal's control characters are escaped, which JSON allows."""
    dumped = json.dumps(value, indent=indent, ensure_ascii=False)
    return "".join(one if one.isprintable() or one == "\n" else _escaped(one) for one in dumped)


def width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def no_formula(text: str) -> str:
    """As `spreadsheets.no_formula`, but for numbers, which are text in JSON."""
    try:
        float(text)
    except ValueError:
        return spreadsheets.no_formula(text)
    return text


def _escaped(one: str) -> str:
    return json.dumps(one)[1:-1]
