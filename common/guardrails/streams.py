"""A streamed answer, watched: what its patterns find, and its texts for who judges them."""

import re

from common.dialects.bodies import loads
from common.guardrails.stream_texts import Lane, json_strings, pieces
from common.guardrails.watching import TextWatch, Watched
from common.guardrails.whole_texts import Text

# The texts of one stream that are kept for a webhook, and of one call of a tool to be read whole.
KEPT_CHARACTERS_MAX = 4 * 1024 * 1024
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(?:u[0-9a-fA-F]{4}|.)",
    re.DOTALL,
)
# An escape whose end has not come, after any number of backslashes that are escaped themselves.
_OPEN_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*(\\(?:u[0-9a-fA-F]{0,3})?)\Z")


class StreamWatch:
    """All lanes of one streamed answer; each pattern is told once a lane."""

    def __init__(self, dialect: str, patterns: tuple[Watched, ...], *, keeps: bool) -> None:
        """`keeps`: its texts are wanted when it has ended."""
        self._dialect = dialect
        self._patterns = patterns
        self._lanes: dict[Lane, _Lane] = {}
        self._kept: dict[Lane, list[str]] | None = {} if keeps else None
        self._whole: dict[str, None] = {}
        self._kept_characters = 0

    @property
    def pending(self) -> bool:
        """Whether a pattern that blocks matches, if a lane ends where it is."""
        return any(lane.watch.pending for lane in self._lanes.values())

    @property
    def too_long(self) -> bool:
        """Whether not all of its texts could be kept."""
        return self._kept_characters > KEPT_CHARACTERS_MAX

    def read(self, event: bytes) -> list[Watched]:
        """What has matched for certain with this event, and had not before."""
        found: list[Watched] = []
        for lane, text, kind in pieces(event, self._dialect):
            if kind == "end":
                found += self._end(lane)
            elif kind == "whole":
                found += self._search(text)
                self._keep_whole(text)
            else:
                found += self._feed(lane, text, is_json=kind == "json")
                self._keep(lane, text)
        return found

    def end(self) -> list[Watched]:
        """What matches because all lanes end."""
        return self._end(())

    def texts(self) -> list[Text]:
        """The texts that were kept, lane by lane in the order of their beginnings."""
        lanes = self._kept or {}
        texts = [Text(_field(lane), "".join(parts)) for lane, parts in lanes.items()]
        said = {one.text for one in texts}
        return texts + [Text("whole", text) for text in self._whole if text not in said]

    def _feed(self, lane: Lane, text: str, *, is_json: bool) -> list[Watched]:
        if not self._patterns:
            return []
        open_ = self._lanes.get(lane)
        if open_ is None:
            made = _JsonLane if is_json else _Lane
            open_ = self._lanes[lane] = made(self._patterns)
        return open_.feed(text)

    def _search(self, text: str) -> list[Watched]:
        watch = TextWatch(self._patterns)
        return watch.feed(text) + watch.end()

    def _end(self, start: Lane) -> list[Watched]:
        found: list[Watched] = []
        for lane in [one for one in self._lanes if one[: len(start)] == start]:
            found += self._lanes.pop(lane).end()
        return found

    def _keep(self, lane: Lane, text: str) -> None:
        if self._kept is None:
            return
        self._kept_characters += len(text)
        if not self.too_long:
            self._kept.setdefault(lane, []).append(text)

    def _keep_whole(self, text: str) -> None:
        if self._kept is not None and text not in self._whole:
            self._kept_characters += len(text)
            if not self.too_long:
                self._whole[text] = None


class _Lane:
    """A text that goes on from event to event."""

    def __init__(self, patterns: tuple[Watched, ...]) -> None:
        self.watch = TextWatch(patterns)

    def feed(self, text: str) -> list[Watched]:
        return self.watch.feed(text)

    def end(self) -> list[Watched]:
        return self.watch.end()


class _JsonLane(_Lane):
    """JSON text: watched as it comes with its escapes read, and by its strings when it is whole."""

    def __init__(self, patterns: tuple[Watched, ...]) -> None:
        super().__init__(patterns)
        self._patterns = patterns
        self._open = ""
        self._parts: list[str] = []
        self._characters = 0

    def feed(self, text: str) -> list[Watched]:
        self._characters += len(text)
        if self._characters <= KEPT_CHARACTERS_MAX:
            self._parts.append(text)
        text = self._open + text
        rest = _OPEN_ESCAPE.search(text)
        self._open = rest[1] if rest is not None else ""
        return self.watch.feed(_unescaped(text[: len(text) - len(self._open)]))

    def end(self) -> list[Watched]:
        found = self.watch.end()
        for text in json_strings("".join(self._parts)):
            watch = TextWatch(self._patterns)
            found += watch.feed(text) + watch.end()
        return found


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_read_escape, text) if "\\" in text else text


def _read_escape(escape: "re.Match[str]") -> str:
    read = loads(b'"%b"' % escape[0].encode())
    return read if isinstance(read, str) else escape[0]


def _field(lane: Lane) -> str:
    return ".".join(str(part) for part in lane)
