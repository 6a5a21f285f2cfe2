"""Keys with budgets in both stores, requests that use them, and the way of usage to the ledger."""

import random
from datetime import datetime
from typing import Any

import msgspec

from common.domain.accounts import AccountRecord
from common.domain.admission import Admitted, Candidate, Use
from common.domain.ids import ulid_time_ms
from common.domain.keys import KeyRecord, hash_key
from common.domain.limits import compile_rules
from common.domain.money import nano_ceiling, pico_from_usd, usd_text
from common.domain.policies import Applied, Policy, account_scope, key_scope
from common.domain.reservation import Charge
from common.domain.usage import Tokens, UsageRecord, encode
from common.identifiers import new_ulid
from common.posting import drain
from common.projection import project_all
from common.state.admission import Admission, Snapshot
from common.state.client import RedisPyCommands
from common.state.outbox import Outbox
from common.state.projection import set_epoch
from common.store import accounts, keys
from common.store.database import Database
from tests.support.usage_records import make_record, ulid_at

PREFIX = "{relay}"
RESERVED_NANO = 5_000_000


async def hold_nothing() -> None:
    """A test projects alone."""


class Books:
    """Both stores, and what a relay and an aggregation do with them."""

    def __init__(self, database: Database, redis_url: str) -> None:
        self.database = database
        self.commands = RedisPyCommands.from_url(redis_url)
        self.outbox = Outbox(self.commands, PREFIX)
        self.stores = (database, self.commands, PREFIX)
        self.chance = random.Random(6)

    async def key(self, policy: Policy) -> Applied:
        """A key of that policy, projected."""
        record = KeyRecord(id=new_ulid(), user_id="alice", policy=policy)
        async with self.database.transaction() as connection:
            await keys.create(connection, record, None, hash_key(record.id), "cr_12345678")
        await project_all(*self.stores, hold_nothing)
        await set_epoch(self.commands, PREFIX, "01EPOCH")
        return Applied("key", key_scope(record.id), policy)

    async def account(self, policy: Policy) -> Applied:
        """An account of that policy; requests that are told of it count on it."""
        record = AccountRecord(
            new_ulid(), new_ulid(), "openai", "http://localhost:1", policy=policy
        )
        async with self.database.transaction() as connection:
            await accounts.create(connection, record)
        await project_all(*self.stores, hold_nothing)
        return Applied("account", account_scope(record.id), policy)

    def record(self, applied: Applied, at: datetime | None = None, **changes: Any) -> UsageRecord:
        """What a request of the key will have used, to fractions of a nano-USD."""
        from uuid import UUID

        from common.domain.ids import uuid_to_ulid

        members = {
            "id": new_ulid() if at is None else ulid_at(at),
            "key_id": uuid_to_ulid(UUID(applied.scope.partition(":")[2])),
            "cost_usd": usd_text(self.chance.randint(1, 4_000_000_000)),
            "tokens": Tokens(input=self.chance.randint(1, 99), output=self.chance.randint(1, 99)),
        }
        return make_record(**(members | changes))

    async def admit(
        self,
        applied: Applied,
        record: UsageRecord,
        *,
        account: Applied | None = None,
        now_ms: int = 0,
    ) -> bytes:
        """Open its lease; returns the packed rules. `now_ms` 0 is now."""
        rules = compile_rules([applied], ulid_time_ms(record.id)).packed
        own = b"" if account is None else compile_rules([account], ulid_time_ms(record.id)).packed
        cost = pico_from_usd(record.cost_usd)
        draft = msgspec.structs.replace(
            record, status="interrupted", cost_usd=usd_text(cost // 2), tokens=Tokens(input=1)
        )
        charge = Charge(RESERVED_NANO, 0, -1, 0, 1, nano_ceiling(cost // 2))
        charge_packed = msgspec.msgpack.encode(charge)
        candidate = Candidate(record.account_id, 0, encode(draft), charge_packed, own)
        key_hash = hash_key(record.key_id)
        versions = await self.commands.call("HGET", f"{PREFIX}:key:{key_hash}", "v")
        listed = await self.commands.call("HGET", f"{PREFIX}:versions", "accounts")
        known = Snapshot(key_hash, f"{versions.decode()} 0 0 0 0 0", int(listed or 0))
        answer = await Admission(self.commands, PREFIX, now_ms).admit(
            record.id, known, [candidate], address="x", tokens=50, rules=rules
        )
        if not isinstance(answer, Admitted):
            raise TypeError(f"not admitted: {answer}")
        return rules

    async def settle(self, record: UsageRecord, rules: bytes) -> Any:
        """Close its lease with what it used."""
        return await Admission(self.commands, PREFIX).settle(
            record.id, encode(record), use=use_of(record), rules=rules
        )

    async def use(
        self, applied: Applied, account: Applied | None = None, **changes: Any
    ) -> UsageRecord:
        """A whole request."""
        record = self.record(applied, **changes)
        await self.settle(record, await self.admit(applied, record, account=account))
        return record

    async def post(self) -> None:
        """Bring the outbox to the ledger."""
        while await drain(self.database, self.outbox, age_ms=-1000):
            pass

    async def counted(self, key: str) -> dict[str, int]:
        """A counter's fields."""
        flat = await self.commands.call("HGETALL", f"{PREFIX}:{key}")
        return {flat[at].decode(): int(flat[at + 1]) for at in range(0, len(flat), 2)}

    async def add(self, key: str, field: str, amount: int) -> None:
        """Make a counter wrong."""
        await self.commands.call("HINCRBY", f"{PREFIX}:{key}", field, amount)

    async def close(self) -> None:
        """Close the connection to Redis."""
        await self.commands.close()


def use_of(record: UsageRecord) -> Use:
    """What a record counts."""
    return Use(record.tokens.total, nano_ceiling(pico_from_usd(record.cost_usd)))
