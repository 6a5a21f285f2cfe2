"""Streams with values put back: the events of an answer, in which only texts change.

An event in which nothing changes is passed on byte for byte. Where a text is held back to the end
of its block, an event of the same form says it before the event that ends the block.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import msgspec

from common.dialects.base import StreamCopy
from common.dialects.bodies import loads
from common.dialects.events import event_data
from common.dialects.surrounded import SurroundedCopy
from common.domain.refusals import Refused
from common.redaction.answers import AnswerRedaction, Streamed, drop_logprobs
from common.redaction.scanning import finish
from common.redaction.shapes import Shape

Event = dict[str, Any]
# Which text of a stream: what it is, and where in the answer.
Block = tuple[Any, ...]
_LINE = re.compile(rb"[^\r\n]+")


class Slot(NamedTuple):
    """A piece of a block's text: the member of an object that holds it."""

    block: Block
    kind: str
    holder: dict[str, Any]
    member: str


class StreamForm(Protocol):
    """How a dialect streams texts."""

    def slots(self, event: Event) -> list[Slot]:
        """The pieces of texts in an event, in order."""
        ...

    def ended(self, event: Event, open_: Iterable[Block]) -> list[Block]:
        """Which of the open blocks have no more text after this event."""
        ...

    def saying(self, block: Block, text: str, like: Event) -> bytes:
        """An event that says this text alone; `like` is one that had a piece of the block."""
        ...

    def rest(self, event: Event) -> Shape | None:
        """What else of an event may hold text, which comes as a whole."""
        ...


class RedactedCopy(SurroundedCopy):
    """A `StreamCopy` of what the caller may see, with values put back."""

    def __init__(self, inner: StreamCopy, form: StreamForm, answer: AnswerRedaction) -> None:
        super().__init__(inner)
        self._form = form
        self._answer = answer
        self._open: dict[Block, Streamed] = {}
        self._like: dict[Block, Event] = {}

    def changed(self, event: bytes) -> bytes:
        """See `SurroundedCopy`. Raises `Refused` for what must not pass."""
        try:
            return self._changed(event)
        except Refused:
            self._open.clear()  # nothing of it is said when the stream is ended
            raise

    def _changed(self, event: bytes) -> bytes:
        data = event_data(event)
        if not data:
            return event
        decoded = loads(data)
        if not isinstance(decoded, dict):
            return self.rest() + event  # `[DONE]`: nothing comes after it
        form = self._form
        slots = form.slots(decoded)
        ended = form.ended(decoded, [*self._open, *(slot.block for slot in slots)])
        changed, emptied = self._fill(decoded, slots, ended)
        before = b""
        for block in ended:
            text, like = self._open.pop(block, None), self._like.pop(block, {})
            if text is not None and not any(slot.block == block for slot in slots):
                before += self._said(block, text, like)
        if emptied and len(slots) == 1 and str(decoded.get("type")).endswith("delta"):
            return before  # it says nothing, and is nothing but this piece
        if self._answer.searches and drop_logprobs(decoded):
            changed = True
        new = msgspec.json.encode(decoded) if changed else data
        shape = form.rest(decoded)
        if shape is not None and self._answer.may_change(new):
            new = finish(self._answer.whole(new, shape))
        return before + (event if new is data or new == data else with_data(event, new))

    def rest(self) -> bytes:
        """See `SurroundedCopy`."""
        open_, self._open = self._open, {}
        like, self._like = self._like, {}
        return b"".join([self._said(block, text, like[block]) for block, text in open_.items()])

    def _fill(self, event: Event, slots: list[Slot], ended: list[Block]) -> tuple[bool, bool]:
        """Put into each slot what may be passed on; whether any changed, and is empty now."""
        changed = emptied = False
        for place, (block, kind, holder, member) in enumerate(slots):
            text = self._open.get(block)
            if text is None:
                text = self._open[block] = self._answer.stream(kind)
            piece = holder[member]
            passed = text.feed(piece)
            if block in ended and not any(one.block == block for one in slots[place + 1 :]):
                passed += text.end()
            self._like[block] = event
            if passed != piece:
                changed, emptied = True, not passed
                holder[member] = passed
        return changed, emptied

    def _said(self, block: Block, text: Streamed, like: Event) -> bytes:
        said = text.end()
        return self._form.saying(block, said, like) if said else b""


def with_data(event: bytes, data: bytes) -> bytes:
    """The event with other data; its other lines stay."""
    lines = [line for line in _LINE.findall(event) if not line.startswith(b"data")]
    return b"\n".join([*lines, b"data: " + data, b"", b""])


def made(data: Event, name: str = "") -> bytes:
    """An event of its own."""
    head = b"event: " + name.encode() + b"\n" if name else b""
    return head + b"data: " + msgspec.json.encode(data) + b"\n\n"
