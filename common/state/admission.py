"""Admission: `admit`, `verify`, `move`, `settle`, `adjust`, `renew` and `expire` as Lua calls.

Each is one round trip and idempotent by request id; the scripts' headers say what they
promise. All keys carry one hash tag, so that a single call sees key, account and lease together.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from common.domain.account_health import Rest
from common.domain.admission import (
    NO_USE,
    AdmitAnswer,
    Admitted,
    Candidate,
    Denied,
    Draft,
    Gone,
    KeyRefused,
    KeyUnknown,
    MinuteWindow,
    MoveAnswer,
    Moved,
    Rebuilding,
    SettleAnswer,
    Settled,
    SettledLate,
    Skipped,
    Stale,
    Use,
    VerifyAnswer,
    Waiting,
)
from common.domain.forwarded import counted_as
from common.state.commands import RedisCommands, RedisReplyError, RedisUnavailable, Script

LEASE_MS = 30_000
RENEW_EVERY_MS = 10_000
WAITS_NO_MORE = -1
# One renew call stays well below a millisecond of server time.
RENEW_BATCH = 200


class Snapshot(msgspec.Struct, frozen=True):
    """Which versions of the projection the relay's route was made from.

    `versions` are those of the key and the policies that apply, as `admit` compares them; empty:
    none yet.
    """

    key_hash: str
    versions: str
    accounts_version: int


class Admission:
    """The scripts, bound to a connection and a key prefix such as `{relay}`."""

    def __init__(self, commands: RedisCommands, prefix: str, now_ms: int = 0) -> None:
        self._commands = commands
        self._prefix = prefix
        self._now_ms = now_ms
        self._keys = (f"{prefix}:epoch",)

    async def admit(
        self,
        request_id: str,
        snapshot: Snapshot,
        candidates: Sequence[Candidate],
        *,
        address: str,
        tokens: int = 0,
        rules: bytes = b"",
        waits_since_ms: int = 0,
    ) -> AdmitAnswer:
        """Open a lease on the best candidate with room, within all rules or not at all.

        `tokens` is the estimate that limits of tokens count until settle; `rules` are packed.
        `waits_since_ms` is what `Waiting` said, or `WAITS_NO_MORE`.
        Raises `RedisUnavailable`.
        """
        reply = await self._run(
            "admit",
            request_id,
            snapshot.key_hash,
            snapshot.versions,
            snapshot.accounts_version,
            LEASE_MS,
            counted_as(address),
            tokens,
            rules,
            waits_since_ms,
            *_flat(candidates),
        )
        match reply:
            case [b"admitted", index, cap, minutes, probe]:
                return Admitted(int(index), _cap(cap), _minutes(minutes), bool(probe))
            case [b"waiting", place, since_ms]:
                return Waiting(int(place), int(since_ms))
            case [b"denied", reason, retry_after_ms, index, remaining, reset_ms, minutes]:
                return Denied(
                    reason.decode(), retry_after_ms, index, remaining, reset_ms, _minutes(minutes)
                )
            case _:
                return _key_answer(reply)

    async def leave_queues(self, request_id: str, rules: bytes) -> None:
        """Give up the request's places among those who wait. Raises `RedisUnavailable`."""
        await self._run("leave_queues", request_id, rules)

    async def verify(self, key_hash: str, *, address: str) -> VerifyAnswer:
        """The key's current records without a lease. Raises `RedisUnavailable`."""
        return _key_answer(await self._run("verify", key_hash, counted_as(address)))

    async def move(
        self,
        request_id: str,
        attempt: int,
        candidates: Sequence[Candidate],
        *,
        rest: Rest | None = None,
    ) -> MoveAnswer:
        """Leave the failed account, which rests, for the next one. Raises `RedisUnavailable`."""
        reply = await self._run(
            "move", request_id, attempt, LEASE_MS, _words(rest), *_flat(candidates)
        )
        match reply:
            case [b"moved", index, cap, probe]:
                return Moved(int(index), _cap(cap), bool(probe))
            case [b"denied", reason, retry_after_ms]:
                return Denied(reason.decode(), int(retry_after_ms))
            case [b"gone"]:
                return Gone()
            case _:
                raise _unexpected("move", reply)

    async def settle(
        self,
        request_id: str,
        record: bytes,
        *,
        use: Use = NO_USE,
        rules: bytes = b"",
        append_unleased: bool = True,
        failed: tuple[str, Rest | None] = ("", None),
    ) -> SettleAnswer:
        """Close the lease and append the record. Raises `RedisUnavailable`; may be repeated.

        `use` takes the place of what was reserved; `rules` are for a request whose lease is lost.
        `failed` is the account of a last attempt that failed, and how it rests.
        """
        unleased = "append" if append_unleased else "skip"
        reply = await self._run(
            "settle", request_id, record, unleased, failed[0], _words(failed[1]),
            use.tokens, use.nano, rules,
        )  # fmt: skip
        match reply:
            case [b"expired", draft]:
                return SettledLate(draft)
            case _:
                return _posted("settle", reply)

    async def adjust(
        self, request_id: str, adjustment: bytes, *, use: Use = NO_USE
    ) -> SettleAnswer:
        """Post the difference to an expired lease's draft. Raises `RedisUnavailable`.

        `use` is what the request used in all.
        """
        reply = await self._run("adjust", request_id, adjustment, use.tokens, use.nano)
        return _posted("adjust", reply)

    async def correct(
        self, adjustment_id: str, adjustment: bytes, *, rules: bytes, at_ms: int, nano: int
    ) -> str:
        """Post an adjustment of a request of the past; its outbox id. Raises `RedisUnavailable`.

        `rules` are those of periods that go on, `nano` the difference that they count.
        """
        reply = await self._run("correct", adjustment_id, adjustment, rules, at_ms, nano)
        outbox_id: bytes = reply[1]
        return outbox_id.decode()

    async def read_rules(self, rules: bytes) -> list[tuple[int, int]]:
        """What each rule has counted, and of money what is reserved. Raises `RedisUnavailable`."""
        flat = await self._run("read_rules", rules)
        return list(zip(flat[::2], flat[1::2], strict=True))

    async def renew(self, drafts: Mapping[str, Draft]) -> list[str]:
        """Renew the leases of these requests; returns the ids that have none any more."""
        lost: list[str] = []
        items = list(drafts.items())
        for start in range(0, len(items), RENEW_BATCH):
            batch: list[str | bytes | int] = []
            for request_id, draft in items[start : start + RENEW_BATCH]:
                batch += (request_id, draft.record, draft.tokens, draft.nano)
            reply = await self._run("renew", LEASE_MS, *batch)
            lost.extend(gone.decode() for gone in reply)
        return lost

    async def expire(self, limit: int) -> int:
        """Turn at most `limit` leases that are over into interrupted records; returns how many."""
        return int(await self._run("expire", limit))

    async def open_leases(self) -> int:
        """How many requests are open."""
        return int(await self._commands.call("ZCARD", f"{self._prefix}:leases"))

    async def _run(self, name: str, *arguments: str | bytes | int) -> Any:
        script = Script.load(name)
        values = (self._prefix, self._now_ms, *arguments)
        try:
            return await self._commands.script(script, self._keys, values)
        except RedisUnavailable as error:
            if not error.sent:
                raise
            # The connection broke in mid-call: the scripts give their first answer again.
            return await self._again(script, values)

    async def _again(self, script: Script, values: Sequence[str | bytes | int]) -> Any:
        """The first call may have been executed, whatever becomes of this one."""
        try:
            return await self._commands.script(script, self._keys, values)
        except RedisUnavailable as error:
            raise RedisUnavailable(error.reason, sent=True) from error


