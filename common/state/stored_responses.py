"""Which account keeps a stored response, a batch or a file, and for whom.

An id means something only to the credential that made it, and only its own tenant may read
it or go on from it. The keys carry no hash tag: they are no part of admission, and spread.
"""

from typing import Literal

import msgspec

from common.identifiers import now_ms
from common.state.commands import RedisCommands

# OpenAI keeps stored responses for 30 days (platform.openai.com/docs/guides/your-data).
KEPT_MS = 31 * 24 * 3600 * 1000
# The newest so many can be listed.
LISTED_MAX = 10_000
# Anthropic's batches, and OpenAI's.
Listed = Literal["batches", "files", "openai-batches"]


class StoredResponse(msgspec.Struct, frozen=True, array_like=True):
    """`tenant` is the team, or the key where it has none. `request_id`: of a job, else empty."""

    account_id: str
    tenant: str
    request_id: str = ""


_decoder = msgspec.json.Decoder(StoredResponse)


class StoredResponses:
    """Remembers and finds them. Raises `RedisUnavailable`."""

    def __init__(self, commands: RedisCommands, prefix: str) -> None:
        self._commands = commands
        self._prefix = prefix.strip("{}")

    async def remember(self, response_id: str, stored: StoredResponse) -> None:
        """Keep the account for as long as the provider keeps the response."""
        key, value = self._key(response_id), msgspec.json.encode(stored)
        await self._commands.call("SET", key, value, "PX", KEPT_MS)

    async def find(self, response_id: str, tenant: str) -> str | None:
        """The account of a tenant's own response; None for anybody else's."""
        stored = await self.find_stored(response_id, tenant)
        return stored.account_id if stored is not None else None

    async def find_stored(self, response_id: str, tenant: str) -> StoredResponse | None:
        """What is known of a tenant's own response; None for anybody else's."""
        value = await self._commands.call("GET", self._key(response_id))
        if value is None:
            return None
        stored = _decoder.decode(value)
        return stored if stored.tenant == tenant else None

    async def forget(self, response_id: str) -> None:
        """The response was deleted."""
        await self._commands.call("DEL", self._key(response_id))

    async def list_as(self, listed: Listed, identifier: str, tenant: str) -> None:
        """Let a batch or file be listed for its tenant, as long as it is kept."""
        key, made_ms = self._listed(listed, tenant), now_ms()
        await self._commands.call("ZADD", key, "NX", made_ms, identifier)
        await self._commands.call("ZREMRANGEBYSCORE", key, "-inf", made_ms - KEPT_MS)
        await self._commands.call("PEXPIRE", key, KEPT_MS)

    async def list_of(self, listed: Listed, tenant: str) -> list[str]:
        """The ids of a tenant's batches or files, the newest first."""
        key = self._listed(listed, tenant)
        ids = await self._commands.call("ZREVRANGE", key, 0, LISTED_MAX - 1)
        return [identifier.decode() for identifier in ids]

    async def unlist(self, listed: Listed, identifier: str, tenant: str) -> None:
        """The batch or file was deleted."""
        await self._commands.call("ZREM", self._listed(listed, tenant), identifier)

    def _listed(self, listed: Listed, tenant: str) -> str:
        return f"{self._prefix}:{listed}:{tenant}"

    def _key(self, response_id: str) -> str:
        return f"{self._prefix}:response:{response_id}"
