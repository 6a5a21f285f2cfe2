"""Functions as processes of their own, for tests."""

import http.client
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cli.dev.launching import launched

ROOT = Path(__file__).parents[2]
INTERNAL_SECRET = "a secret of the tests, 32 characters"
START_S_MAX = 60.0


def logged_lines(log: Path) -> list[dict[str, Any]]:
    """The whole lines of a log that are JSON; what is being written meanwhile has no end yet."""
    whole, _, _ = log.read_text().rpartition("\n")
    return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]


class ServedProcess:
    """`python -m common.serve TARGET` on a port, with this environment added."""

    def __init__(self, target: str, port: int, log: Path, **environment: str) -> None:
        self.port = port
        self._target = target
        self._log = log
        self._environment = environment
        self.process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start it, and wait for nothing."""
        environment = {**os.environ, "RELAY_METRICS_PORT": "0", **self._environment}
        environment |= {"RELAY_HOST": "127.0.0.1", "PORT": str(self.port)}
        command = [sys.executable, "-m", "common.serve", self._target]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                launched(command), env=environment, stdout=log, stderr=log
            )

    def start(self, ready_path: str = "/health/ready") -> None:
        """Start, and return when it answers `ready_path` with 200."""
        self.begin()
        end = time.monotonic() + START_S_MAX
        while not self._answers(ready_path):
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self._target} did not start:\n{self._log.read_text()}")
            time.sleep(0.02)

    def stop(self) -> int:
        """SIGTERM and wait. Gives the exit code."""
        self.process.terminate()
        return self.process.wait(60)

    def kill(self) -> None:
        """kill -9 and wait."""
        self.process.kill()
        self.process.wait()

    def await_log(self) -> None:
        """Until what was logged before the last answer is in the file, if the process lives.

        Lines are written at the end of a turn of its event loop, so another answer comes later.
        """
        if self.process is not None and self.process.poll() is None:
            self._answers("/health/live")

    def _answers(self, path: str) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()
