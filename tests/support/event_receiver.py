"""A subscriber that answers as a test says, and a broker in a process of its own before it."""

import http.client
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import yaml

from cli.dev.launching import launched
from cli.dev.ports import free_port

START_S_MAX = 60.0


@dataclass
class Answer:
    """What the subscriber says to one delivery."""

    status: int = 204
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    pause_s: float = 0.0


@dataclass
class Delivered:
    """One delivery that arrived."""

    path: str
    headers: dict[str, str]
    body: bytes
    time_s: float

    @property
    def id(self) -> str:
        return self.headers["ce-id"]


class Receiver:
    """A real HTTP server. `answers` are used up in order, then `default` is given."""

    def __init__(self) -> None:
        self.delivered: list[Delivered] = []
        self.answers: list[Answer] = []
        self.default = Answer()
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                answer = receiver._take(self.path, dict(self.headers.items()), body)
                time.sleep(answer.pause_s)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.status != 204:
                    self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *arguments: object) -> None:
                pass

            def handle(self) -> None:
                with suppress(ConnectionError):  # the broker may give up waiting
                    super().handle()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _take(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        lower = {name.lower(): value for name, value in headers.items()}
        with self._lock:
            self.delivered.append(Delivered(path, lower, body, time.monotonic()))
            return self.answers.pop(0) if self.answers else self.default

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def write_manifests(directory: Path, triggers: Sequence[dict[str, Any]]) -> Path:
    """A Broker, the Services that the Triggers name, and the Triggers (name and spec)."""
    directory.mkdir(exist_ok=True)
    names = {trigger["subscriber"]["ref"]["name"] for trigger in triggers}
    sinks = [trigger["delivery"].get("deadLetterSink") for trigger in triggers]
    names |= {sink["ref"]["name"] for sink in sinks if sink}
    documents = [{"kind": "Broker", "metadata": {"name": "relay"}}]
    documents += [{"kind": "Service", "metadata": {"name": name}} for name in sorted(names)]
    for number, spec in enumerate(triggers):
        made = {"kind": "Trigger", "metadata": {"name": f"trigger-{number}"}}
        documents.append({**made, "spec": {"broker": "relay", **spec}})
    (directory / "1.yaml").write_text(yaml.safe_dump_all(documents))
    return directory


def trigger(event_type: str, service: str = "receiver", **delivery: Any) -> dict[str, Any]:
    """A Trigger's spec for `write_manifests`, with short waits."""
    short = {"retry": 2, "backoffPolicy": "exponential", "backoffDelay": "PT0.01S"}
    return {
        "filters": [{"exact": {"type": event_type}}],
        "subscriber": {"ref": {"kind": "Service", "name": service}},
        "delivery": {**short, "timeout": "PT5S", **delivery},
    }


class BrokerProcess:
    """`python -m cli.dev.broker`, and its HTTP interface."""

    def __init__(self, manifests: Path, state: Path, services: dict[str, str]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.state_directory = state
        self._command = [sys.executable, "-m", "cli.dev.broker", "--port", str(self.port)]
        self._command += ["--manifests", str(manifests), "--state", str(state)]
        for name, url in services.items():
            self._command += ["--service", f"{name}={url}"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.state_directory.mkdir(exist_ok=True)
        log_path = self.state_directory / "broker.log"
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(launched(self._command), stdout=log, stderr=log)
        end = time.monotonic() + START_S_MAX
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the broker did not start:\n{log_path.read_text()}")
            time.sleep(0.02)

    def send_signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.send_signal(number)
        return self._process.wait(60)

    def send(self, event_type: str, event_id: str, **more: Any) -> int:
        headers = {"ce-specversion": "1.0", "ce-id": event_id, "ce-source": "/tests"}
        headers |= {"ce-type": event_type, "content-type": "application/json"}
        headers |= more.pop("headers", {})
        content = more.pop("content", b'{"n": 1}')
        return self.post("/default/relay", headers, content).status_code

    def post(self, path: str, headers: dict[str, str], content: bytes) -> httpx.Response:
        return httpx.post(self.url + path, headers=headers, content=content, trust_env=False)

    def get(self, path: str) -> Any:
        return httpx.get(self.url + path, trust_env=False).raise_for_status().json()

    def put(self, path: str, body: Any) -> httpx.Response:
        return httpx.put(self.url + path, json=body, trust_env=False)

    def wait_until_idle(self) -> dict[str, Any]:
        """The state when nothing is queued any more."""
        until(lambda: self.get("/state")["queued"] == 0)
        return self.get("/state")

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


@contextmanager
def running_broker(
    directory: Path, triggers: Sequence[dict[str, Any]], services: dict[str, str]
) -> Iterator[BrokerProcess]:
    """A broker with these Triggers, stopped at the end."""
    manifests = write_manifests(directory / "manifests", triggers)
    broker = BrokerProcess(manifests, directory / "state", services)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop(signal.SIGKILL)


def until(condition: Callable[[], bool], seconds_max: float = 60) -> None:
    """Wait for something that happens elsewhere."""
    end = time.monotonic() + seconds_max
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it did not happen")
        time.sleep(0.01)
