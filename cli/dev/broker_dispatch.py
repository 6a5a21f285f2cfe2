"""Fan-out and delivery, as Knative's multi-tenant channel broker does them.

Every Trigger whose filter matches gets the event by HTTP in binary mode; what fails is repeated as
its delivery says, then it is a dead letter: kept here, and sent to the Trigger's sink. A reply that
is an event goes through the broker again; any other body is a failure even with a 2xx
(knative/eventing pkg/broker/filter, `writeResponse`).
The queue is in memory and lost with the process, as the default channel's is, but for what is
under way when it is told to end.
"""

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime

import httpx
import msgspec

from cli.dev.broker_dead_letters import DeadLetter, DeadLetters
from cli.dev.broker_event import (
    ERROR_EXTENSIONS,
    BrokerEvent,
    error_extensions,
    from_object,
    from_request,
)
from cli.dev.broker_faults import Faults
from cli.dev.broker_history import DeliveryState, History
from cli.dev.delivery import (
    STATUS_NO_ANSWER,
    STATUS_NO_EVENT,
    Delivery,
    is_delivered,
    is_retried,
)
from cli.dev.manifests import Trigger
from common.events.headers import STRUCTURED_MEDIA_TYPE
from common.events.receive import MalformedEvent
from common.identifiers import new_ulid
from common.telemetry import logs

REPLY_BYTES_MAX = 1024 * 1024
_CONNECT_TIMEOUT_S = 5.0
# Less than `relayctl dev` gives the broker to end.
DRAIN_S_MAX = 5.0
_random = random.SystemRandom()


class DispatchLimits(msgspec.Struct, frozen=True):
    """Bounds of the queue: deliveries that wait or are under way, their data, open requests."""

    deliveries_max: int = 10_000
    bytes_max: int = 256 * 1024 * 1024
    open_max: int = 64


class DispatchCounts(msgspec.Struct):
    """Since the process began. `attempts_failed` counts every failed POST."""

    accepted: int = 0
    unmatched: int = 0
    delivered: int = 0
    attempts_failed: int = 0
    dead: int = 0
    dropped: int = 0
    replies: int = 0


class _Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes
    reply: BrokerEvent | None = None


