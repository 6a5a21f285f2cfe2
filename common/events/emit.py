"""Events out: a bounded buffer, sent off the request's path, in batches, with a short timeout.

Losing an event here loses nothing: usage records stay in the outbox until the ledger has them, and
aggregation reads the outbox too. So a failed POST is counted, not repeated, and a full buffer drops
its oldest records. The sink is slow by nature: Knative's in-memory channel answers only when every
subscriber has answered, their cold starts and retries included.

Standard library and msgspec only, as this is on `relay`'s import path.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec

from common.domain.ids import ulid_time_ms
from common.events.headers import PREFIX, SPEC_VERSION, encode_value, overriding_extensions
from common.events.types import EVENT_DATA_BYTES_MAX, RECORDS_PER_EVENT_MAX, USAGE_RECORDED

Headers = list[tuple[str, str]]
Post = Callable[[str, Headers, bytes], Awaitable[int]]

_BATCH_HEAD = b'{"records":['
_BATCH_TAIL = b"]}"
_encoder = msgspec.json.Encoder()


class EmitterLimits(msgspec.Struct, frozen=True):
    """Every bound of an emitter."""

    records_per_event_max: int = RECORDS_PER_EVENT_MAX
    event_data_bytes_max: int = EVENT_DATA_BYTES_MAX
    # A record waits at most this long for others to share its event.
    delay_s_max: float = 0.5
    # With as many records waiting, the event goes at once.
    records_send_at: int = 100
    buffer_records_max: int = 20_000
    buffer_bytes_max: int = 32 * 1024 * 1024
    post_timeout_s: float = 5.0
    posts_open_max: int = 4


class EmitterCounts(msgspec.Struct):
    """What became of everything that was added, since the process began."""

    events_sent: int = 0
    records_sent: int = 0
    # No answer in time, no connection, or another status than 2xx.
    events_failed: int = 0
    records_failed: int = 0
    # Pushed out of the full buffer, or larger than an event may be.
    records_dropped: int = 0
    events_dropped: int = 0


class _Pending(msgspec.Struct, frozen=True):
    type: str
    data: bytes
    subject: str | None


class Emitter:
    """Sends to one sink. `add` and `send` never wait; `start` begins the sending.

    `post` is an async callable (address, headers, body) -> status; whatever it raises counts as a
    failure. `new_id` makes ULIDs; an event's time is its id's. `report(event, level=..., **fields)`
    is told of the first failure after a success, and of the first success after a failure.
    Raises `InvalidOverrides` when `ce_overrides` (K_CE_OVERRIDES) is not understood.
    """

    def __init__(
        self,
        sink_url: str,
        *,
        source: str,
        post: Post,
        new_id: Callable[[], str],
        ce_overrides: str = "",
        limits: EmitterLimits = EmitterLimits(),  # noqa: B008 - frozen
        report: Callable[..., None] | None = None,
    ) -> None:
        self.counts = EmitterCounts()
        self._sink_url = sink_url
        self._source = source
        self._post = post
        self._new_id = new_id
        self._extensions = overriding_extensions(ce_overrides)
        self._limits = limits
        self._report = report
        self._records: deque[bytes] = deque()
        self._records_bytes = 0
        self._events: deque[_Pending] = deque()
        self._posts: set[asyncio.Task[None]] = set()
        self._sender: asyncio.Task[None] | None = None
        self._something_waits = asyncio.Event()
        self._send_now = asyncio.Event()
        self._post_ended = asyncio.Event()
        self._flushing = 0
        self._failing = False

    @property
    def waiting(self) -> int:
        """How many records and events are in the buffer."""
        return len(self._records) + len(self._events)

    def start(self) -> None:
        """Begin to send; needs the running loop. A second call does nothing."""
        if self._sender is None:
            self._sender = asyncio.get_running_loop().create_task(self._run())

    def add(self, encoded: bytes) -> None:
        """Take a signed usage record as JSON (with `outbox_id` and `sig`) for `USAGE_RECORDED`."""
        if len(encoded) + len(_BATCH_HEAD) + len(_BATCH_TAIL) > self._limits.event_data_bytes_max:
            self.counts.records_dropped += 1
            return
        self._records.append(encoded)
        self._records_bytes += len(encoded)
        while (
            len(self._records) > self._limits.buffer_records_max
            or self._records_bytes > self._limits.buffer_bytes_max
        ):
            self._records_bytes -= len(self._records.popleft())
            self.counts.records_dropped += 1
        self._something_waits.set()
        if len(self._records) >= self._limits.records_send_at:
            self._send_now.set()

    def send(self, event_type: str, data: msgspec.Struct, subject: str | None = None) -> None:
        """Take an event of its own: a type and its struct of `common.events.types`."""
        encoded = _encoder.encode(data)
        if len(encoded) > self._limits.event_data_bytes_max:
            self.counts.events_dropped += 1
            return
        self._events.append(_Pending(event_type, encoded, subject))
        if len(self._events) > self._limits.buffer_records_max:
            self._events.popleft()
            self.counts.events_dropped += 1
        self._something_waits.set()

    async def flush(self, timeout_s: float) -> bool:
        """Send what waits, now; true when all of it was sent or failed within `timeout_s`."""
        if self._sender is None and not self.waiting:
            return True
        self.start()
        self._flushing += 1
        self._send_now.set()
        try:
            async with asyncio.timeout(timeout_s):
                while self.waiting or self._posts:
                    self._post_ended.clear()
                    await self._post_ended.wait()
        except TimeoutError:
            return False
        finally:
            self._flushing -= 1
        return True

    async def stop(self, timeout_s: float) -> None:
        """Flush for at most `timeout_s`, then give up what still waits (the outbox has it)."""
        flushed = await self.flush(timeout_s)
        tasks = {task for task in (self._sender, *self._posts) if task is not None}
        self._sender = None
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if not flushed:
            self._tell("events_unsent_at_stop", "warning", waiting=self.waiting)

    async def _run(self) -> None:
        """Wait for something, let it gather company, send; with a bound on open POSTs."""
        while True:
            await self._something_waits.wait()
            if not self._events and not self._flushing:
                await self._gather()
            while self.waiting:
                while len(self._posts) >= self._limits.posts_open_max:
                    await asyncio.wait(self._posts, return_when=asyncio.FIRST_COMPLETED)
                self._begin_post()
                # One pass sends what the wait was for; what came meanwhile gathers anew.
                if len(self._records) < self._limits.records_send_at and not self._hurried():
                    break
            if not self.waiting:
                self._something_waits.clear()
            self._send_now.clear()

    async def _gather(self) -> None:
        try:
            async with asyncio.timeout(self._limits.delay_s_max):
                await self._send_now.wait()
        except TimeoutError:
            return

    def _hurried(self) -> bool:
        return bool(self._events) or self._flushing > 0

    def _begin_post(self) -> None:
        if self._events:
            pending, count = self._events.popleft(), 0
        else:
            pending, count = self._take_batch()
        task = asyncio.get_running_loop().create_task(self._deliver(pending, count))
        self._posts.add(task)
        task.add_done_callback(self._ended)

    def _take_batch(self) -> tuple[_Pending, int]:
        batch: list[bytes] = []
        size = len(_BATCH_HEAD) + len(_BATCH_TAIL)
        while self._records and len(batch) < self._limits.records_per_event_max:
            size += len(self._records[0]) + (1 if batch else 0)
            if size > self._limits.event_data_bytes_max:
                break
            record = self._records.popleft()
            self._records_bytes -= len(record)
            batch.append(record)
        data = _BATCH_HEAD + b",".join(batch) + _BATCH_TAIL
        return _Pending(USAGE_RECORDED, data, None), len(batch)

    async def _deliver(self, pending: _Pending, count: int) -> None:
        reason = ""
        try:
            async with asyncio.timeout(self._limits.post_timeout_s):
                status = await self._post(self._sink_url, self._headers(pending), pending.data)
            if not 200 <= status < 300:
                reason = f"the sink answered {status}"
        except asyncio.CancelledError:
            self._count(count, sent=False)
            raise
        except TimeoutError:
            reason = f"no answer within {self._limits.post_timeout_s} s"
        except Exception as error:  # noqa: BLE001 - whatever broke, the outbox has the records
            reason = str(error) or type(error).__name__
        self._count(count, sent=not reason)
        if reason and not self._failing:
            self._tell("events_failing", "warning", sink=self._sink_url, reason=reason)
        elif not reason and self._failing:
            self._tell("events_flowing_again", "info", sink=self._sink_url)
        self._failing = bool(reason)

    def _headers(self, pending: _Pending) -> Headers:
        """Binary mode (CloudEvents 1.0, HTTP binding, section 3.1): attributes are headers."""
        identifier = self._new_id()
        attributes = {
            "specversion": SPEC_VERSION,
            "id": identifier,
            "source": self._source,
            "type": pending.type,
            "time": _rfc3339(ulid_time_ms(identifier)),
            **({"subject": pending.subject} if pending.subject else {}),
            **self._extensions,
        }
        headers = [(PREFIX + name, encode_value(value)) for name, value in attributes.items()]
        headers.append(("content-type", "application/json"))
        return headers

    def _count(self, records: int, *, sent: bool) -> None:
        if sent:
            self.counts.events_sent += 1
            self.counts.records_sent += records
        else:
            self.counts.events_failed += 1
            self.counts.records_failed += records

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._posts.discard(task)
        self._post_ended.set()

    def _tell(self, event: str, level: str, **fields: object) -> None:
        if self._report is not None:
            self._report(event, level=level, **fields, **msgspec.structs.asdict(self.counts))


def _rfc3339(time_ms: int) -> str:
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
