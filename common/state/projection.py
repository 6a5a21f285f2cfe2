"""The projection: what Redis holds of keys, limits and accounts, by version, for admission to read.

Postgres is the truth. Versions come from one Postgres sequence and only rise, so a late or
repeated write never replaces a newer one.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from common.domain.keys import KeyRecord
from common.domain.limits import Count
from common.domain.policies import Policy, team_scope, user_scope
from common.domain.routing_table import RoutingTable
from common.state.commands import RedisCommands, Script
from common.state.outbox import cut_lock

AheadKind = Literal["account", "key", "policy", "routing"]
DAY_MS = 24 * 3600 * 1000
_encoder = msgspec.json.Encoder()


async def put_key(
    commands: RedisCommands,
    prefix: str,
    key_hash: str,
    record: KeyRecord,
    status: str,
    expires_at_ms: int | None,
    activated_at_ms: int | None = None,
) -> bool:
    """Write one key secret's record; false when Redis has a newer version.

    `status` is active, revoked or disabled. `expires_at_ms` is the secret's own end, which after
    a rotation comes before the key's. `activated_at_ms` is the key's first use, if it is known.
    """
    days = record.activation_days
    arguments = (
        record.version,
        status,
        expires_at_ms or 0,
        _encoder.encode(record),
        team_scope(record.team_id) if record.team_id else "",
        user_scope(record.user_id),
        record.id,
        0 if days is None else days * DAY_MS,
        activated_at_ms or 0,
    )
    keys = (f"{prefix}:key:{key_hash}", f"{prefix}:activations")
    return bool(await commands.script(Script.load("put_key"), keys, arguments))


async def remove_key(commands: RedisCommands, prefix: str, key_hash: str) -> None:
    """Forget a secret that is no more; whoever still sends it is told that it is unknown."""
    await commands.call("DEL", f"{prefix}:key:{key_hash}")


async def put_accounts(commands: RedisCommands, prefix: str, version: int, accounts: bytes) -> bool:
    """Write the list of accounts (JSON); false when Redis has a newer version."""
    arguments = (version, accounts)
    keys = (f"{prefix}:accounts", f"{prefix}:versions")
    return bool(await commands.script(Script.load("put_accounts"), keys, arguments))


async def read_accounts(commands: RedisCommands, prefix: str) -> bytes:
    """The list of accounts (JSON) as it is projected; an empty one where there is none."""
    found: bytes | None = await commands.call("HGET", f"{prefix}:accounts", "r")
    return found or b"[]"


async def note_ahead(
    commands: RedisCommands, prefix: str, kind: AheadKind, subject: str, version: int
) -> None:
    """Remember, before it is done, that something is projected ahead of its commit."""
    await commands.call("SADD", f"{prefix}:ahead", f"{kind}:{subject}:{version}")


async def noted_ahead(commands: RedisCommands, prefix: str) -> list[tuple[AheadKind, str, int]]:
    """What is remembered so: kind, id of what changes, version that Redis was given."""
    found = []
    for member in await commands.call("SMEMBERS", f"{prefix}:ahead"):
        kind, _, rest = member.decode().partition(":")
        subject, _, version = rest.rpartition(":")
        found.append((kind, subject, int(version)))
    return sorted(found)


async def forget_ahead(
    commands: RedisCommands, prefix: str, kind: AheadKind, subject: str, version: int
) -> None:
    """Its commit came, or something newer is on its way to Redis."""
    await commands.call("SREM", f"{prefix}:ahead", f"{kind}:{subject}:{version}")


async def put_policy(
    commands: RedisCommands, prefix: str, scope: str, version: int, policy: Policy
) -> bool:
    """Write what limits a scope; false when Redis has a newer version."""
    record = _encoder.encode(policy) if not policy.says_nothing else b""
    keys = (f"{prefix}:policy:{scope}", f"{prefix}:versions")
    return bool(await commands.script(Script.load("put_policy"), keys, (version, record, scope)))


async def put_prices(commands: RedisCommands, prefix: str, version: int, books: bytes) -> bool:
    """Write the operator's price books (JSON); false when Redis has a newer version."""
    keys = (f"{prefix}:prices", f"{prefix}:versions")
    arguments = (version, books, "prices")
    return bool(await commands.script(Script.load("put_policy"), keys, arguments))


