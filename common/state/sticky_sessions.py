"""Which account serves a conversation, so that the provider's prompt cache is hit again.

The keys carry no hash tag: they are no part of admission, and spread.
"""

import hashlib

from common.state.commands import RedisCommands


class StickySessions:
    """Remembers and finds them. Raises `RedisUnavailable`."""

    def __init__(self, commands: RedisCommands, prefix: str, ttl_s: int) -> None:
        self._commands = commands
        self._prefix = prefix.strip("{}")
        self._ttl_s = ttl_s

    def key_of(self, tenant: str, model: str, conversation: str) -> str:
        """Where it is kept: nobody else's conversation, whatever its text, has the same place.

        A provider's cache is a model's.
        """
        said = f"{tenant}\0{model}\0{conversation}".encode("utf-8", "surrogateescape")
        return f"{self._prefix}:sticky:{hashlib.blake2b(said, digest_size=16).hexdigest()}"

    async def find(self, key: str) -> str | None:
        """The account that served it last; None when that was too long ago."""
        found: bytes | None = await self._commands.call("GET", key)
        return None if found is None else found.decode()

    async def remember(self, key: str, account_id: str) -> None:
        """That account served it; from now on it is remembered for the whole time again."""
        await self._commands.call("SET", key, account_id, "EX", self._ttl_s)
