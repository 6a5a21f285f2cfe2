"""Changing texts of a body as spans of its bytes: everything else stays as it was written."""

import re
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import NamedTuple

from common.redaction.places import Place, outer_places
from common.redaction.restoring import Restorer, json_escaped
from common.redaction.shapes import Shape

STEP_UNITS = 2_000
# One character, or a run of characters that are written as themselves.
_UNIT = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\]+",
    re.DOTALL,
)


class Replacement(NamedTuple):
    """Characters `start` to `end` of a place's text become another text."""

    start: int
    end: int
    text: str


class _Edit(NamedTuple):
    start: int
    end: int
    new: bytes


Changes = Sequence[tuple[Place, Sequence[Replacement]]]


def rewrite(body: bytes, changes: Changes) -> Generator[None, None, bytes]:
    """The body with the replacements made; yields after each piece of work.

    The replacements of a place are in order and do not overlap. Strings stay strings; a number
    becomes a string, since no number can stand for it.
    """
    edits: list[_Edit] = []
    inner: dict[Place, list[_Edit]] = {}
    for place, replacements in changes:
        if not replacements:
            continue
        within = place.within
        raw = body if within is None else within.text.encode()
        made = yield from _edits(raw[place.start : place.end], place, replacements)
        (edits if within is None else inner.setdefault(within, [])).extend(made)
    for outer, made in inner.items():
        replacements = _in_characters(outer.text.encode(), sorted(made))
        edits += yield from _edits(body[outer.start : outer.end], outer, replacements)
    return (yield from _spliced(body, sorted(edits)))


def restore(body: bytes, shape: Shape, values: Mapping[str, str]) -> Generator[None, None, bytes]:
    """A whole answer with every value put back where text stands; yields between pieces of work.

    In tool-call arguments values are escaped twice, so that the JSON within the string stays JSON.
    """
    plain, in_json = Restorer(values), Restorer.for_json(values)

    def restored(place: Place) -> Generator[None, None, str]:
        yield from ()
        return (in_json if place.kind == "json" else plain).text(place.text)

    return (yield from change(body, shape, restored))


def change(
    body: bytes, shape: Shape, changed: Callable[[Place], Generator[None, None, str]]
) -> Generator[None, None, bytes]:
    """The body with other texts where `changed` gives another; yields between pieces of work."""
    edits: list[_Edit] = []
    for place in outer_places(body, shape):
        if place is None:
            yield
            continue
        text = yield from changed(place)
        if text != place.text:
            edits.append(_Edit(place.start, place.end, _quoted(text)))
    return (yield from _spliced(body, edits))


def _edits(
    raw: bytes, place: Place, replacements: Sequence[Replacement]
) -> Generator[None, None, list[_Edit]]:
    if place.kind == "number":
        text = "".join(_replaced(place.text, replacements))
        return [_Edit(place.start, place.end, _quoted(text))]
    if place.kind == "raw":
        return _raw_edits(place, replacements)
    wanted = [position for one in replacements for position in (one.start, one.end)]
    offsets = yield from _offsets(raw, place.text, wanted)
    edits: list[_Edit] = []
    for number, one in enumerate(replacements):
        if number % STEP_UNITS == STEP_UNITS - 1:
            yield
        start, end = offsets[2 * number], offsets[2 * number + 1]
        edits.append(_Edit(place.start + start, place.start + end, json_escaped(one.text).encode()))
    return edits


def _raw_edits(place: Place, replacements: Sequence[Replacement]) -> list[_Edit]:
    wanted = [position for one in replacements for position in (one.start, one.end)]
    # Those of a string count its first quote.
    offsets = [place.start + offset - 1 for offset in _plain_offsets(place.text, wanted)]
    return [
        _Edit(offsets[2 * number], offsets[2 * number + 1], one.text.encode())
        for number, one in enumerate(replacements)
    ]


def _quoted(text: str) -> bytes:
    return b'"' + json_escaped(text).encode() + b'"'


def _replaced(text: str, replacements: Iterable[Replacement]) -> Iterable[str]:
    position = 0
    for one in replacements:
        yield text[position : one.start]
        yield one.text
        position = one.end
    yield text[position:]


def _offsets(raw: bytes, text: str, wanted: Sequence[int]) -> Generator[None, None, list[int]]:
    """Where characters of a string stand in its bytes, quotes included; `wanted` is in order."""
    if b"\\" not in raw:
        return _plain_offsets(text, wanted)
    offsets: list[int] = []
    characters = 0
    for count, unit in enumerate(_UNIT.finditer(raw, 1, len(raw) - 1), 1):
        if len(offsets) == len(wanted):
            return offsets
        if count % STEP_UNITS == 0:
            yield
        written = unit.group()
        run = None if written[0] == 0x5C else written.decode()
        length = 1 if run is None else len(run)
        while len(offsets) < len(wanted) and wanted[len(offsets)] < characters + length:
            inside = wanted[len(offsets)] - characters
            before = 0 if run is None else len(run[:inside].encode())
            offsets.append(unit.start() + before)
        characters += length
    offsets += [len(raw) - 1] * (len(wanted) - len(offsets))
    return offsets


def _plain_offsets(text: str, wanted: Sequence[int]) -> list[int]:
    if text.isascii():
        return [position + 1 for position in wanted]
    offsets: list[int] = []
    position, offset = 0, 1
    for character in wanted:
        offset += len(text[position:character].encode())
        position = character
        offsets.append(offset)
    return offsets


def _in_characters(raw: bytes, edits: Iterable[_Edit]) -> list[Replacement]:
    """Edits of a text's UTF-8 as replacements of its characters."""
    replacements: list[Replacement] = []
    byte = character = 0
    for edit in edits:
        start = character + len(raw[byte : edit.start].decode())
        character = start + len(raw[edit.start : edit.end].decode())
        byte = edit.end
        replacements.append(Replacement(start, character, edit.new.decode()))
    return replacements


def _spliced(body: bytes, edits: Iterable[_Edit]) -> Generator[None, None, bytes]:
    parts: list[bytes] = []
    position = 0
    for number, edit in enumerate(edits, 1):
        if number % STEP_UNITS == 0:
            yield
        parts += (body[position : edit.start], edit.new)
        position = edit.end
    parts.append(body[position:])
    return b"".join(parts)
