"""The last events that the broker took, and what became of each: for `relayctl events`."""

from typing import Any, Literal

import msgspec

from cli.dev.broker_event import BrokerEvent

EVENTS_MAX = 1_000
BYTES_MAX = 32 * 1024 * 1024


class DeliveryState(msgspec.Struct):
    """One delivery to one Trigger's subscriber. `status` is that of the last attempt."""

    trigger: str
    state: Literal["waiting", "delivered", "dead", "dropped"] = "waiting"
    attempts: int = 0
    status: int | None = None


class SeenEvent(msgspec.Struct):
    """An accepted event and its deliveries. `received_at` is RFC 3339."""

    received_at: str
    event: BrokerEvent
    deliveries: list[DeliveryState] = []

    def summary(self) -> dict[str, Any]:
        """What a list shows."""
        attributes = self.event.attributes
        return {
            "received_at": self.received_at,
            "id": self.event.id,
            "type": self.event.type,
            "source": attributes["source"],
            "subject": attributes.get("subject"),
            "bytes": len(self.event.body),
            "deliveries": msgspec.to_builtins(self.deliveries),
        }

    def full(self) -> dict[str, Any]:
        """The same with the event in JSON format."""
        return {**self.summary(), "event": self.event.to_object()}


class History:
    """The newest events, bounded in number and in bytes of data."""

    def __init__(self, events_max: int = EVENTS_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._events_max = events_max
        self._bytes_max = bytes_max
        # By a running number: event ids are unique only together with their source.
        self._seen: dict[int, SeenEvent] = {}
        self._next = 0
        self._bytes = 0

    def add(self, event: BrokerEvent, received_at: str) -> SeenEvent:
        """Remember an event; the caller fills in the deliveries."""
        seen = SeenEvent(received_at, event)
        self._seen[self._next] = seen
        self._next += 1
        self._bytes += len(event.body)
        while len(self._seen) > self._events_max or self._bytes > self._bytes_max:
            oldest = self._seen.pop(next(iter(self._seen)))
            self._bytes -= len(oldest.event.body)
        return seen

    def newest(self, limit: int, event_type: str | None = None) -> list[SeenEvent]:
        """At most so many, the newest first, of one type or of all."""
        chosen = [
            seen
            for seen in reversed(self._seen.values())
            if event_type is None or seen.event.type == event_type
        ]
        return chosen[:limit]

    def with_id(self, event_id: str) -> list[SeenEvent]:
        """All events of that id, the newest first."""
        return [seen for seen in reversed(self._seen.values()) if seen.event.id == event_id]
