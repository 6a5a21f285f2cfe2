r"""Event streams (WHATWG HTML, 9.2 "Server-sent events"): cut into events, nothing changed.

A line ends with \n, \r\n or \r, an event with an empty line. The cutter works on bytes as they
arrive and looks at each byte once, however the network has split them.
"""

import re

# One event is kept in memory until its end is there: no provider sends larger ones (images in
# OpenAI's partial-image events are the largest known, some 10 MiB).
EVENT_BYTES_MAX = 32 * 1024 * 1024

# Atomic, so that \r\n never counts as two line ends; a \r that came last may become one yet.
_EVENT_END = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r(?!\Z))")
_LINE_END = re.compile(rb"\r\n|\n|\r")
# The longest line end pair has four bytes; three of them may have come already.
_OVERLAP = 3
_WAITS_FOR_NEWLINE = (b"\n\r", b"\r\r")


class UnreadableStream(Exception):
    """A provider's stream cannot be read on: it is no event stream, or not of its format."""


class EventTooLarge(UnreadableStream):
    """An event does not end within `EVENT_BYTES_MAX`."""


class EventCutter:
    """Cuts a stream into events; what is cut and what is left add up to what was fed."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._searched = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that are complete by now, each with its empty line. Raises `EventTooLarge`."""
        rest = self._rest
        if not rest and b"\r" not in chunk:  # the common case, and then `split` finds the same
            if chunk.find(b"\n\n") == len(chunk) - 2 >= 0:  # one event, as it was written
                return [chunk]
            *whole, chunk = chunk.split(b"\n\n")
            events = [event + b"\n\n" for event in whole]
            if not chunk:
                return events
        else:
            events = []
        rest += chunk
        start = 0
        search = self._searched
        while (end := _EVENT_END.search(rest, search)) is not None:
            events.append(bytes(rest[start : end.end()]))
            start = search = end.end()
        if start:
            del rest[:start]
        if len(rest) > EVENT_BYTES_MAX:
            raise EventTooLarge(f"an event of the stream is larger than {EVENT_BYTES_MAX} bytes")
        self._searched = max(0, len(rest) - _OVERLAP)
        return events

    def end(self) -> list[bytes]:
        r"""No more comes: an event is complete that only waited for the \n after its last \r."""
        if not self._rest.endswith(_WAITS_FOR_NEWLINE):
            return []
        event = self.rest
        self._rest.clear()
        self._searched = 0
        return [event]

    @property
    def rest(self) -> bytes:
        """The beginning of an event whose end has not come."""
        return bytes(self._rest)


def event_data(event: bytes) -> bytes:
    """The joined `data` lines of an event; empty for comments and pings without data."""
    end = len(event) - 2
    if event.startswith(b"data: ") and event.find(b"\n") == end and event.endswith(b"\n\n"):
        data = event[6:end]  # the common case: one line of data
        if b"\r" not in data:
            return data
    lines = []
    for line in _LINE_END.split(event):
        if line.startswith(b"data:"):
            value = line[5:]
            lines.append(value[1:] if value.startswith(b" ") else value)
        elif line == b"data":
            lines.append(b"")
    return b"\n".join(lines)
