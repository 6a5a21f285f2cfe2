"""What every endpoint has in common: what is wanted of it, and the reply that comes of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from echo_provider.ask import NO_USAGE, Answer, Ask, Usage, plan
from echo_provider.dialects import Dialect
from echo_provider.events import Event
from echo_provider.faults import Faults
from echo_provider.refusals import Refusal

JSON = "application/json"
EVENT_STREAM = "text/event-stream; charset=utf-8"

# How a reply is sent: at once, as server-sent events, or as a file in pieces.
Manner = Literal["whole", "events", "file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """A reply that is sent piece by piece.

    `error_event` and `garbage_event` are what the faults of those names send; the dialect's own
    where they are None.
    """

    make: Callable[[], Iterator[Event]]
    content_type: str = EVENT_STREAM
    error_event: Callable[[Refusal, str], bytes] | None = None
    garbage_event: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is answered when nothing goes wrong before it; `pieces` when it is no whole."""

    whole: Callable[[], bytes]
    usage: Usage = NO_USAGE
    content_type: str = JSON
    pieces: Pieces | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A checked request: the text that may carry directives, and how to make the reply.

    `reply` takes the faults and the text without directives. It raises `Refusal` for what cannot
    be done with these faults.
    """

    text: str
    reply: Callable[[Faults, str], Reply]
    manner: Manner = "whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An endpoint for POST; `faults` are those that change what is generated there.

    `model` is what the path names, where it names one.
    `parse` raises `Refusal` for what the provider refuses.
    """

    dialect: Dialect
    parse: Callable[[dict[str, Any]], Wanted]
    faults: frozenset[str] = frozenset()
    multipart: bool = False
    model: str = ""


def planned(
    ask: Ask,
    whole: Callable[[Ask, Answer], bytes],
    events: Callable[[Ask, Answer], Iterator[Event]],
) -> Wanted:
    """What is wanted where one answer is planned for one `Ask`."""

    def reply(faults: Faults, text: str) -> Reply:
        answer = plan(ask, faults, text)
        pieces = Pieces(make=lambda: events(ask, answer)) if ask.stream else None
        return Reply(whole=lambda: whole(ask, answer), usage=answer.usage, pieces=pieces)

    return Wanted(text=ask.text, reply=reply, manner="events" if ask.stream else "whole")
