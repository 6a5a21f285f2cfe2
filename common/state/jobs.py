"""Open jobs: which requests go on at their providers, and when each is to be looked at.

They are kept beside the leases that hold what they reserve (`entrust.lua`), by request id.
"""

from typing import Literal

import msgspec

from common.domain.admission import Draft
from common.domain.jobs import LATE_MS_MAX, Job, next_look_ms
from common.state.commands import RedisCommands, Script

Entrusted = Literal["entrusted", "late", "gone"]
_decoder = msgspec.json.Decoder(Job)


class Jobs:
    """Keeps and finds them. All raise `RedisUnavailable`; times are ms since 1970."""

    def __init__(self, commands: RedisCommands, prefix: str, now_ms: int = 0) -> None:
        self._commands = commands
        self._prefix = prefix
        self._now_ms = now_ms

    async def entrust(self, job: Job, draft: Draft, first_look_ms: int) -> Entrusted:
        """Keep a job, and its reservation until its deadline. May be repeated."""
        answer: bytes = await self._commands.script(
            Script.load("entrust"),
            (f"{self._prefix}:epoch",),
            (
                self._prefix,
                self._now_ms,
                job.request_id,
                msgspec.json.encode(job),
                job.deadline_ms,
                first_look_ms,
                draft.record,
                draft.tokens,
                draft.nano,
            ),
        )
        if answer == b"gone":
            return "gone"
        return "late" if answer == b"late" else "entrusted"

    async def find(self, request_id: str) -> Job | None:
        """The open job of that request; None once it is settled."""
        value = await self._commands.call("HGET", f"{self._prefix}:jobs", request_id)
        return None if value is None else _decoder.decode(value)

    async def due(self, now_ms: int, limit: int, after: int = 0) -> list[Job]:
        """At most so many jobs that are to be looked at, the longest overdue first.

        The first `after` of them are left out.
        """
        ids = await self._commands.call(
            "ZRANGEBYSCORE", f"{self._prefix}:jobs-due", "-inf", now_ms, "LIMIT", after, limit
        )
        if not ids:
            return []
        values = await self._commands.call("HMGET", f"{self._prefix}:jobs", *ids)
        return [_decoder.decode(value) for value in values if value is not None]

    async def count(self) -> int:
        """How many jobs are open."""
        return int(await self._commands.call("HLEN", f"{self._prefix}:jobs"))

    async def postpone(self, job: Job, now_ms: int) -> None:
        """It goes on: look again later. One that is over for good is forgotten."""
        if now_ms > job.deadline_ms + LATE_MS_MAX:
            await self.forget(job.request_id)
            return
        due = f"{self._prefix}:jobs-due"
        at_ms = now_ms + next_look_ms(job, now_ms)
        await self._commands.call("ZADD", due, "XX", at_ms, job.request_id)

    async def forget(self, request_id: str) -> None:
        """It is settled, or was no job."""
        # In this order: what is due has its job, unless it is being forgotten at this moment.
        await self._commands.call("ZREM", f"{self._prefix}:jobs-due", request_id)
        await self._commands.call("HDEL", f"{self._prefix}:jobs", request_id)
