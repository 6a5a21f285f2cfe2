"""What the local stack consists of: each part's command, environment, place and order."""

import asyncio
import secrets
import signal
import sys
from typing import Any

from cli.dev.console import say
from cli.dev.embedded_postgres import STOP_SIGNAL as POSTGRES_STOP_SIGNAL
from cli.dev.embedded_postgres import EmbeddedPostgres, find_postgres, prepare_postgres
from cli.dev.embedded_redis import find_redis, prepare_redis
from cli.dev.foreign_stores import check_foreign_stores
from cli.dev.manifests import MANIFESTS_DIRECTORY, load_manifests
from cli.dev.options import DevOptions
from cli.dev.part import Part, at_once, http_ready, in_thread, run_to_end
from cli.dev.ports import LOOPBACK, free_port
from cli.dev.state import State
from cli.dev.supervisor import Stage

# The name of the Helm release in the manifests.
RELEASE = "relay"
FUNCTIONS = ("relay", "key_admin", "usage_aggregation", "cleanup", "notifications")
# What stops first: who takes requests in, then who answers them, then who passes events on, then
# who takes these in, then the stores.
_STOP_ORDER = {
    "front_door": 0,
    "cron": 0,
    "relay": 1,
    "key_admin": 1,
    "broker": 2,
    "usage_aggregation": 3,
    "cleanup": 3,
    "notifications": 3,
    "pii": 3,
    "echo_provider": 3,
    "postgres": 4,
    "redis": 4,
}
ECHO_API_KEY = "echo"
UNPRICED = "RELAY_UNPRICED_MODELS"


