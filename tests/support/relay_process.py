"""relay as a process of its own before a real Redis and an echo provider, with keys to call it."""

import asyncio
import concurrent.futures
import contextlib
import itertools
import re
import secrets
import threading
import time
from collections.abc import Coroutine, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import msgspec
import redis

from cli.dev.ports import free_port
from common.domain import usage
from common.domain.accounts import AccountRecord, credential_name
from common.domain.keys import KeyRecord, hash_key
from common.domain.policies import Policy
from common.domain.routing_table import RoutingTable
from common.domain.usage import UsageRecord
from common.identifiers import new_ulid
from common.keyring import Keyring
from common.state.client import RedisPyCommands
from common.state.outbox import Outbox
from common.state.projection import put_accounts, put_key, put_policy, put_routing, set_epoch
from tests.support.processes import INTERNAL_SECRET, ServedProcess, logged_lines
from tests.support.servers import RedisServer

PREFIX = "{relay}"
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
PATHS = {"openai": CHAT, "anthropic": MESSAGES}
MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-sonnet-4-5"}
OPENAI_CREDENTIAL, ANTHROPIC_CREDENTIAL = "sk-provider-of-openai", "sk-provider-of-anthropic"
STORED_CREDENTIAL = "sk-provider-of-a-stored-account"
NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none"
WAIT_S_MAX = 60.0
OUTBOX_READ_MAX = 10_000

# What a provider makes up anew for every answer.
_MADE_UP = re.compile(
    rb"chatcmpl-[0-9a-f]+|call_[0-9a-f]{24}|msg_01[0-9a-f]+|toolu_01[0-9a-f]+|req_[0-9a-f]+"
    rb'|(?<="created":)\d+'
)


class RelayProcess:
    """Use as a context manager. `key` may call everything; `client` presents it."""

    def __init__(
        self, directory: Path, store: RedisServer, provider_url: str, **environment: str
    ) -> None:
        self.redis = store
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = directory / "relay.log"
        self.key = ""
        self._versions = itertools.count(1)
        settings = {
            "RELAY_REDIS_URL": store.url,
            "RELAY_DATABASE_URL": NO_DATABASE,
            "RELAY_UNPRICED_MODELS": "quarantine",
            "RELAY_INTERNAL_SECRET": INTERNAL_SECRET,
            "OPENAI_API_KEY": OPENAI_CREDENTIAL,
            "OPENAI_BASE_URL": f"{provider_url}/v1",
            "ANTHROPIC_API_KEY": ANTHROPIC_CREDENTIAL,
            "ANTHROPIC_BASE_URL": provider_url,
        }
        target = "functions.relay.main:application"
        self.served = ServedProcess(target, self.port, self.log, **settings | environment)
        self.client = httpx.Client(base_url=self.url, timeout=60, trust_env=False)

    def __enter__(self) -> "RelayProcess":
        self.served.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.served.kill()

    @property
    def pid(self) -> int:
        """The process."""
        return self.served.process.pid

    def reset(self) -> None:
        """An empty Redis with a complete projection of one new key, which `client` presents."""
        self.redis.flush()
        run(_with_commands(self.redis.url, lambda redis: set_epoch(redis, PREFIX, new_ulid())))
        self.key = self.project_key()
        self.client.headers["authorization"] = f"Bearer {self.key}"

    def project_key(
        self,
        *,
        status: str = "active",
        ends_ms: int | None = None,
        secret: str = "",
        **fields: Any,
    ) -> str:
        """Put a key into Redis, a new one unless `secret` is given; returns the secret."""
        fields.setdefault("user_id", "alice")
        secret = secret or f"cr_{secrets.token_urlsafe(32)}"
        record = KeyRecord(id=new_ulid(), version=next(self._versions), **fields)

        async def put(commands: RedisPyCommands) -> None:
            if not await put_key(commands, PREFIX, hash_key(secret), record, status, ends_ms):
                raise RuntimeError("Redis has a newer version of the key")

        run(_with_commands(self.redis.url, put))
        return secret

    def project_policy(self, scope: str, policy: Policy) -> None:
        """Put what limits a scope into Redis."""
        version = next(self._versions)
        run(
            _with_commands(
                self.redis.url, lambda redis: put_policy(redis, PREFIX, scope, version, policy)
            )
        )

    def project_accounts(self, *accounts: AccountRecord) -> None:
        """Put the stored accounts into Redis."""
        version = next(self._versions)
        encoded = msgspec.json.encode(accounts)
        run(
            _with_commands(
                self.redis.url, lambda redis: put_accounts(redis, PREFIX, version, encoded)
            )
        )

    def project_table(self, table: RoutingTable) -> None:
        """Put the routing table into Redis."""
        version = next(self._versions)
        put = lambda redis: put_routing(redis, PREFIX, version, table)  # noqa: E731
        run(_with_commands(self.redis.url, put))

    def records(self) -> list[UsageRecord]:
        """All settled records, the first settled first: each is settled apart from its request."""
        read = lambda redis: Outbox(redis, PREFIX).read(OUTBOX_READ_MAX)  # noqa: E731
        entries = run(_with_commands(self.redis.url, read))
        return [usage.decode(entry.record) for entry in entries]

    def record(self, request_id: str) -> UsageRecord:
        """The only record of a request, once it is settled."""
        eventually(lambda: any(record.id == request_id for record in self.records()))
        (record,) = [record for record in self.records() if record.id == request_id]
        return record

    def only_record(self) -> UsageRecord:
        """The record of a Redis in which only one request is settled, once it is."""
        eventually(self.records)
        (record,) = self.records()
        return record

    def open_leases(self) -> tuple[int, int]:
        """How many leases are open, and how many requests are counted on accounts."""
        with redis.Redis.from_url(self.redis.url) as client:
            counts = client.hvals(f"{PREFIX}:inflight")
            return client.zcard(f"{PREFIX}:leases"), sum(int(count) for count in counts)

    def log_lines(self, event: str = "") -> list[dict[str, Any]]:
        """The lines of relay's log, those of one event if it is named."""
        self.served.await_log()
        lines = logged_lines(self.log)
        return [line for line in lines if not event or line["event"] == event]

    def log_line(self, request_id: str) -> dict[str, Any]:
        """The one line of a request, once it is there."""

        def found() -> list[dict[str, Any]]:
            return [line for line in self.log_lines("request") if line["request_id"] == request_id]

        eventually(found)
        (line,) = found()
        return line


