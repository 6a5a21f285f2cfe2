"""Changing texts of a body as spans of its bytes: everything else stays as it was written."""

import re
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from common.redaction.places import Place, outer_places
from common.redaction.restoring import Restorer, json_escaped
from common.redaction.shapes import Shape

STEP_UNITS = 1_000
STEP_PLACES = 100
Item = TypeVar("Item")
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
    texts: dict[Place, bytes] = {}
    for number, (place, replacements) in enumerate(changes, 1):
        if number % STEP_PLACES == 0:
            yield
        if not replacements:
            continue
        within, raw, made = place.within, body, edits
        if within is not None:
            if within not in texts:
                texts[within], inner[within] = within.text.encode(), []
            raw, made = texts[within], inner[within]
        yield from _edit(raw[place.start : place.end], place, replacements, made)
    for outer, of_text in inner.items():
        yield
        of_text.sort()
        replaced = yield from _in_characters(texts[outer], of_text)
        yield from _edit(body[outer.start : outer.end], outer, replaced, edits)
    yield
    edits.sort()
    yield
    return (yield from _spliced(body, edits))


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


def _edit(
    raw: bytes, place: Place, replacements: Sequence[Replacement], edits: list[_Edit]
) -> Generator[None, None, None]:
    """Add what becomes of the bytes of a place; yields between pieces of work."""
    if place.kind == "number":
        text = "".join(_replaced(place.text, replacements))
        edits.append(_Edit(place.start, place.end, _quoted(text)))
        return
    wanted: list[int] = []
    for step in _steps(replacements):
        wanted += [position for one in step for position in (one.start, one.end)]
        if len(step) == STEP_UNITS:
            yield
    plain = place.kind == "raw"
    # The offsets of a string count its first quote.
    begin = place.start - 1 if plain else place.start
    if plain or b"\\" not in raw:
        offsets = yield from _plain_offsets(place.text, wanted)
    else:
        offsets = yield from _escaped_offsets(raw, wanted)
    for number, one in enumerate(replacements):
        if number % STEP_UNITS == STEP_UNITS - 1:
            yield
        new = one.text if plain else json_escaped(one.text)
        start, end = offsets[2 * number], offsets[2 * number + 1]
        edits.append(_Edit(begin + start, begin + end, new.encode()))


def _steps(items: Sequence[Item]) -> Iterable[Sequence[Item]]:
    return (items[at : at + STEP_UNITS] for at in range(0, len(items), STEP_UNITS))


def _quoted(text: str) -> bytes:
    return b'"' + json_escaped(text).encode() + b'"'


def _replaced(text: str, replacements: Iterable[Replacement]) -> Iterable[str]:
    position = 0
    for one in replacements:
        yield text[position : one.start]
        yield one.text
        position = one.end
    yield text[position:]


def _escaped_offsets(raw: bytes, wanted: Sequence[int]) -> Generator[None, None, list[int]]:
    """Where characters of a string stand in its bytes, quotes included; `wanted` is in order."""
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
        begun = in_bytes = 0
        while len(offsets) < len(wanted) and wanted[len(offsets)] < characters + length:
            inside = wanted[len(offsets)] - characters
            if run is not None:
                in_bytes += len(run[begun:inside].encode())
                begun = inside
            offsets.append(unit.start() + in_bytes)
            if len(offsets) % STEP_UNITS == 0:
                yield
        characters += length
    offsets += [len(raw) - 1] * (len(wanted) - len(offsets))
    return offsets


def _plain_offsets(text: str, wanted: Sequence[int]) -> Generator[None, None, list[int]]:
    """The same for a string without escapes."""
    is_ascii = text.isascii()
    offsets: list[int] = []
    position, offset = 0, 1
    for step in _steps(wanted):
        if is_ascii:
            offsets += [character + 1 for character in step]
        else:
            for character in step:
                offset += len(text[position:character].encode())
                position = character
                offsets.append(offset)
        if len(step) == STEP_UNITS:
            yield
    return offsets


def _in_characters(raw: bytes, edits: Iterable[_Edit]) -> Generator[None, None, list[Replacement]]:
    """Edits of a text's UTF-8 as replacements of its characters."""
    replacements: list[Replacement] = []
    byte = character = 0
    for number, edit in enumerate(edits, 1):
        if number % STEP_UNITS == 0:
            yield
        start = character + len(raw[byte : edit.start].decode())
        character = start + len(raw[edit.start : edit.end].decode())
        byte = edit.end
        replacements.append(Replacement(start, character, edit.new.decode()))
    return replacements


def _spliced(body: bytes, edits: list[_Edit]) -> Generator[None, None, bytes]:
    """The body with the edits, in order; takes them out of the list."""
    chunks: list[bytes] = []
    parts: list[bytes] = []
    position = 0
    edits.reverse()
    while edits:
        edit = edits.pop()
        parts += (body[position : edit.start], edit.new)
        position = edit.end
        if len(parts) >= STEP_UNITS:
            chunks.append(b"".join(parts))
            parts.clear()
            yield
    return b"".join([*chunks, *parts, body[position:]])
