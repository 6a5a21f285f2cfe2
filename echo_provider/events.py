"""The pieces of a stream of server-sent events, as both dialects make them."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

_encode = msgspec.json.Encoder().encode


class Event(NamedTuple):
    """One event as it is sent, and the output tokens that it carries."""

    data: bytes
    tokens: int = 0


def template(value: Any, text: str) -> Callable[[str], bytes]:
    """A way to encode `value` again and again, each time with another text in it.

    `text` is the placeholder: a string that stands in `value` once. What does not change is
    encoded once, so that an event costs the encoding of its own text only.
    """
    before, after = _encode(value).split(_encode(text))
    return lambda replacement: b"%b%b%b" % (before, _encode(replacement), after)


def data_event(body: bytes) -> bytes:
    """An event without a name."""
    return b"data: %b\n\n" % body


def named_event(name: str, body: bytes) -> bytes:
    """An event with a name."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), body)


def in_turn(streams: Iterable[Iterator[Event]]) -> Iterator[Event]:
    """One event of each stream, then the next of each, until all have ended."""
    going = list(streams)
    while going:
        for stream in tuple(going):
            event = next(stream, None)
            if event is None:
                going.remove(stream)
            else:
                yield event
