"""Kept answers in Redis: sealed, of one tenant each, within bounds, and made by one at a time.

The keys carry the tenant as their hash tag: they are no part of admission, spread over the nodes
of a Cluster, and one script sees all of a tenant's. What stands in them is the tenant's id, a keyed
hash of the request, and what is sealed for exactly this key.
"""

import hashlib
import hmac
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Literal

import msgspec

from common import secrets
from common.keyring import Keyring
from common.state.commands import RedisCommands, Script

# A maker that dies is succeeded after this long.
MAKE_MS = 6_000
# For how long nobody waits for answers that turned out not to be kept.
ALONE_MS = 5_000
# Beside its value: its own key, its places in the sorted set and the hash (measured, Redis 6.2).
ENTRY_OVERHEAD_BYTES = 400
FORGET_BATCH = 500


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A kept answer. `usage` are the figures with which it was made, JSON, maybe none."""

    made_ms: int
    body: bytes
    model: str | None = None
    usage: bytes = b""


class Place(msgspec.Struct, frozen=True):
    """Where the answer to a request is kept."""

    tenant: str
    name: str


class Taken(msgspec.Struct, frozen=True):
    """What was found: an `entry`, or what to do without one."""

    then: Literal["use", "make", "wait", "alone"]
    entry: Entry | None = None


class Kept(msgspec.Struct, frozen=True):
    """How much of a tenant is kept."""

    tenant: str
    entries: int
    bytes: int


_decoder = msgspec.msgpack.Decoder(Entry)


class ResponseCache:
    """The kept answers of all tenants. Its methods raise `RedisUnavailable`."""

    def __init__(
        self, commands: RedisCommands, prefix: str, keyring: Keyring, internal_secret: str
    ) -> None:
        self._commands = commands
        self._keyring = keyring
        self._secret = secrets.derive(internal_secret, "response-cache")
        self._keys = CacheKeys(prefix)

    def place_of(self, tenant: str, asked: Sequence[object]) -> Place:
        """Where the answer to what was `asked` is kept; nobody without the secret can tell what."""
        said = msgspec.msgpack.encode([tenant, *asked])
        return Place(tenant, hmac.new(self._secret, said, hashlib.sha256).hexdigest())

    async def take(self, place: Place, token: str, age_s_max: int) -> Taken:
        """The kept answer, if young enough; else the right to make it, unless another has that.

        What cannot be opened, as its key is gone or Redis was tampered with, is made anew.
        """
        keys = self._keys
        entry, maker = keys.entry(place), keys.maker(place)
        script = Script.load("take_cached")
        arguments: list[str | bytes | int] = [token, MAKE_MS, age_s_max * 1000]
        reply = await self._commands.script(script, [entry, maker], arguments)
        if reply[0] != b"kept":
            return Taken(reply[0].decode())
        try:
            opened = self._keyring.unseal_bytes(reply[1].partition(b" ")[2], entry)
            return Taken("use", _decoder.decode(opened))
        except (ValueError, msgspec.DecodeError):
            await self._commands.call("DEL", entry)
            return Taken("alone")

    async def hold(self, place: Place, token: str) -> None:
        """Go on making it."""
        script = Script.load("renew_lock")
        await self._commands.script(script, [self._keys.maker(place)], [token, MAKE_MS])

    async def put(
        self,
        place: Place,
        entry: Entry,
        *,
        token: str,
        key_id: str,
        ttl_s: int,
        tenant_bytes_max: int,
    ) -> bool:
        """Keep an answer; False when it alone has more bytes than its tenant may."""
        keys, ttl_ms = self._keys, ttl_s * 1000
        # First, so that nothing is kept that no purge finds.
        ends_ms = entry.made_ms + ttl_ms
        await self._commands.call("ZADD", keys.tenants, "GT", ends_ms, place.tenant)
        name = keys.entry(place)
        sealed = self._keyring.seal_bytes(msgspec.msgpack.encode(entry), name)
        value = b"%d %b" % (entry.made_ms, sealed)
        return bool(
            await self._commands.script(
                Script.load("put_cached"),
                [name, keys.maker(place), *keys.lists(place.tenant)],
                [token, keys.beginning(place.tenant), place.name, value, ttl_ms, key_id,
                 tenant_bytes_max, ENTRY_OVERHEAD_BYTES],
            )
        )  # fmt: skip

    async def give_back(self, place: Place, token: str) -> None:
        """It was not made: the next one may."""
        await self._commands.script(Script.load("release_lock"), [self._keys.maker(place)], [token])

    async def never(self, place: Place) -> None:
        """Such answers are not kept: for a while nobody waits for one."""
        await self._commands.call("SET", self._keys.maker(place), "-", "PX", ALONE_MS)

    async def close(self) -> None:
        """Disconnect."""
        await self._commands.close()


class KeptAnswers:
    """What is kept, to be shown and forgotten. Its methods raise `RedisUnavailable`."""

    def __init__(self, commands: RedisCommands, prefix: str) -> None:
        self._commands = commands
        self._keys = CacheKeys(prefix)

    async def of_all(self, now_ms: int) -> list[Kept]:
        """Tenants of which anything is kept."""
        return [kept for one in await self.tenants(now_ms) if (kept := await self.of(one, now_ms))]

    async def of(self, tenant: str, now_ms: int) -> Kept | None:
        """What is kept of a tenant; None for nothing."""
        entries, facts = self._keys.lists(tenant)
        over = await self._commands.call("ZRANGEBYSCORE", entries, "-inf", now_ms)
        await self._forget(tenant, over)
        count = int(await self._commands.call("ZCARD", entries))
        if not count:
            return None
        return Kept(tenant, count, int(await self._commands.call("HGET", facts, "total") or 0))

    async def tenants(self, now_ms: int) -> list[str]:
        """Those of which anything may be kept."""
        key = self._keys.tenants
        await self._commands.call("ZREMRANGEBYSCORE", key, "-inf", now_ms)
        return [one.decode() for one in await self._commands.call("ZRANGE", key, 0, -1)]

    async def purge(self, tenant: str, key_id: str | None = None) -> Kept:
        """Forget a tenant's answers, or those to requests of one key; gives what was forgotten."""
        entries, facts = self._keys.lists(tenant)
        if key_id is None:
            names = await self._commands.call("ZRANGE", entries, 0, -1)
        else:
            names = [name async for name in self._of_key(facts, key_id.encode())]
        forgotten, size = await self._forget(tenant, names)
        return Kept(tenant, forgotten, size)

    async def _of_key(self, facts: str, key_id: bytes) -> AsyncIterator[bytes]:
        cursor: bytes | int = 0
        while True:
            reply = await self._commands.call("HSCAN", facts, cursor, "COUNT", FORGET_BATCH)
            cursor, flat = reply
            for name, said in zip(flat[::2], flat[1::2], strict=True):
                if said.partition(b" ")[2] == key_id:
                    yield name
            if cursor == b"0":
                return

    async def _forget(self, tenant: str, names: Iterable[bytes]) -> tuple[int, int]:
        listed, count, size = list(names), 0, 0
        for at in range(0, len(listed), FORGET_BATCH):
            forgotten, freed = await self._commands.script(
                Script.load("forget_cached"),
                self._keys.lists(tenant),
                [self._keys.beginning(tenant), *listed[at : at + FORGET_BATCH]],
            )
            count, size = count + forgotten, size + freed
        return count, size


class CacheKeys:
    """The names of the keys in Redis."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix.strip("{}")

    @property
    def tenants(self) -> str:
        """Tenants by when the last of their answers ends."""
        return f"{self._prefix}:cache-tenants"

    def beginning(self, tenant: str) -> str:
        """What the keys of a tenant's entries begin with."""
        return f"{self._prefix}:cache:{{{tenant}}}:"

    def entry(self, place: Place) -> str:
        """One kept answer."""
        return self.beginning(place.tenant) + place.name

    def maker(self, place: Place) -> str:
        """Who makes it."""
        return f"{self._prefix}:cache-maker:{{{place.tenant}}}:{place.name}"

    def lists(self, tenant: str) -> list[str]:
        """A tenant's entries by their end, and what is known of each."""
        return [
            f"{self._prefix}:cache-entries:{{{tenant}}}",
            f"{self._prefix}:cache-facts:{{{tenant}}}",
        ]
