"""key_admin as a process with stores of its own, and a caller of it, for tests."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import redis
from psycopg.rows import dict_row

from cli.dev.ports import free_port
from common.store.migrate import migrate
from tests.support.processes import INTERNAL_SECRET, ServedProcess
from tests.support.servers import PostgresServer, RedisServer

MASTER_KEY = "the master key of the tests"
EDGE_TOKEN = "the token of the tests' edge"
KEYS = "/internal/api-keys"

# The access rules of a key that has none, and of the levels above it, as answered.
OPEN_KEY = {"access": {"dialects": [], "clients": [], "addresses": []}, "regions": []}
OPEN = {"access": {**OPEN_KEY["access"], "models": {"allow": [], "deny": []}, "scopes": []}}
# The rules of content of a level that says nothing, as sent and as answered.
SILENT = dict.fromkeys(("redaction", "content_policy", "response_cache"))
# The limits of a level that sets none, as answered.
UNLIMITED = {
    "limits": dict.fromkeys(
        ("requests_per_minute", "tokens_per_minute", "requests_per_day", "tokens_per_day",
         "concurrency", "window", "queue")
    ),
    "budgets": [],
    "calendar": {"timezone": "UTC", "week_starts_on": "monday", "day_starts_at": 0},
}  # fmt: skip


class KeyAdmin:
    """A caller with the master key; every call's address is fresh unless one is given."""

    def __init__(self, url: str, database_url: str, redis_url: str, log: Path) -> None:
        self.url = url
        self.log = log
        self.database_url = database_url
        self.redis_url = redis_url
        self._client = httpx.Client(base_url=url, timeout=60)

    def call(
        self,
        method: str,
        path: str,
        *,
        authorization: str | None = f"Bearer {MASTER_KEY}",
        address: str | None = None,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> httpx.Response:
        """One call. `address` is what the edge says of the caller."""
        sent = {"x-relay-edge-token": EDGE_TOKEN, "x-forwarded-for": address or new_address()}
        if authorization is not None:
            sent["authorization"] = authorization
        return self._client.request(method, path, headers=sent | (headers or {}), **options)

    def get(self, path: str, **query: Any) -> httpx.Response:
        """GET with a query."""
        return self.call("GET", path, params=query)

    def create(self, headers: dict[str, str] | None = None, **members: Any) -> httpx.Response:
        """POST a key; its name is given unless it matters."""
        return self.call("POST", KEYS, json={"name": "a key"} | members, headers=headers)

    def created(self, **members: Any) -> dict[str, Any]:
        """A new key as the answer shows it."""
        answer = self.create(**members)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """What the database says; changes are committed."""
        with psycopg.connect(self.database_url, row_factory=dict_row) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def redis(self) -> "redis.Redis[str]":
        """A connection to its Redis."""
        return redis.Redis.from_url(self.redis_url, decode_responses=True)

    def wait_until_it_reads(self, within_s: float = 30.0) -> None:
        """Its pool may have lost a database and not have found the new one yet."""
        end = time.monotonic() + within_s
        while self.get(KEYS, limit=1).status_code != 200:
            if time.monotonic() > end:
                raise RuntimeError(f"it does not read:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.05)

    def close(self) -> None:
        """Close connections."""
        self._client.close()


@contextlib.contextmanager
def served_key_admin(
    postgres: PostgresServer, redis_server: RedisServer, log: Path, **more: str
) -> Iterator[KeyAdmin]:
    """A process on a fresh database; its Redis is the worker's. `more` adds to its environment.

    Without that the process is kept for the next who asks, whose database has the same URL: it
    starts for a second, and what it knows is in the stores.
    """
    postgres.start()
    postgres.use_template(migrate)
    redis_server.start()
    with postgres.database(migrated=True, called="" if more else "key_admin") as database_url:
        served = _Served(database_url, redis_server.url, log, more)
        if not more:
            served = _KEPT.setdefault((database_url, redis_server.url), served)
        served.start()
        key_admin = KeyAdmin(served.url, database_url, redis_server.url, served.log)
        try:
            key_admin.wait_until_it_reads()
            yield key_admin
        finally:
            key_admin.close()
            if more:
                code = served.process.stop()
                assert code == 0, f"ended with {code}:\n{log.read_text()[-2000:]}"


class _Served:
    """A process of key_admin, and its log since it was asked for last."""

    def __init__(self, database_url: str, redis_url: str, log: Path, more: dict[str, str]) -> None:
        self.log = log
        environment = environment_of(database_url, redis_url) | more
        target = "functions.key_admin.main:application"
        self.process = ServedProcess(target, free_port(), log, **environment)
        self.url = f"http://127.0.0.1:{self.process.port}"

    def start(self) -> None:
        if self.process.process is None:
            self.process.start()
        else:
            self.log.write_text("")


# Database and Redis → the process; it ends with this one.
_KEPT: dict[tuple[str, str], _Served] = {}


def environment_of(database_url: str, redis_url: str) -> dict[str, str]:
    """What key_admin reads."""
    return {
        "RELAY_DATABASE_URL": database_url,
        "RELAY_REDIS_URL": redis_url,
        "RELAY_INTERNAL_SECRET": INTERNAL_SECRET,
        "RELAY_EDGE_TOKEN": EDGE_TOKEN,
        "PROXY_MASTER_KEY": MASTER_KEY,
    }


def new_address() -> str:
    """An address that nobody else has, in a /64 of its own (RFC 3849)."""
    return f"2001:db8:{os.urandom(2).hex()}:{os.urandom(2).hex()}::{os.urandom(2).hex()}"
