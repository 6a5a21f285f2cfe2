"""The projection: what Redis holds of keys, limits and accounts, by version, for admission to read.

Postgres is the truth. Versions come from one Postgres sequence and only rise, so a late or
repeated write never replaces a newer one.
"""

from typing import Literal

import msgspec

from common.domain.keys import KeyRecord
from common.domain.limits import Count
from common.domain.policies import Policy, team_scope, user_scope
from common.state.commands import RedisCommands, Script

AheadKind = Literal["account", "key", "policy"]
_encoder = msgspec.json.Encoder()


async def put_key(
    commands: RedisCommands,
    prefix: str,
    key_hash: str,
    record: KeyRecord,
    status: str,
    expires_at_ms: int | None,
) -> bool:
    """Write one key secret's record; false when Redis has a newer version.

    `status` is active, revoked or disabled. `expires_at_ms` is the secret's own end, which after
    a rotation comes before the key's.
    """
    arguments = (
        record.version,
        status,
        expires_at_ms or 0,
        _encoder.encode(record),
        team_scope(record.team_id) if record.team_id else "",
        user_scope(record.user_id),
    )
    keys = (f"{prefix}:key:{key_hash}",)
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
    record = _encoder.encode(policy) if not policy.is_empty else b""
    keys = (f"{prefix}:policy:{scope}", f"{prefix}:versions")
    return bool(await commands.script(Script.load("put_policy"), keys, (version, record, scope)))


async def raise_counter(commands: RedisCommands, prefix: str, count: Count) -> bool:
    """Let a period's counter show at least that much; false when it shows as much already."""
    keys = (f"{prefix}:{count.key}",)
    arguments = (count.field, count.amount, count.forget_ms)
    return bool(await commands.script(Script.load("raise_counter"), keys, arguments))


async def has_epoch(commands: RedisCommands, prefix: str) -> bool:
    """Whether the projection is complete; if not, it is to be rebuilt from Postgres."""
    return bool(await commands.call("EXISTS", f"{prefix}:epoch"))


async def set_epoch(commands: RedisCommands, prefix: str, epoch: str) -> None:
    """Declare the projection complete: the last step of a rebuild."""
    await commands.call("SET", f"{prefix}:epoch", epoch)
