"""A key with limits in a real Redis, for tests of admission: its connection, clock, candidates."""

import msgspec

from common.domain.admission import (
    Candidate,
)
from common.domain.keys import KeyRecord, hash_key
from common.domain.limits import money_key
from common.domain.periods import Calendar, span_of
from common.domain.policies import (
    key_scope,
    team_scope,
    user_scope,
)
from common.domain.reservation import Charge
from common.state.admission import Admission, Snapshot
from common.state.connection import MultiplexedConnection
from common.state.projection import put_key, set_epoch

PREFIX = "{relay}"
KEY_HASH = hash_key("cr_test")
KEY_ID = "01ARYZ6S41TSV4RRFFQ69G5FAV"
TEAM_ID = "01ARYZ6S41TSV4RRFFQ69G5FAW"
RECORD = KeyRecord(id=KEY_ID, user_id="alice", team_id=TEAM_ID, version=7)
START_MS = 1_795_600_000_000
KEY, USER, TEAM = key_scope(KEY_ID), user_scope("alice"), team_scope(TEAM_ID)


class World:
    """A connection, a projected key, and a clock that the test moves."""

    def __init__(self, url: str) -> None:
        self.commands = MultiplexedConnection.from_url(url)
        self.now_ms = START_MS

    @property
    def admission(self) -> Admission:
        return Admission(self.commands, PREFIX, self.now_ms)

    async def prepare(self) -> None:
        # In a Cluster the connection is then with the node that has all keys.
        await self.commands.call("DEL", f"{PREFIX}:epoch")
        await self.commands.call("FLUSHALL")
        await put_key(self.commands, PREFIX, KEY_HASH, RECORD, "active", None)
        await set_epoch(self.commands, PREFIX, "01EPOCH")

    async def admit(self, request_id, rules, *candidates, tokens=1, versions="7 0 0 0 0 0"):
        return await self.admission.admit(
            request_id,
            Snapshot(KEY_HASH, versions, 0),
            candidates or (candidate(),),
            address="1.2.3.4",
            tokens=tokens,
            rules=rules.packed,
        )

    async def hash(self, key: str) -> dict[str, int]:
        flat = await self.commands.call("HGETALL", f"{PREFIX}:{key}")
        return {flat[i].decode(): int(flat[i + 1]) for i in range(0, len(flat), 2)}

    async def everything(self) -> dict[bytes, bytes]:
        """All of Redis, to be compared."""
        keys = sorted(await self.commands.call("KEYS", "*"))
        return {key: await self.commands.call("DUMP", key) for key in keys}


def candidate(
    input_nano=0, output_nano=0, wanted=-1, least=0, *, account="a", draft=(0, 0), rules=b"", most=0
):
    charge = Charge(input_nano, output_nano, wanted, least, *draft)
    return Candidate(account, most, b"draft", msgspec.msgpack.encode(charge), rules)


def money(period="total", scope=KEY):
    return money_key(scope, span_of(period, START_MS, Calendar()).id)
