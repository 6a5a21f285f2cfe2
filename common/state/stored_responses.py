"""Which account keeps a stored response, and for whom.

A response id means something only to the credential that made it, and only its own tenant may read
it or go on from it. The keys carry no hash tag: they are no part of admission, and spread.
"""

import msgspec

from common.state.commands import RedisCommands

# OpenAI keeps stored responses for 30 days (platform.openai.com/docs/guides/your-data).
KEPT_MS = 31 * 24 * 3600 * 1000


class StoredResponse(msgspec.Struct, frozen=True, array_like=True):
    """`tenant` is the team, or the key where it has none."""

    account_id: str
    tenant: str


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
        value = await self._commands.call("GET", self._key(response_id))
        if value is None:
            return None
        stored = _decoder.decode(value)
        return stored.account_id if stored.tenant == tenant else None

    async def forget(self, response_id: str) -> None:
        """The response was deleted."""
        await self._commands.call("DEL", self._key(response_id))

    def _key(self, response_id: str) -> str:
        return f"{self._prefix}:response:{response_id}"