class Dispatcher:
    """Takes events and sees them through. `addresses`: Knative Service name → base URL."""

    def __init__(
        self,
        triggers: tuple[Trigger, ...],
        addresses: Mapping[str, str],
        dead_letters: DeadLetters,
        limits: DispatchLimits = DispatchLimits(),  # noqa: B008 - frozen
    ) -> None:
        self.faults = Faults()
        self.counts = DispatchCounts()
        self.history = History()
        self.dead_letters = dead_letters
        self._triggers = {trigger.name: trigger for trigger in triggers}
        self._addresses = addresses
        self._limits = limits
        self._deliveries: dict[asyncio.Task[None], DeliveryState] = {}
        self._stopping = asyncio.Event()
        self._bytes = 0
        self._given_up = 0
        self._open = asyncio.Semaphore(limits.open_max)
        # No proxy from the environment: subscribers are on this machine.
        self._client = httpx.AsyncClient(
            trust_env=False,
            timeout=httpx.Timeout(None, connect=_CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=limits.open_max),
        )

    @property
    def depth(self) -> int:
        """Deliveries that wait or are under way."""
        return len(self._deliveries)

    def accept(self, event: BrokerEvent) -> bool:
        """Queue an event for every Trigger that matches; false when the queue is full."""
        matching = [
            trigger for trigger in self._triggers.values() if trigger.matches(_filtered(event))
        ]
        # For all or for none: half a fan-out could not be repeated without duplicates.
        if not self._has_room(len(matching) * self.faults.duplicate, len(event.body)):
            return False
        self.counts.accepted += 1
        self.counts.unmatched += not matching
        now = _now()
        seen = self.history.add(event, now)
        for trigger in matching:
            for _ in range(self.faults.duplicate):
                seen.deliveries.append(state := DeliveryState(trigger.name))
                self._begin(trigger, event.arrived(now), state)
        return True

    def retry(self, letter_ids: list[str] | None) -> list[DeadLetter]:
        """Deliver dead letters again, each to its own Trigger's subscriber; None means all.

        Those whose Trigger is gone stay. What fails again comes back as a new letter; a broker
        that is killed before loses it, as it loses all that is queued.
        """
        chosen = [
            letter.id
            for letter in self.dead_letters.newest(len(self.dead_letters))
            if letter.trigger in self._triggers and (letter_ids is None or letter.id in letter_ids)
        ]
        taken = self.dead_letters.take(chosen)
        for letter in taken:
            event, now = from_object(letter.event), _now()
            seen = self.history.add(event, now)
            seen.deliveries.append(state := DeliveryState(letter.trigger))
            self._begin(self._triggers[letter.trigger], event.arrived(now), state)
        return taken

    async def stop(self, drain_s: float = DRAIN_S_MAX) -> None:
        """Let what is under way arrive, for so long; what would be repeated later is given up.

        Relay loses nothing by that: the outbox has the records, a later tick does the task.
        """
        self._stopping.set()
        if self._deliveries:
            await asyncio.wait(set(self._deliveries), timeout=drain_s)
        left = {task: state for task, state in self._deliveries.items() if not task.done()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(set(left))
        await self._client.aclose()
        self._given_up += sum(state.state == "waiting" for state in left.values())
        if self._given_up:
            logs.log(
                "broker_queue_left",
                deliveries=self._given_up,
                note="the outbox has their usage records, and the next tick comes",
            )

    def _has_room(self, deliveries: int, size: int) -> bool:
        return (
            self.depth + deliveries <= self._limits.deliveries_max
            and self._bytes + deliveries * size <= self._limits.bytes_max
        )

    def _begin(self, trigger: Trigger, event: BrokerEvent, state: DeliveryState) -> None:
        if self.faults.drop and _random.random() < self.faults.drop:
            self.counts.dropped += 1
            state.state = "dropped"
            return
        task = asyncio.get_running_loop().create_task(self._see_through(trigger, event, state))
        self._deliveries[task] = state
        self._bytes += len(event.body)

        def ended(_: asyncio.Task[None]) -> None:
            self._deliveries.pop(task, None)
            self._bytes -= len(event.body)
            if not task.cancelled() and (error := task.exception()) is not None:
                logs.log("delivery_broke", level="error", id=event.id, error=repr(error))

        task.add_done_callback(ended)

    async def _see_through(
        self, trigger: Trigger, event: BrokerEvent, state: DeliveryState
    ) -> None:
        if self.faults.shuffle_ms:
            await asyncio.sleep(_random.uniform(0, self.faults.shuffle_ms / 1000))
        destination = self._addresses[trigger.subscriber.service] + trigger.subscriber.path
        answer = await self._deliver(destination, event, trigger.delivery, state)
        if answer is None:
            self._given_up += 1
            return
        if not is_delivered(answer.status):
            letter = self._bury(trigger, event, state, destination, answer)
            await self._hand_on(letter, event, trigger.delivery)
            return
        self.counts.delivered += 1
        state.state = "delivered"
        self.dead_letters.settle(trigger.name, event.attributes)
        if answer.reply is not None:
            self._take_reply(answer.reply, event)

    async def _deliver(
        self, destination: str, event: BrokerEvent, delivery: Delivery, state: DeliveryState
    ) -> _Answer | None:
        """The last answer: of the first success, or of the failure that is not repeated.

        None when the broker's end keeps it from being repeated.
        """
        while True:
            async with self._open:
                answer = await self._attempt(destination, event, delivery.timeout_s)
            state.attempts += 1
            state.status = answer.status
            if is_delivered(answer.status):
                return answer
            self.counts.attempts_failed += 1
            if not is_retried(answer.status) or state.attempts >= delivery.attempts:
                return answer
            if await self._stops_within(delivery.backoff_s(state.attempts)):
                return None

    async def _stops_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _hand_on(self, letter: DeadLetter, event: BrokerEvent, delivery: Delivery) -> None:
        """To the dead letter sink, with the same retries (knative/eventing event_dispatcher.go).

        What the sink does not take stays in the file alone, and the log says so.
        """
        if delivery.dead_letter_service is None:
            return
        error = {name: str(letter.event[name]) for name in ERROR_EXTENSIONS}
        dead = msgspec.structs.replace(event, attributes={**event.attributes, **error})
        sink = self._addresses[delivery.dead_letter_service] + delivery.dead_letter_path
        answer = await self._deliver(sink, dead, delivery, DeliveryState(letter.trigger))
        if answer is not None and not is_delivered(answer.status):
            logs.log(
                "dead_letter_sink_failed",
                level="warning",
                dead_letter=letter.id,
                sink=sink,
                status=answer.status,
            )

    async def _attempt(self, destination: str, event: BrokerEvent, timeout_s: float) -> _Answer:
        # Knative data plane specification, section "Derived (reply) events".
        headers = {**event.headers(), "prefer": "reply"}
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._client.stream(
                    "POST", destination, headers=headers, content=event.body
                ) as response,
            ):
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > REPLY_BYTES_MAX:
                        return _Answer(STATUS_NO_EVENT, bytes(body[:REPLY_BYTES_MAX]))
                return _read_answer(response, bytes(body))
        except TimeoutError:
            said = f"dispatch error: no answer within {timeout_s} s"
        except httpx.HTTPError as error:
            said = f"dispatch error: {error or type(error).__name__}"
        return _Answer(STATUS_NO_ANSWER, said.encode())

    def _take_reply(self, reply: BrokerEvent, event: BrokerEvent) -> None:
        if event.ttl <= 1:
            logs.log("broker_reply_loop", level="warning", type=reply.type, id=reply.id)
            return
        self.counts.replies += 1
        if not self.accept(msgspec.structs.replace(reply, ttl=event.ttl - 1)):
            logs.log("broker_queue_full", level="warning", type=reply.type, id=reply.id)

    def _bury(
        self,
        trigger: Trigger,
        event: BrokerEvent,
        state: DeliveryState,
        destination: str,
        answer: _Answer,
    ) -> DeadLetter:
        self.counts.dead += 1
        state.state = "dead"
        error = error_extensions(destination, answer.status, answer.body)
        letter = DeadLetter(
            id=new_ulid(),
            dead_at=_now(),
            trigger=trigger.name,
            attempts=state.attempts,
            event={**event.to_object(), **error},
        )
        self.dead_letters.add(letter)
        logs.log(
            "dead_letter",
            level="warning",
            dead_letter=letter.id,
            trigger=trigger.name,
            type=event.type,
            id=event.id,
            status=answer.status,
            attempts=state.attempts,
        )
        return letter


def _read_answer(response: httpx.Response, body: bytes) -> _Answer:
    status = response.status_code
    if not is_delivered(status):
        return _Answer(status, body)
    media_type = response.headers.get("content-type", "").lower()
    if "ce-specversion" in response.headers or media_type.startswith(STRUCTURED_MEDIA_TYPE):
        try:
            return _Answer(status, body, from_request(response.headers, body))
        except MalformedEvent as error:
            return _Answer(STATUS_NO_EVENT, str(error).encode())
    return _Answer(STATUS_NO_EVENT if body else status, body)


def _filtered(event: BrokerEvent) -> dict[str, str]:
    if event.content_type is None:
        return event.attributes
    return {**event.attributes, "datacontenttype": event.content_type}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
