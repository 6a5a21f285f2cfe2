"""Putting values back in the place of placeholders: in a text, and in one that arrives in pieces.

Where placeholders begin at the same character the longest is meant, then the search goes on after
it. A value that was put back is not searched again.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Mapping

_HEAD_CHARACTERS = 6


class Restorer:
    """Placeholders of one request, ready for any number of texts and streams of its answer."""

    def __init__(self, values: Mapping[str, str]) -> None:
        """`values`: placeholder → what it stands for; no placeholder is empty."""
        self._values = dict(values)
        self._sorted = sorted(self._values)
        self._lengths = sorted({len(one) for one in self._sorted}, reverse=True)
        self.longest = self._lengths[0] if self._lengths else 0
        # What all have at their beginning: searched first, since most texts hold none.
        heads = sorted({one[:_HEAD_CHARACTERS] for one in self._sorted}, key=len, reverse=True)
        self._heads = re.compile("|".join(map(re.escape, heads))) if heads else None
        # The same in bytes of JSON, where an escape may hide a beginning; a last character that no
        # placeholder has holds nothing back, as most pieces' does.
        in_bytes = [re.escape(head.encode("utf-8", "surrogatepass")) for head in heads]
        self._heads_in_bytes = re.compile(b"|".join([*in_bytes, rb"\\u"])) if heads else None
        self._characters = frozenset("".join(self._sorted))

    @classmethod
    def for_json(cls, values: Mapping[str, str]) -> "Restorer":
        """For what stands within strings of JSON text: values are escaped as JSON has them."""
        return cls({name: json_escaped(value) for name, value in values.items()})

    def text(self, text: str) -> str:
        """The text with every value put back."""
        restored, rest = self._split(text, final=True)
        return restored + rest

    def may_begin_in(self, data: bytes) -> bool:
        """Whether a placeholder may stand in these bytes of JSON; cheap."""
        return self._heads_in_bytes is not None and self._heads_in_bytes.search(data) is not None

    def stream(self) -> "StreamRestorer":
        """For a text that arrives in pieces."""
        return StreamRestorer(self)

    def _split(self, text: str, *, final: bool) -> tuple[str, str]:
        """What is certain, restored; and the end that may still become a placeholder."""
        if self._heads is None:
            return text, ""
        parts: list[str] = []
        position = search = 0
        hold = len(text) if final else self._hold_from(text, 0)
        while (head := self._heads.search(text, search)) is not None and head.start() < hold:
            start = head.start()
            placeholder = self._at(text, start)
            if placeholder is None:
                search = start + 1
                continue
            parts += (text[position:start], self._values[placeholder])
            position = search = start + len(placeholder)
            if hold < position:
                hold = self._hold_from(text, position)
        parts.append(text[position:hold])
        return "".join(parts), text[hold:]

    def _at(self, text: str, start: int) -> str | None:
        for length in self._lengths:
            if (candidate := text[start : start + length]) in self._values:
                return candidate
        return None

    def _hold_from(self, text: str, position: int) -> int:
        """Where the longest end of the text begins that more text may make a placeholder."""
        if not text or text[-1] not in self._characters:
            return len(text)
        for start in range(max(position, len(text) - self.longest + 1), len(text)):
            tail = text[start:]
            after = bisect_right(self._sorted, tail)
            if after < len(self._sorted) and self._sorted[after].startswith(tail):
                return start
        return len(text)


class StreamRestorer:
    """One text of a streamed answer; all pieces together are what `Restorer.text` makes of it.

    What is held back is shorter than the longest placeholder, and only what one begins with.
    """

    def __init__(self, restorer: Restorer) -> None:
        self._restorer = restorer
        self._held = ""

    @property
    def held(self) -> str:
        """What waits for more text; of a stream that broke off, the caller's as well."""
        return self._held

    def feed(self, piece: str) -> str:
        """What can be passed on now."""
        restored, self._held = self._restorer._split(self._held + piece, final=False)  # noqa: SLF001
        return restored

    def end(self) -> str:
        """What was held back, when no more comes."""
        rest, self._held = self._restorer.text(self._held), ""
        return rest


def json_escaped(text: str) -> str:
    r"""The text as it stands between the quotes of a JSON string, lone surrogates as `\udXXX`."""
    quoted = json.dumps(text, ensure_ascii=False)[1:-1]
    if quoted.isascii():
        return quoted
    return "".join(
        f"\\u{ord(character):04x}" if "\ud800" <= character <= "\udfff" else character
        for character in quoted
    )
