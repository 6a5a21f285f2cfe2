"""The echo provider as a process of its own, for tests."""

import http.client
import json
import subprocess
import sys
import time
from pathlib import Path

from cli.dev.launching import launched
from cli.dev.ports import free_port

START_S_MAX = 60.0


class EchoProcess:
    """`python -m echo_provider` on a free port; its output goes to `directory`/echo.log."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = directory / "echo.log"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "EchoProcess":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start, and return when it is ready."""
        command = [sys.executable, "-m", "echo_provider", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(launched(command), stdout=log, stderr=log)
        end = time.monotonic() + START_S_MAX
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"echo_provider did not start:\n{self.log.read_text()}")
            time.sleep(0.02)

    def stop(self) -> int:
        """SIGTERM and wait. Gives the exit code."""
        self.process.terminate()
        return self.process.wait(60)

    def kill(self) -> None:
        """kill -9 and wait."""
        self.process.kill()
        self.process.wait()

    def requests(self) -> list[dict]:
        """The records of the requests since the start or the last `clear`, oldest first."""
        return self._get("GET", "/echo/requests")["requests"]

    def totals(self) -> dict:
        """Sums over all requests since the start or the last `clear`."""
        return self._get("GET", "/echo/totals")

    def last(self) -> dict:
        """The last POST as it came: method, path, query, headers, body."""
        return self._get("GET", "/echo/last")

    def received(self) -> list[dict]:
        """The last POSTs as `last` has one, oldest first; large ones are left out."""
        return self._get("GET", "/echo/received")["requests"]

    def clear(self) -> None:
        """Forget all requests, and the counts of `times`."""
        self._get("DELETE", "/echo/requests")

    def _get(self, method: str, path: str) -> dict:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            if answer.status != 200:
                raise RuntimeError(f"{method} {path}: {answer.status}")
            return json.loads(answer.read())
        finally:
            connection.close()

    def _ready(self) -> bool:
        try:
            return self._get("GET", "/health/ready") == {"status": "ready"}
        except OSError:
            return False


def chat_body(content: str = "hello my world", **fields: object) -> dict:
    """A small request for /v1/chat/completions."""
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": content}], **fields}


def message_body(content: str = "hello my world", **fields: object) -> dict:
    """A small request for /v1/messages."""
    messages = [{"role": "user", "content": content}]
    return {"model": "claude-sonnet-5", "max_tokens": 50, "messages": messages, **fields}
