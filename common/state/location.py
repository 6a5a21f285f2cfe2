"""Where the one Redis node that we need is now.

All keys of admission carry one hash tag, so even of a Cluster just one node is needed: the one that
serves the tag's slot. Whoever asks another is told by `MOVED`. Of what Sentinels watch, it is the
primary, which any of them names.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

from common.state.address import RedisAddress

_REPLY_LINE_MAX = 4_096


class Location:
    """Finds the node before each connect. Bound to one address; safe for concurrent use."""

    def __init__(self, address: RedisAddress) -> None:
        self._address = address
        # The node that a Cluster has sent us to.
        self.moved_to: tuple[str, int] | None = None
        # Rises when the node has changed: connections of an older one are of no use any more.
        self.generation = 0
        self._next_seed = 0

    @property
    def moves(self) -> bool:
        """Whether the node may be another one at the next connect."""
        return bool(self._address.kind)

    async def find(self, tls: ssl.SSLContext | None) -> tuple[str, int]:
        """Host and port to connect to. Raises `OSError` when no Sentinel knows."""
        if self._address.kind == "sentinel":
            return await self._ask_sentinels(tls)
        if self.moved_to is not None:
            return self.moved_to
        nodes = self._address.nodes
        return nodes[self._next_seed % len(nodes)]

    def failed(self) -> None:
        """Nobody answered there: the next `find` gives another node of a Cluster."""
        self.moved_to = None
        self._next_seed += 1

    def follow(self, refusal: str) -> bool:
        """Whether an error reply says where the node is (`MOVED 3999 127.0.0.1:6381`)."""
        words = refusal.split()
        if self._address.kind != "cluster" or words[0] != "MOVED" or len(words) < 3:
            return False
        host, _, port = words[2].rpartition(":")
        # An empty host is the one that said so (CLUSTER SLOTS documentation).
        here = self.moved_to or self._address.nodes[self._next_seed % len(self._address.nodes)]
        node = (host.strip("[]") or here[0], int(port))
        if node != self.moved_to:
            self.moved_to = node
            self.generation += 1
        return True

    def demoted(self) -> None:
        """The node that was found is no primary any more."""
        self.generation += 1

    async def _ask_sentinels(self, tls: ssl.SSLContext | None) -> tuple[str, int]:
        """The first answer of all; they are few, and one that is gone delays nothing."""
        asking = [
            asyncio.create_task(self._ask(host, port, tls)) for host, port in self._address.nodes
        ]
        reasons = []
        try:
            for answer in asyncio.as_completed(asking):
                try:
                    return await answer
                except (OSError, ValueError, EOFError) as error:
                    reasons.append(str(error) or type(error).__name__)
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        raise OSError(f"no Sentinel names {self._address.primary}: {'; '.join(reasons)}")

    async def _ask(self, host: str, port: int, tls: ssl.SSLContext | None) -> tuple[str, int]:
        async with _connected(host, port, tls) as (reader, writer):
            question = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._address.primary)
            answer = await _exchange(reader, writer, *question)
            if isinstance(answer, str) and answer.startswith("NOAUTH") and self._address.password:
                # Sentinels that want a password mostly share the primary's; they hold it anyway.
                await _exchange(reader, writer, "AUTH", self._address.password)
                answer = await _exchange(reader, writer, *question)
        if isinstance(answer, str):
            raise OSError(f"{host}:{port}: {answer}")
        if answer is None or len(answer) != 2:
            raise OSError(f"{host}:{port} knows no primary of that name")
        return answer[0], int(answer[1])


@contextlib.asynccontextmanager
async def _connected(
    host: str, port: int, tls: ssl.SSLContext | None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(host, port, ssl=tls, limit=_REPLY_LINE_MAX)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *words: str
) -> list[str] | str | None:
    """One command and its reply (RESP 2): an array of strings, a status or error's text, None."""
    bulks = b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in map(str.encode, words))
    writer.write(b"*%d\r\n%b" % (len(words), bulks))
    head = (await reader.readuntil(b"\r\n")).decode().rstrip()
    if not head.startswith("*"):
        return head[1:]
    if (count := int(head[1:])) < 0:
        return None
    items = []
    for _ in range(count):
        length = int((await reader.readuntil(b"\r\n"))[1:])
        items.append((await reader.readexactly(length + 2))[:-2].decode())
    return items
