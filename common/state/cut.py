"""Counters of one moment, beside what of the outbox belongs to it: for reconciliation.

While a cut is held, what leaves the outbox is kept a little longer (`delete_posted.lua`), so that
all records that were settled from then on, and those that waited, can be looked at.
"""

from collections.abc import Sequence

import msgspec

from common.domain.reconciliation import FIELDS, Counter, Drift, Seen
from common.state import locks
from common.state.commands import RedisCommands, Script
from common.state.outbox import CUT_LOCK, Outbox, OutboxEntry, cut_lock, posted_during_cut

HOLD_MS = 20_000
# Reading one takes Redis some 30 µs on a busy machine, and all others wait meanwhile.
LEASES_MAX = 1_000
ENTRIES_MAX = 20_000
_PAGE = 1_000
_encoder = msgspec.msgpack.Encoder()


class CutLost(Exception):
    """What was read belongs together no longer: another cut, a raised counter, a flushed Redis."""


class OutboxTooDeep(Exception):
    """More entries wait than may be looked at: they are to be posted first."""


class Cut(msgspec.Struct, frozen=True):
    """Counters by their keys, and the newest outbox id of that moment."""

    seen: dict[str, Seen]
    newest: tuple[int, int]

    def holds(self, outbox_id: str) -> bool:
        """Whether that entry was settled before the counters were read."""
        return place_of(outbox_id) <= self.newest


def place_of(outbox_id: str) -> tuple[int, int]:
    """An outbox id, to be compared."""
    milliseconds, _, number = outbox_id.partition("-")
    return int(milliseconds), int(number or 0)


async def hold(commands: RedisCommands, prefix: str, token: str) -> bool:
    """Begin a cut; false while another one is held."""
    return await locks.take(commands, prefix, CUT_LOCK, token, HOLD_MS)


async def keep(commands: RedisCommands, prefix: str, token: str) -> None:
    """Hold it for longer. Raises `CutLost`."""
    if not await locks.renew(commands, prefix, CUT_LOCK, token, HOLD_MS):
        raise CutLost


async def release(commands: RedisCommands, prefix: str, token: str) -> None:
    """End a cut, if the token still holds it."""
    if await locks.renew(commands, prefix, CUT_LOCK, token, HOLD_MS):
        await commands.call("DEL", posted_during_cut(prefix))
        await locks.free(commands, prefix, CUT_LOCK, token)


async def read(
    commands: RedisCommands, prefix: str, token: str, counters: Sequence[Counter]
) -> Cut:
    """The counters as they are now. Raises `CutLost`."""
    packed = _encoder.encode([counter.key for counter in counters])
    reply = await commands.script(
        Script.load("read_cut"), (f"{prefix}:epoch",), (prefix, 0, token, LEASES_MAX, packed)
    )
    if reply[0] == b"lost":
        raise CutLost
    _, newest, leases_read, *flat = reply
    seen = {}
    for number, counter in enumerate(counters):
        spent, second, tokens, held, held_tokens = flat[5 * number : 5 * number + 5]
        if not leases_read:
            held = held_tokens = None
        seen[counter.key] = Seen(spent, second, tokens, held, held_tokens)
    return Cut(seen, place_of(newest.decode()))


async def entries(commands: RedisCommands, prefix: str, token: str) -> list[OutboxEntry]:
    """What waits in the outbox, and what has left it since the cut is held.

    Raises `CutLost`, and `OutboxTooDeep` for more than `ENTRIES_MAX`.
    """
    outbox = Outbox(commands, prefix)
    found: dict[str, bytes] = {}
    after = "0"
    while page := await outbox.read(_PAGE, after):
        found |= {entry.outbox_id: entry.record for entry in page}
        after = page[-1].outbox_id
        if len(found) > ENTRIES_MAX:
            raise OutboxTooDeep
    # After the outbox: what left it in between is here.
    flat = await commands.call("HGETALL", posted_during_cut(prefix))
    for at in range(0, len(flat), 2):
        found[flat[at].decode()] = flat[at + 1]
    await keep(commands, prefix, token)
    return [OutboxEntry(outbox_id, record) for outbox_id, record in found.items()]


async def correct(commands: RedisCommands, prefix: str, token: str, drift: Drift) -> None:
    """Take a difference away. Raises `CutLost`, and then has changed nothing."""
    keys = (f"{prefix}:{drift.counter.key}", cut_lock(prefix))
    arguments = (token, FIELDS[drift.figure], -drift.difference, drift.counter.forget_ms)
    if not await commands.script(Script.load("correct_counter"), keys, arguments):
        raise CutLost
