"""`relayctl dev` as a test drives it: started, read through processes.json, hurt, stopped."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psycopg
import redis
from psycopg.rows import dict_row

from cli.dev.ports import free_port
from tests.support.processes import ROOT

READY_S_MAX = 90.0
STOP_S_MAX = 60.0
SWEEP_EVERY_S = 1.0


class DevStack:
    """The whole local stack on one state directory; may be started again on the same."""

    def __init__(self, state: Path, **environment: str) -> None:
        self.state = state
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._output = state.parent / f"{state.name}.out"

    def start(self) -> None:
        """Start, and return when the ready line is there. Raises `RuntimeError` with the output."""
        environment = {
            **os.environ,
            "RELAY_PORT": str(self.port),
            "RELAY_STATE_DIR": str(self.state),
            **self._environment,
        }
        begin = self._output.stat().st_size if self._output.exists() else 0
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cli.main", "dev"],
                env=environment,
                stdout=output,
                stderr=output,
                cwd=ROOT,
            )
        end = time.monotonic() + READY_S_MAX
        while "\n  -d " not in self._output.read_text()[begin:]:
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"relayctl dev did not start:\n{self._output.read_text()}")
            time.sleep(0.05)

    def stop(self, *, patience_s: float = STOP_S_MAX) -> int:
        """Ctrl-C, and wait for the end. Gives the exit code, 0 also when it did not run.

        After `patience_s` once more, which cuts off what is open.
        """
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_s)
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        code = self._process.wait(STOP_S_MAX)
        self._process = None
        return code

    def kill(self) -> None:
        """kill -9 of the supervisor."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def output(self) -> str:
        """What it has printed."""
        return self._output.read_text()

    @property
    def processes(self) -> dict[str, dict[str, Any]]:
        """processes.json as it is now."""
        return json.loads((self.state / "processes.json").read_text())

    @property
    def master_key(self) -> str:
        """The key of the administrator."""
        return (self.state / "master-key").read_text().strip()

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a part as it runs now; one that is just coming back is waited for."""
        end = time.monotonic() + READY_S_MAX
        while True:
            try:
                os.kill(self.processes[name]["pid"], number)
            except ProcessLookupError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                return

    def create_key(self, name: str = "team-alpha", user_id: str = "alice", **fields: Any) -> str:
        """A new API key, by the call of the README, with more fields if there are any."""
        answer = httpx.post(
            f"{self.url}/internal/api-keys",
            headers={"authorization": f"Bearer {self.master_key}"},
            json={"name": name, "user_id": user_id, **fields},
            timeout=30,
        )
        answer.raise_for_status()
        return answer.json()["key"]

    def admin(self, path: str, **parameters: str) -> Any:
        """A GET of the admin API."""
        answer = httpx.get(
            f"{self.url}{path}",
            headers={"authorization": f"Bearer {self.master_key}"},
            params=parameters,
            timeout=30,
        )
        answer.raise_for_status()
        return answer.json()

    def revoke(self, key: str) -> None:
        """Revoke a key that this stack made, found by its prefix."""
        keys = self.admin("/internal/api-keys", limit="500")["items"]
        (key_id,) = [one["id"] for one in keys if key.startswith(one["key_prefix"])]
        httpx.post(
            f"{self.url}/internal/api-keys/{key_id}/revoke",
            headers={"authorization": f"Bearer {self.master_key}"},
            timeout=30,
        ).raise_for_status()

    def wait_for_record(self, request_id: str, timeout_s: float = 60) -> dict[str, Any]:
        """The request's record, as soon as the ledger has it."""
        end = time.monotonic() + timeout_s
        while True:
            for record in self.admin("/internal/usage/records", limit="500")["items"]:
                if record["id"] == request_id:
                    return record
            if time.monotonic() > end:
                raise TimeoutError(f"{request_id} is not in the ledger")
            time.sleep(0.05)

    def ledger(self) -> list[dict[str, Any]]:
        """All rows of the ledger."""
        with psycopg.connect(self.processes["postgres"]["url"], row_factory=dict_row) as connection:
            return connection.execute("SELECT * FROM ledger ORDER BY id").fetchall()

    def redis(self) -> redis.Redis:
        """A connection to its Redis."""
        return redis.Redis.from_url(self.processes["redis"]["url"])

    def wait_until_settled(self, timeout_s: float = 90) -> None:
        """Until no lease is open and the outbox is empty; sweeps are fired as cron would."""
        end = time.monotonic() + timeout_s
        swept = 0.0
        with self.redis() as connection:
            while True:
                leases = connection.zcard("{relay}:leases")
                waiting = connection.xlen("{relay}:outbox")
                if not leases and not waiting:
                    return
                if time.monotonic() > end:
                    raise TimeoutError(f"{leases} leases, {waiting} records in the outbox")
                if time.monotonic() - swept > SWEEP_EVERY_S:
                    for task in ("leases", "outbox"):
                        self.fire(task)
                    swept = time.monotonic()
                time.sleep(0.05)

    def fire(self, task: str) -> None:
        """Send cleanup what the cron source would send it."""
        httpx.post(
            f"http://127.0.0.1:{self.processes['cleanup']['port']}/",
            headers={
                "ce-id": str(time.monotonic_ns()),
                "ce-source": "/tests",
                "ce-type": "dev.knative.sources.ping",
                "ce-specversion": "1.0",
                "content-type": "application/json",
            },
            json={"task": task},
            timeout=60,
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop(patience_s=2.0)
