"""What `relay` asks Postgres for, rarely: a key that Redis does not know, and a rebuild.

psycopg is imported here at first use: a relay that only sees known keys never pays for it.
"""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from common.domain.keys import check_unknown, unknown_key
from common.domain.refusals import Reason, Refusal, Refused
from common.telemetry import logs

if TYPE_CHECKING:
    from common.store.database import Database
    from functions.relay.services import Services

UNKNOWN_FOR_MS = 5_000
UNKNOWN_KEYS_MAX = 10_000
STORE_RETRY_MS = 2_000


class KeyLookup:
    """Single-flight look-ups with a short memory of keys that do not exist."""

    def __init__(self, services: "Services") -> None:
        self._services = services
        self._database: Database | None = None
        self._unknown: dict[str, int] = {}
        self._searches: dict[str, asyncio.Task[bool]] = {}
        self._rebuild: asyncio.Task[None] | None = None

    async def find(self, key_hash: str, failures: int, now_ms: int) -> None:
        """Return when Redis knows the key by now; else raise `Refused`."""
        check_unknown(failures)
        if self._unknown.get(key_hash, 0) > now_ms:
            raise Refused(unknown_key())
        search = self._searches.get(key_hash)
        if search is None:
            search = self._services.run_in_background(self._search(key_hash))
            self._searches[key_hash] = search
            search.add_done_callback(lambda _: self._searches.pop(key_hash, None))
        try:
            found = await asyncio.shield(search)
        except Exception as error:
            # Imported only now: the search has imported it in a thread, off the event loop.
            from common.store.database import DatabaseUnavailable

            if not isinstance(error, DatabaseUnavailable):
                raise
            message = "Relay cannot check this API key at the moment; try again."
            raise Refused(
                Refusal(Reason.STORE_UNAVAILABLE, message, retry_after_ms=STORE_RETRY_MS)
            ) from error
        if not found:
            if len(self._unknown) >= UNKNOWN_KEYS_MAX:
                self._unknown.clear()
            self._unknown[key_hash] = now_ms + UNKNOWN_FOR_MS
            raise Refused(unknown_key())

    def start_rebuild(self) -> None:
        """Begin to rebuild the projection unless this process is at it already."""
        if self._rebuild is None or self._rebuild.done():
            self._rebuild = self._services.run_in_background(self._run_rebuild())

    async def _search(self, key_hash: str) -> bool:
        database = await self._connect()
        from common.projection import project_key

        settings = self._services.settings
        return await project_key(database, self._services.redis, settings.state_prefix, key_hash)

    async def _run_rebuild(self) -> None:
        try:
            database = await self._connect()
            from common.projection import rebuild

            await rebuild(database, self._services.redis, self._services.settings.state_prefix)
        except Exception as error:  # noqa: BLE001 - the next refused request starts another
            logs.log("rebuild_failed", level="warning", error=str(error))

    async def spend(self, key_id: str) -> dict[str, str]:
        """USD by period, as far as the ledger has it. Raises `DatabaseUnavailable`."""
        database = await self._connect()
        from common.store import spend

        async with database.transaction() as connection:
            return await spend.of_key(connection, key_id, datetime.now(UTC))

    async def _connect(self) -> "Database":
        if self._database is None:
            # 170 ms of imports: in a thread, so that open streams go on.
            await asyncio.to_thread(_import_store)
            from common.store.database import Database

            self._database = Database(self._services.settings.database_url)
        return self._database

    async def close(self) -> None:
        """Close the connections to Postgres, if any were made."""
        if self._database is not None:
            await self._database.close()


def _import_store() -> None:
    import psycopg
    import psycopg_pool

    import common.projection

    del psycopg, psycopg_pool, common
