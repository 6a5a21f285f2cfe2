"""A streamed answer, watched: what its patterns find, and its texts for who judges them."""

import re

from common.dialects.bodies import loads
from common.dialects.events import event_data
from common.guardrails.message_texts import texts_of, written
from common.guardrails.watching import Patterns, TextWatch, Watched
from common.guardrails.whole_texts import Text
from common.redaction.places import places
from common.redaction.shapes import ALL
from common.redaction.stream_forms import FORMS
from common.redaction.streams import Block

# The texts of one stream that are kept for a webhook, and of one call of a tool to be read whole.
KEPT_CHARACTERS_MAX = 4 * 1024 * 1024
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(?:u[0-9a-fA-F]{4}|.)",
    re.DOTALL,
)
# An escape whose end has not come, after any number of backslashes that are escaped themselves.
_OPEN_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*(\\(?:u[0-9a-fA-F]{0,3})?)\Z")


class StreamWatch:
    """All texts of one streamed answer; each pattern is told once a text."""

    def __init__(self, endpoint: str, patterns: Patterns, *, keeps: bool) -> None:
        """`keeps`: its texts are wanted when it has ended."""
        form = FORMS.get(endpoint)
        self._form = None if form is None else form()
        self._endpoint = endpoint
        self._patterns = patterns
        self._open: dict[Block, _Piecewise] = {}
        self._kept: dict[Block, list[str]] | None = {} if keeps else None
        self._whole: dict[str, None] = {}
        self._kept_characters = 0

    @property
    def pending(self) -> bool:
        """Whether a pattern that blocks matches, if a text ends where it is."""
        return any(text.watch.pending for text in self._open.values())

    @property
    def too_long(self) -> bool:
        """Whether not all of its texts could be kept."""
        return self._kept_characters > KEPT_CHARACTERS_MAX

    def read(self, event: bytes) -> list[Watched]:
        """What has matched for certain with this event, and had not before."""
        data = event_data(event)
        decoded = loads(data)
        if not isinstance(decoded, dict) or self._form is None:
            return []
        found: list[Watched] = []
        for block, kind, holder, member in self._form.slots(decoded):
            found += self._feed(block, holder[member], is_json=kind == "json")
        for block in self._form.ended(decoded, list(self._open)):
            found += self._open.pop(block).end()
        shape = self._form.rest(decoded)
        if shape is not None:
            for one in texts_of(written(places(data, shape), self._endpoint)):
                if one is not None:
                    found += _searched(one.text, self._patterns)
                    self._keep_whole(one.text)
        return found

    def end(self) -> list[Watched]:
        """What matches because all texts end."""
        found = [one for text in self._open.values() for one in text.end()]
        self._open.clear()
        return found

    def texts(self) -> list[Text]:
        """The texts that were kept, in the order of their beginnings."""
        texts = [Text(_field(block), "".join(parts)) for block, parts in (self._kept or {}).items()]
        said = [one.text for one in texts]
        return texts + [
            Text("", text) for text in self._whole if not any(text in one for one in said)
        ]

    def _feed(self, block: Block, text: str, *, is_json: bool) -> list[Watched]:
        self._keep(block, text)
        if not self._patterns:
            return []
        open_ = self._open.get(block)
        if open_ is None:
            made = _JsonPiecewise if is_json else _Piecewise
            open_ = self._open[block] = made(self._patterns)
        return open_.feed(text)

    def _keep(self, block: Block, text: str) -> None:
        if self._kept is None:
            return
        self._kept_characters += len(text)
        if not self.too_long:
            self._kept.setdefault(block, []).append(text)

    def _keep_whole(self, text: str) -> None:
        if self._kept is not None and text not in self._whole:
            self._kept_characters += len(text)
            if not self.too_long:
                self._whole[text] = None


class _Piecewise:
    """A text that goes on from event to event."""

    def __init__(self, patterns: Patterns) -> None:
        self.watch = TextWatch(patterns)

    def feed(self, text: str) -> list[Watched]:
        return self.watch.feed(text)

    def end(self) -> list[Watched]:
        return self.watch.end()


class _JsonPiecewise(_Piecewise):
    """JSON text: watched as it comes with its escapes read, and by its strings when it is whole."""

    def __init__(self, patterns: Patterns) -> None:
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
        whole = "".join(self._parts).encode("utf-8", "replace")
        if loads(whole) is not None:
            for one in texts_of(places(whole, ALL)):
                found += [] if one is None else _searched(one.text, self._patterns)
        return found


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_read_escape, text) if "\\" in text else text


def _read_escape(escape: "re.Match[str]") -> str:
    read = loads(b'"%b"' % escape[0].encode())
    return read if isinstance(read, str) else escape[0]


def _searched(text: str, patterns: Patterns) -> list[Watched]:
    watch = TextWatch(patterns)
    return watch.feed(text) + watch.end()


def _field(block: Block) -> str:
    return ".".join(str(part) for part in block if part is not None)
