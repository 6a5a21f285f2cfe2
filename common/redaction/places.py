"""The places of a JSON body where text stands, found without changing or re-reading the rest.

Valid JSON is expected: who calls has decoded the body already.
"""

import re
from collections.abc import Generator, Iterator
from typing import Literal, NamedTuple

from common.dialects.bodies import loads
from common.redaction.shapes import ALL, Shape

STEP_TOKENS = 1_000
STEP_ESCAPES = 20_000
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*){0,64}|[{}\[\],:]', re.DOTALL)
# On in a string with many escapes, which one match would read in one long piece of work.
_REST = re.compile(rb'(?:\\.[^"\\]*){1,%d}' % STEP_ESCAPES, re.DOTALL)
_QUOTE, _COLON, _COMMA = b'":,'
_OPEN = b"{["
_LONG_NUMBER = re.compile(rb"[0-9]{7}")


class Place(NamedTuple):
    """A text of a body: its bytes (quotes included), and what they say.

    `raw` is text that stands as it is, without quotes: a form's field, a file. `json` is a string
    that holds JSON text. `within` is the string of JSON text that the place stands in; its bytes
    are then those of that text in UTF-8.
    """

    start: int
    end: int
    kind: Literal["text", "number", "json", "raw"]
    path: str
    text: str
    within: "Place | None" = None


class _Frame:
    __slots__ = ("at_name", "index", "is_object", "name", "path", "places", "shape", "sink", "type")

    def __init__(
        self,
        shape: Shape | None,
        path: str,
        *,
        is_object: bool,
        sink: "list[_Pending] | None" = None,
    ) -> None:
        self.shape = shape
        self.path = path
        self.is_object = is_object
        self.at_name = is_object
        self.name = ""
        self.index = 0
        self.type = ""
        # Kept until the object ends where its type may yet say that it must not be touched.
        self.places: list[_Pending] | None = (
            [] if is_object and shape is not None and shape.untouched else None
        )
        # Where places go: here, or to the nearest object around that waits for its type.
        self.sink = sink if self.places is None else self.places

    def child(self) -> tuple[Shape | None, str]:
        if self.shape is None:
            return None, ""
        if self.is_object:
            # Names that are text themselves are not told: a path stands in refusals.
            name = "*" if self.shape.names else self.name
            path = f"{self.path}.{name}" if self.path else name
            return self.shape.member(self.name), path
        path = f"{self.path}[{self.index}]" if self.path else ""
        return self.shape.item, path


class _Pending(NamedTuple):
    start: int
    end: int
    shape: Shape
    path: str


def places(body: bytes, shape: Shape) -> Iterator[Place | None]:
    """The places of a body in their order; None after each piece of work without one."""
    yield from _decoded(body, _walk(body, shape), nested=True)


def outer_places(body: bytes, shape: Shape) -> Iterator[Place | None]:
    """The same, but strings that hold JSON text are one place each."""
    yield from _decoded(body, _walk(body, shape), nested=False)


def collect(body: bytes, shape: Shape) -> Generator[None, None, list[Place]]:
    """All places as a list; yields after each piece of work."""
    found: list[Place] = []
    for count, place in enumerate(places(body, shape), 1):
        if place is not None:
            found.append(place)
        if place is None or count % STEP_TOKENS == 0:
            yield
    return found


def _decoded(
    body: bytes, walk: Iterator[_Pending | None], *, nested: bool, within: Place | None = None
) -> Iterator[Place | None]:
    for pending in walk:
        if pending is None:
            yield None
            continue
        start, end, shape, path = pending
        raw = body[start:end]
        if raw[0] != _QUOTE:
            yield Place(start, end, "number", path, raw.decode(), within)
            continue
        text = loads(raw)
        if not isinstance(text, str):
            continue  # no valid string: the provider will say so
        if shape.strings == "json" and within is None and _is_json(text):
            outer = Place(start, end, "json", path, text)
            if nested:
                inner = text.encode()
                yield from _decoded(inner, _walk(inner, ALL), nested=True, within=outer)
            else:
                yield outer
        else:
            yield Place(start, end, "text", path, text, within)


def _is_json(text: str) -> bool:
    return text.lstrip()[:1] in ("{", "[", '"') and loads(text.encode()) is not None


def _walk(body: bytes, shape: Shape) -> Iterator[_Pending | None]:
    stack = [_Frame(_Root(shape), "", is_object=False)]
    value_start = count = 0
    while (match := _TOKEN.search(body, value_start)) is not None:
        count += 1
        if count % STEP_TOKENS == 0:
            yield None
        start, end = match.span()
        frame = stack[-1]
        character = body[start]
        if character == _QUOTE:
            while rest := _REST.match(body, end):
                end = rest.end()
                yield None
            end += 1  # the closing quote
            ready = _string(frame, body, start, end)
            if ready is not None:
                yield ready
        elif character in _OPEN:
            child, path = frame.child()
            is_object = character == _OPEN[0]
            stack.append(_Frame(child, path, is_object=is_object, sink=frame.sink))
        elif character != _COLON:
            ready = _primitive(frame, body, value_start, start)
            if ready is not None:
                yield ready
            if character == _COMMA:
                frame.at_name = frame.is_object
                frame.index += 1
            else:
                yield from _close(stack)
        value_start = end


class _Root(Shape):
    """What a body stands in: its only item is the body."""

    __slots__ = ("_shape",)

    def __init__(self, shape: Shape) -> None:
        super().__init__(strings=shape.strings)
        self._shape = shape

    @property
    def item(self) -> Shape:
        return self._shape


def _string(frame: _Frame, body: bytes, start: int, end: int) -> _Pending | None:
    shape = frame.shape
    if shape is None:
        frame.at_name = False
        return None
    if frame.at_name:
        frame.at_name = False
        raw = body[start:end]
        frame.name = str(loads(raw)) if b"\\" in raw else raw[1:-1].decode(errors="replace")
        return _add(frame, _Pending(start, end, ALL, f"{frame.path}.*")) if shape.names else None
    if frame.is_object and shape.untouched and frame.name.casefold() == "type":
        frame.type = str(loads(body[start:end]))
    child, path = frame.child()
    if child is None or child.strings == "none":
        return None
    return _add(frame, _Pending(start, end, child, path))


def _primitive(frame: _Frame, body: bytes, start: int, end: int) -> _Pending | None:
    """A number (or true, false, null) that stands between two tokens, if it is a place."""
    shape = frame.shape
    if shape is None or start == end:
        return None
    raw = body[start:end].strip()
    if shape.names and _LONG_NUMBER.search(raw):
        child, path = frame.child()
        if child is not None:
            begin = body.index(raw, start)
            return _add(frame, _Pending(begin, begin + len(raw), child, path))
    elif raw == b"true" and frame.name == "thought":
        frame.type = "thought"
    return None


def _add(frame: _Frame, pending: _Pending) -> _Pending | None:
    if frame.sink is None:
        return pending
    frame.sink.append(pending)
    return None


def _close(stack: list[_Frame]) -> Iterator[_Pending]:
    """End an object or list: its places are told, wait with its holder's, or are given up."""
    frame = stack.pop()
    if not frame.places or (frame.shape is not None and frame.type in frame.shape.untouched):
        return
    sink = stack[-1].sink
    if sink is None:
        yield from frame.places
    else:
        sink.extend(frame.places)