class Stack:
    """The parts for these options, with ports chosen and stores prepared.

    `stages` in order of start; `fixed_records` are the stores that are somebody else's, for
    processes.json. Raises `CannotStart` when a store cannot be prepared.
    """

    def __init__(self, options: DevOptions, state: State, port: int) -> None:
        self._options = options
        self._state = state
        self._port = port
        self._ports = {name: free_port() for name in _STOP_ORDER}
        self._ports["front_door"] = port
        self._metrics_ports = {name: free_port() for name in (*FUNCTIONS, "pii")}
        self._edge_token = secrets.token_hex(16)
        self._internal_secret = state.kept_secret("internal-secret")
        self._postgres: EmbeddedPostgres | None = None
        self.master_key_is_ours = not options.master_key
        self._master_key = options.master_key or state.kept_secret("master-key")
        self.fixed_records: dict[str, dict[str, Any]] = {}
        self._sink = self._url("broker") + load_manifests(MANIFESTS_DIRECTORY).broker.path
        stores = self._stores()
        self.stages: list[Stage] = [
            self._check_foreign_stores,
            stores,
            self._migrate,
            [self._broker(), *(self._function(name) for name in FUNCTIONS), *self._beside()],
            [self._cron(), self._front_door()],
        ]

    def _stores(self) -> list[Part]:
        parts = []
        self._database_url = self._options.database_url
        if self._database_url:
            self.fixed_records["postgres"] = {"url": self._database_url}
        else:
            parts.append(self._embedded_postgres())
        self._redis_url = self._options.redis_url
        if self._redis_url:
            self.fixed_records["redis"] = {"url": self._redis_url}
        else:
            parts.append(self._embedded_redis())
        return parts

    def _embedded_postgres(self) -> Part:
        data = self._state.path / "postgres"
        postgres = prepare_postgres(find_postgres(data), data, self._state.path / "sockets")
        self._postgres = postgres
        self._database_url = postgres.url()
        return self._part(
            "postgres",
            postgres.command,
            ready=in_thread(postgres.ready),
            record={"url": self._database_url},
            stop_signal=POSTGRES_STOP_SIGNAL,
            death_signal=POSTGRES_STOP_SIGNAL,
            user=postgres.user,
            directory="/",
            essential=True,
        )

    def _embedded_redis(self) -> Part:
        redis = prepare_redis(find_redis(), self._state.path / "redis", self._ports["redis"])
        self._redis_url = redis.url
        return self._part(
            "redis",
            redis.command,
            ready=in_thread(redis.ready),
            record={"url": redis.url, "port": redis.port},
            death_signal=signal.SIGTERM,
            essential=True,
        )

    async def _check_foreign_stores(self) -> None:
        urls = (self._options.database_url, self._options.redis_url)
        for warning in await check_foreign_stores(*urls):
            say("relayctl", f"warning: {warning}")

    async def _migrate(self) -> None:
        if self._postgres is not None:
            await asyncio.to_thread(self._postgres.ensure_database)
        command = [sys.executable, "-m", "cli.main", "migrate", "--wait-s", "10"]
        environment = self._options.handed_on | {"RELAY_DATABASE_URL": self._database_url}
        await run_to_end("migrate", command, environment, self._state.log("migrate"))

    def _function(self, name: str) -> Part:
        environment = {
            "PORT": str(self._ports[name]),
            "RELAY_HOST": LOOPBACK,
            "RELAY_METRICS_PORT": str(self._metrics_ports[name]),
            "RELAY_DATABASE_URL": self._database_url,
            "RELAY_REDIS_URL": self._redis_url,
            "RELAY_INTERNAL_SECRET": self._internal_secret,
            "RELAY_EDGE_TOKEN": self._edge_token,
            "K_SINK": self._sink,
        }
        if name in ("relay", "key_admin") and self._options.pii_models:
            environment["RELAY_PII_URL"] = self._url("pii")
        if name == "key_admin":
            environment["PROXY_MASTER_KEY"] = self._master_key
        if name in ("relay", "key_admin", "cleanup"):  # key_admin only lists the accounts
            environment |= self._options.providers or self._echo_account()
        record = {"port": self._ports[name], "metrics_port": self._metrics_ports[name]}
        command = _served(f"functions.{name}.main:application")
        return self._part(name, command, environment, record=record)

    def _front_door(self) -> Part:
        environment = {
            "PORT": str(self._port),
            "RELAY_HOST": LOOPBACK,
            "RELAY_METRICS_PORT": "0",
            "RELAY_EDGE_TOKEN": self._edge_token,
            "RELAY_FRONT_DOOR_RELAY_URL": self._url("relay"),
            "RELAY_FRONT_DOOR_KEY_ADMIN_URL": self._url("key_admin"),
        }
        return self._part("front_door", _served("cli.dev.front_door:application"), environment)

    def _broker(self) -> Part:
        command = [sys.executable, "-m", "cli.dev.broker", "--port", str(self._ports["broker"])]
        command += [
            "--manifests",
            str(MANIFESTS_DIRECTORY),
            "--state",
            str(self._state.path / "broker"),
        ]
        for name in FUNCTIONS:
            service = f"{RELEASE}-{name.replace('_', '-')}"
            command += ["--service", f"{service}={self._url(name)}"]
        return self._part("broker", command, stop_s=10)

    def _cron(self) -> Part:
        command = [sys.executable, "-m", "cli.dev.cron"]
        command += ["--manifests", str(MANIFESTS_DIRECTORY), "--broker", self._url("broker")]
        return self._part("cron", command, ready=at_once, record={}, stop_s=10)

    def _beside(self) -> list[Part]:
        return [*self._pii(), *self._echo()]

    def _pii(self) -> list[Part]:
        if not self._options.pii_models:
            return []
        environment = {
            "PORT": str(self._ports["pii"]),
            "RELAY_HOST": LOOPBACK,
            "RELAY_METRICS_PORT": str(self._metrics_ports["pii"]),
            "RELAY_INTERNAL_SECRET": self._internal_secret,
            "RELAY_PII_MODELS": self._options.pii_models,
            "OPENBLAS_NUM_THREADS": "1",
        }
        record = {"port": self._ports["pii"], "metrics_port": self._metrics_ports["pii"]}
        command = _served("functions.pii.main:application")
        return [self._part("pii", command, environment, record=record)]

    def _echo(self) -> list[Part]:
        if self._options.providers:
            return []
        port = self._ports["echo_provider"]
        command = [sys.executable, "-m", "echo_provider", "--port", str(port)]
        record = {"port": port, "url": self._url("echo_provider")}
        return [self._part("echo_provider", command, record=record, stop_s=5)]

    def _echo_account(self) -> dict[str, str]:
        return {
            "OPENAI_API_KEY": ECHO_API_KEY,
            "OPENAI_BASE_URL": f"{self._url('echo_provider')}/v1",
            "ANTHROPIC_API_KEY": ECHO_API_KEY,
            "ANTHROPIC_BASE_URL": self._url("echo_provider"),
            # Its models cost nobody anything, and some have no price.
            UNPRICED: self._options.handed_on.get(UNPRICED, "quarantine"),
        }

    def _part(
        self,
        name: str,
        command: list[str],
        environment: dict[str, str] | None = None,
        **settings: Any,
    ) -> Part:
        port = self._ports[name]
        settings.setdefault("ready", http_ready(port))
        settings.setdefault("record", {"port": port})
        return Part(
            name=name,
            command=command,
            log=self._state.log(name),
            environment=self._options.handed_on | (environment or {}),
            stop_order=_STOP_ORDER[name],
            **settings,
        )

    def _url(self, name: str) -> str:
        return f"http://{LOOPBACK}:{self._ports[name]}"


def _served(target: str) -> list[str]:
    return [sys.executable, "-m", "common.serve", target]