def stored_account(provider_url: str, **fields: Any) -> AccountRecord:
    """An account of OpenAI's that comes before the built-in one, with a credential of its own."""
    account_id = new_ulid()
    sealed = Keyring("", INTERNAL_SECRET).seal(STORED_CREDENTIAL, credential_name(account_id))
    fields = {"name": "stored", "provider": "openai", "priority": 1, **fields}
    return AccountRecord(
        id=account_id, base_url=f"{provider_url}/v1", sealed_credential=sealed, **fields
    )


def ask(dialect: str, content: str = "hello my world", **fields: Any) -> dict[str, Any]:
    """A small request in that dialect."""
    messages = [{"role": "user", "content": content}]
    body = {"model": MODELS[dialect], "messages": messages, **fields}
    return body if dialect == "openai" else {"max_tokens": 500, **body}


def without_made_up(body: bytes) -> bytes:
    """An answer with its ids and times replaced, so that two of them can be compared."""
    return _MADE_UP.sub(b"*", body)


def events(stream: bytes) -> list[bytes]:
    """The whole events of a stream; what is left must be nothing."""
    *whole, rest = stream.split(b"\n\n")
    if rest:
        raise ValueError(f"half an event is left: {rest[:200]!r}")
    return whole


def eventually(holds: Any, within_s: float = WAIT_S_MAX) -> None:
    """Wait until that is true. Raises `TimeoutError`."""
    end = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {within_s} s")
        time.sleep(0.02)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end on a loop of its own, also where the caller is on one."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@contextlib.contextmanager
def capturing(answer: bytes, *headers: tuple[str, str]) -> Iterator[tuple[str, list[Any]]]:
    """A provider that keeps requests byte by byte: its address, and (path, headers, body)."""
    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.append((self.path, self.headers, body))
            self.send_response(200)
            if "content-type" not in dict(headers):
                self.send_header("content-type", "application/json")
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        server.server_close()


async def _with_commands(url: str, work: Any) -> Any:
    commands = RedisPyCommands.from_url(url)
    try:
        return await work(commands)
    finally:
        await commands.close()
