"""Replies to calls with an `Idempotency-Key`, so that a repeated call makes nothing twice."""

import hashlib

import msgspec

from common.store.database import Connection, query

KEPT_MINUTES = 15
WIPED_AT_ONCE = 5_000


class KeptReply(msgspec.Struct, frozen=True):
    """What was answered. `body` is encrypted, and None once its time is over."""

    request_digest: bytes
    subject_id: str
    status: int
    body: bytes | None


def token_of(scope: str, idempotency_key: str) -> str:
    """What stands for a key in the table: its hash, bound to the route it was sent to."""
    return hashlib.sha256(f"{scope}\0{idempotency_key}".encode()).hexdigest()


async def find(connection: Connection, token: str) -> KeptReply | None:
    """The reply of an earlier call; a call at this moment is waited for."""
    # Two calls at once: the second waits here until the first has committed.
    await connection.execute(query("lock_token"), [token])
    cursor = await connection.execute(query("find_reply"), [KEPT_MINUTES, token])
    row = await cursor.fetchone()
    return None if row is None else KeptReply(**row)


async def keep(connection: Connection, token: str, reply: KeptReply) -> None:
    """Keep a reply in the transaction that made what it speaks of."""
    values = [token, reply.request_digest, reply.subject_id, reply.status, reply.body]
    await connection.execute(query("keep_reply"), values)


async def wipe_old(connection: Connection, limit: int = WIPED_AT_ONCE) -> int:
    """Remove at most `limit` bodies whose time is over; returns how many."""
    cursor = await connection.execute(query("wipe_replies"), [KEPT_MINUTES, limit])
    return cursor.rowcount


async def count_old(connection: Connection) -> int:
    """How many bodies there are whose time is over."""
    row = await (await connection.execute(query("count_replies"), [KEPT_MINUTES])).fetchone()
    return int(row["count"]) if row is not None else 0
