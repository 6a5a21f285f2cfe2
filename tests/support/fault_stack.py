"""The whole stack on stores that a test may hurt, and keys whose limits stand on every level."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from cli.dev.manifests import MANIFESTS_DIRECTORY, load_manifests
from common.identifiers import new_ulid
from tests.support.dev_stack import DevStack
from tests.support.relay_process import RelayProcess
from tests.support.servers import PostgresServer, RedisServer

# Limits that count all there is, and refuse nothing.
ROOMY = {
    "requests_per_minute": 10**6, "tokens_per_minute": 10**9, "concurrency": 10**4,
    "requests_per_day": 10**7, "tokens_per_day": 10**11,
}  # fmt: skip
# With `everysec` Redis may acknowledge what it has not written while an fsync is under way.
DURABLE = ("--appendfsync", "always")
# What runs out under a load of a few hundred requests.
TIGHT_USD = "0.01"


class FaultStack(DevStack):
    """`relayctl dev` with a Postgres and a Redis of the test's own, to be killed and started."""

    def __init__(self, directory: Path) -> None:
        self.stores = contextlib.ExitStack()
        self.redis_server = self.stores.enter_context(RedisServer(directory / "redis", *DURABLE))
        self.postgres_server = self.stores.enter_context(PostgresServer(directory / "postgres"))
        database = self.postgres_server.database(migrated=False)
        super().__init__(
            directory / "state",
            RELAY_DATABASE_URL=self.stores.enter_context(database),
            RELAY_REDIS_URL=self.redis_server.url,
        )

    def __exit__(self, *error: Any) -> None:
        try:
            self.redis_server.start()
            self.postgres_server.start()
            super().__exit__(*error)
        finally:
            self.stores.close()

    def limited_keys(self, tight_usd: str = TIGHT_USD) -> list[str]:
        """Two keys with money enough and one whose budget ends; all levels count and reserve."""
        name = new_ulid().lower()
        self.change("PATCH", "/internal/organisation", **_policy("month", "1000000", "deny"))
        team = self.change("POST", "/internal/teams", name=name, **_policy("total", "1000"))
        self.change("POST", "/internal/users", id=name, **_policy("day", "1000", "deny"))
        fields = {"name": name, "user_id": name, "team_id": team["id"]}
        budgets = ("100", "100", tight_usd)
        return [self.create_key(**fields, **_policy("total", usd)) for usd in budgets]

    def change(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """A change by the admin API; the answer."""
        authorization = {"authorization": f"Bearer {self.master_key}"}
        answer = httpx.request(
            method, f"{self.url}{path}", headers=authorization, json=body, timeout=30
        )
        answer.raise_for_status()
        return answer.json()

    @contextlib.contextmanager
    def further_relay(self, directory: Path, **environment: str) -> Iterator[RelayProcess]:
        """One more replica of relay, on the same stores, broker and provider."""
        directory.mkdir(parents=True, exist_ok=True)
        broker = f"http://127.0.0.1:{self.processes['broker']['port']}"
        settings = {
            "RELAY_DATABASE_URL": self.processes["postgres"]["url"],
            "RELAY_INTERNAL_SECRET": (self.state / "internal-secret").read_text().strip(),
            "K_SINK": f"{broker}/{self.sink_path}",
            **environment,
        }
        provider = self.processes["echo_provider"]["url"]
        with RelayProcess(directory, self.redis_server, provider, **settings) as relay:
            yield relay

    @property
    def sink_path(self) -> str:
        """The path of the broker where relay's events go, as the manifests have it."""
        return load_manifests(MANIFESTS_DIRECTORY).broker.path.lstrip("/")


def _policy(period: str, usd: str, policy: str = "clamp") -> dict[str, Any]:
    return {"limits": ROOMY, "budgets": [{"period": period, "usd": usd, "policy": policy}]}