async def read_prices(commands: RedisCommands, prefix: str) -> tuple[int, bytes]:
    """The operator's price books and their version; 0 and none where there are none."""
    version, books = await commands.call("HMGET", f"{prefix}:prices", "v", "r")
    return int(version or 0), books or b"[]"


async def put_routing(
    commands: RedisCommands, prefix: str, version: int, table: RoutingTable
) -> bool:
    """Write the routing table; false when Redis has a newer version."""
    keys = (f"{prefix}:routing", f"{prefix}:versions")
    arguments = (version, _encoder.encode(table), "routing")
    return bool(await commands.script(Script.load("put_policy"), keys, arguments))


async def read_routing(commands: RedisCommands, prefix: str) -> tuple[int, RoutingTable]:
    """The routing table and its version; 0 and an empty one where there is none."""
    version, table = await commands.call("HMGET", f"{prefix}:routing", "v", "r")
    return int(version or 0), msgspec.json.decode(table or b"{}", type=RoutingTable)


async def raise_counter(commands: RedisCommands, prefix: str, count: Count) -> bool:
    """Let a period's counter show at least that much; false when it shows as much already."""
    keys = (f"{prefix}:{count.key}", cut_lock(prefix))
    arguments = (count.field, count.amount, count.forget_ms)
    return bool(await commands.script(Script.load("raise_counter"), keys, arguments))


async def first_uses(commands: RedisCommands, prefix: str, limit: int) -> dict[str, int]:
    """Some first uses of keys that Postgres may not have: key id to ms since 1970."""
    pending = await commands.call("SRANDMEMBER", f"{prefix}:activated", limit)
    if not pending:
        return {}
    found = await commands.call("HMGET", f"{prefix}:activations", *pending)
    return {
        # What was forgotten meanwhile, with the rule that it began, is noted as never.
        key_id.decode(): int(moment or 0)
        for key_id, moment in zip(pending, found, strict=True)
    }


async def forget_first_uses(commands: RedisCommands, prefix: str, key_ids: Iterable[str]) -> None:
    """Postgres has these."""
    await commands.call("SREM", f"{prefix}:activated", *key_ids)


async def first_use(commands: RedisCommands, prefix: str, key_id: str) -> int | None:
    """When a key was first used, in ms since 1970, if its end depends on that."""
    found = await commands.call("HGET", f"{prefix}:activations", key_id)
    return int(found) if found else None


async def has_epoch(commands: RedisCommands, prefix: str) -> bool:
    """Whether the projection is complete; if not, it is to be rebuilt from Postgres."""
    return bool(await commands.call("EXISTS", f"{prefix}:epoch"))


async def forget_epoch(commands: RedisCommands, prefix: str) -> None:
    """Declare the projection incomplete: from now on nothing is admitted."""
    await commands.call("DEL", f"{prefix}:epoch")


async def forget_projection(commands: RedisCommands, prefix: str) -> int:
    """Forget all that is projected, of whatever version; returns how many keys and policies.

    Only without an epoch: else keys that are good would be refused as unknown.
    """
    forgotten = 0
    for pattern in (f"{prefix}:key:*", f"{prefix}:policy:*"):
        place: bytes | str = "0"
        while True:
            place, found = await commands.call("SCAN", place, "MATCH", pattern, "COUNT", 1000)
            if found:
                forgotten += int(await commands.call("UNLINK", *found))
            if place == b"0":
                break
    others = ("versions", "accounts", "prices", "routing", "ahead")
    await commands.call("DEL", *(f"{prefix}:{name}" for name in others))
    return forgotten


async def set_epoch(commands: RedisCommands, prefix: str, epoch: str) -> None:
    """Declare the projection complete: the last step of a rebuild."""
    await commands.call("SET", f"{prefix}:epoch", epoch)
