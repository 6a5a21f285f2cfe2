"""An event function as a process with its stores, for tests."""

import json
import uuid
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row

from cli.dev.ports import free_port
from common.domain.admission import Admitted, Candidate
from common.domain.keys import KeyRecord, hash_key
from common.domain.usage import UsageRecord, encode
from common.identifiers import now_ms
from common.state.admission import LEASE_MS, Admission, Snapshot
from common.state.client import RedisPyCommands
from common.state.outbox import Outbox
from common.state.projection import put_key, set_epoch
from tests.support.processes import INTERNAL_SECRET, ServedProcess, logged_lines

PREFIX = "{relay}"
STRUCTURED = "application/cloudevents+json"


class EventWorker:
    """A function's process, its Redis and its Postgres."""

    def __init__(
        self,
        target: str,
        directory: Path,
        database_url: str,
        redis_url: str,
        **environment: str,
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = directory / "function.log"
        self.database_url = database_url
        self.environment = {
            "RELAY_DATABASE_URL": database_url,
            "RELAY_REDIS_URL": redis_url,
            "RELAY_INTERNAL_SECRET": INTERNAL_SECRET,
            **environment,
        }
        self.process = ServedProcess(target, self.port, self.log, **self.environment)
        self.commands = RedisPyCommands.from_url(redis_url)
        self.outbox = Outbox(self.commands, PREFIX)
        self.client = httpx.AsyncClient(base_url=self.url, timeout=60)

    def restart(self) -> None:
        """kill -9 and start again."""
        self.process.kill()
        self.process.start()

    async def die_with_lease(self, draft: UsageRecord) -> None:
        """A relay admitted this request over half a minute ago, and died."""
        key_hash = hash_key("cr_x")
        key = KeyRecord(id=draft.key_id, user_id=draft.user_id, version=1)
        await put_key(self.commands, PREFIX, key_hash, key, "active", None)
        await set_epoch(self.commands, PREFIX, "01EPOCH")
        admission = Admission(self.commands, PREFIX, now_ms() - LEASE_MS - 1_000)
        candidates = [Candidate(draft.account_id, 0, encode(draft))]
        answer = await admission.admit(
            draft.id, Snapshot(key_hash, "1 0 0 0 0 0", 0), candidates, address="10.0.0.1"
        )
        if answer != Admitted(0):
            raise RuntimeError(f"not admitted: {answer}")

    async def open_leases(self) -> int:
        """How many leases are open."""
        return await Admission(self.commands, PREFIX).open_leases()

    async def close(self) -> None:
        """Kill the process and close the connections."""
        if self.process.process is not None and self.process.process.poll() is None:
            self.process.kill()
        await self.client.aclose()
        await self.commands.close()

    async def post(
        self,
        event_type: str,
        data: Any,
        *,
        path: str = "/",
        structured: bool = False,
        time: str | None = None,
    ) -> httpx.Response:
        """Send an event in binary or structured mode."""
        attributes = {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": "/tests",
            "type": event_type,
            **({} if time is None else {"time": time}),
        }
        if structured:
            event = {**attributes, "datacontenttype": "application/json", "data": data}
            return await self.client.post(
                path, content=json.dumps(event), headers={"content-type": STRUCTURED}
            )
        headers = {f"ce-{name}": value for name, value in attributes.items()}
        headers["content-type"] = "application/json"
        return await self.client.post(path, content=json.dumps(data), headers=headers)

    async def settle(self, record: bytes, settled_ms: int | None = None) -> str:
        """Append to the outbox, as `settle.lua` does."""
        place = "*" if settled_ms is None else f"{settled_ms}-0"
        return (
            await self.commands.call("XADD", f"{PREFIX}:outbox", place, "record", record)
        ).decode()

    async def age_outbox(self, age_ms: int = 9_000) -> None:
        """Make all that waits in the outbox that old."""
        entries = await self.outbox.read(10_000)
        await self.commands.call("DEL", f"{PREFIX}:outbox")
        for number, entry in enumerate(entries):
            await self.settle(entry.record, now_ms() - age_ms + number)

    async def waiting(self) -> list[str]:
        """The ids of the outbox."""
        return [entry.outbox_id for entry in await self.outbox.read(10_000)]

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """Ask Postgres."""
        with psycopg.connect(self.database_url, row_factory=dict_row) as connection:
            return connection.execute(statement).fetchall()

    def lines(self, event: str) -> list[dict[str, Any]]:
        """What the function has logged under that name."""
        self.process.await_log()
        return [line for line in logged_lines(self.log) if line["event"] == event]


def is_empty_204(answer: httpx.Response) -> bool:
    """The only success that a Knative broker does not deliver again."""
    return (
        answer.status_code == 204
        and answer.content == b""
        and "content-length" not in answer.headers
        and "transfer-encoding" not in answer.headers
        and "content-type" not in answer.headers
    )


def is_problem(answer: httpx.Response, status: int) -> bool:
    """An error as RFC 9457 has it, with a sentence."""
    problem = answer.json()
    return (
        answer.status_code == status == problem["status"]
        and answer.headers["content-type"] == "application/problem+json"
        and bool(problem["title"])
        and bool(problem["detail"])
    )