def _flat(candidates: Sequence[Candidate]) -> list[str | bytes | int]:
    arguments: list[str | bytes | int] = [len(candidates)]
    for candidate in candidates:
        arguments += (candidate.account_id, candidate.max_concurrency, candidate.draft)
        arguments += (candidate.charge, candidate.rules, candidate.tier, candidate.weight)
    return arguments


def _key_answer(reply: Any) -> VerifyAnswer:
    match reply:
        case [b"stale" | b"current", versions, key, accounts_version, accounts, *policies]:
            organisation, team, user = policies
            return Stale(
                versions.decode(), key, int(accounts_version), accounts, (organisation, team, user)
            )
        case [b"refused", status]:
            return KeyRefused(status.decode())
        case [b"unknown", failures]:
            return KeyUnknown(int(failures))
        case [b"rebuilding"]:
            return Rebuilding()
        case _:
            raise _unexpected("admit or verify", reply)


def _words(rest: Rest | None) -> str:
    return "" if rest is None else str(rest)


def _cap(reply: int) -> int | None:
    return None if reply < 0 else reply


def _minutes(flat: Sequence[int]) -> tuple[MinuteWindow, ...]:
    return tuple(MinuteWindow(*flat[at : at + 3]) for at in range(0, len(flat), 3))


def _posted(name: str, reply: Any) -> Settled | Skipped:
    match reply:
        case [b"settled" | b"unleased" | b"adjusted", outbox_id]:
            return Settled(outbox_id.decode(), first=True)
        case [b"repeated", outbox_id]:
            return Settled(outbox_id.decode(), first=False)
        case [b"skipped"]:
            return Skipped()
        case _:
            raise _unexpected(name, reply)


def _unexpected(name: str, reply: object) -> RedisReplyError:
    return RedisReplyError(f"script {name} answered {str(reply)[:120]}")
