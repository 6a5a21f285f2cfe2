"""The whole stack from the built images: each part a restricted container, stores on the host."""

import json
import secrets
import subprocess
import sys
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from cli.dev.manifests import MANIFESTS_DIRECTORY, load_manifests
from cli.dev.ports import free_port
from tests.images.containers import Container, run
from tests.support.edge import KEY_ADMIN_HOST, RELAY_HOST, NameServer, render
from tests.support.processes import ROOT

FUNCTIONS = ("relay", "key_admin", "usage_aggregation", "cleanup", "notifications")
# The names of both functions lead to one port, so each has a loopback address of its own.
ADDRESSES = {"relay": "127.0.0.2", "key_admin": "127.0.0.3"}
READY_S_MAX = 30.0


class Stack:
    """Started whole by `start`; `parts` are the containers by name."""

    def __init__(
        self, directory: Path, image: str, edge_image: str, database_url: str, redis_url: str
    ) -> None:
        self.master_key = secrets.token_hex(16)
        self.edge_token = secrets.token_hex(16)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._directory = directory
        self._image = image
        self._backend_port = free_port()
        self._ports = dict.fromkeys(("relay", "key_admin"), self._backend_port)
        self._ports |= {
            name: free_port()
            for name in ("usage_aggregation", "cleanup", "notifications", "broker")
        }
        self._echo_port = free_port()
        # Postgres listens on a socket in a directory of its own, closed to all others.
        self._sockets = parse_qs(urlsplit(database_url).query)["host"][0]
        Path(self._sockets).chmod(0o755)
        self._volume = f"--volume={self._sockets}:/sockets"
        self._environment = {
            "RELAY_DATABASE_URL": f"{database_url.partition('?')[0]}?host=/sockets",
            "RELAY_REDIS_URL": redis_url,
            "RELAY_INTERNAL_SECRET": secrets.token_hex(32),
            "RELAY_EDGE_TOKEN": self.edge_token,
            "RELAY_METRICS_PORT": "0",
            "K_SINK": f"http://127.0.0.1:{self._ports['broker']}{_broker_path()}",
            "OPENAI_API_KEY": "echo",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{self._echo_port}/v1",
            "ANTHROPIC_API_KEY": "echo",
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{self._echo_port}",
        }
        self._names = NameServer(**{RELAY_HOST: "127.0.0.2", KEY_ADMIN_HOST: "127.0.0.3"})
        self._broker: subprocess.Popen[bytes] | None = None
        self.parts = {name: self._function(name) for name in FUNCTIONS}
        self.parts["echo"] = self._echo()
        self.parts["edge"] = self._edge(edge_image)

    def start(self) -> None:
        """Migrate, then start everything."""
        migrate = ("relayctl", "migrate")
        run(self._image, *migrate, options=(self._volume,), **self._environment)
        self._start_broker()
        self.start_what_has_stopped()

    def start_what_has_stopped(self) -> None:
        """Start every part that does not run."""
        for part in self.parts.values():
            if not part.running:
                part.start()

    def remove(self) -> None:
        """Delete all of it."""
        for part in self.parts.values():
            part.remove()
        if self._broker is not None:
            self._broker.terminate()
            self._broker.wait(30)
        self._names.close()

    def create_key(self) -> str:
        """A key, by the seed's call: the value that is shown once."""
        answer = self.ask_admin(
            "POST", "/internal/api-keys", {"name": "team-alpha", "user_id": "alice"}
        )
        return str(answer["key"])

    def ask_admin(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the admin API, through the edge."""
        headers = {"authorization": f"Bearer {self.master_key}"}
        answer = httpx.request(method, self.url + path, json=body, headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def stream(self, key: str, text: str) -> httpx.Response:
        """A streamed chat through the edge, read whole."""
        with self.open_stream(key, text) as answer:
            answer.read()
        return answer

    def open_stream(self, key: str, text: str) -> AbstractContextManager[httpx.Response]:
        """A streamed chat through the edge, to be read."""
        messages = [{"role": "user", "content": text}]
        return httpx.stream(
            "POST",
            f"{self.url}/v1/chat/completions",
            headers={"authorization": f"Bearer {key}"},
            json={"model": "gpt-4o", "stream": True, "messages": messages},
            timeout=60,
        )

    def records(self, request_ids: set[str]) -> list[dict[str, Any]]:
        """The records of these requests, as soon as the ledger has all of them."""
        end = time.monotonic() + READY_S_MAX
        while True:
            items = self.ask_admin("GET", "/internal/usage/records?limit=500")["items"]
            found = [item for item in items if item["id"] in request_ids]
            if len(found) == len(request_ids):
                return found
            if time.monotonic() > end:
                raise TimeoutError(f"{len(found)} of {len(request_ids)} are in the ledger")
            time.sleep(0.2)

    def send_event(self, kind: str, data: Any) -> int:
        """Hand an event to the broker, as a PingSource does. Gives the status."""
        headers = {
            "ce-specversion": "1.0",
            "ce-id": secrets.token_hex(8),
            "ce-source": "/apis/v1/namespaces/default/pingsources/test",
            "ce-type": kind,
        }
        sink = self._environment["K_SINK"]
        return httpx.post(sink, json=data, headers=headers, timeout=30).status_code

    def _function(self, name: str) -> Container:
        host = ADDRESSES.get(name, "127.0.0.1")
        environment = self._environment | {"PORT": str(self._ports[name]), "RELAY_HOST": host}
        if name == "key_admin":
            environment["PROXY_MASTER_KEY"] = self.master_key
        return Container(
            self._image,
            ("python", "-m", "common.serve", f"functions.{name}.main:application"),
            port=self._ports[name],
            host=host,
            options=(self._volume,),
            **environment,
        )

    def _echo(self) -> Container:
        command = ("python", "-m", "echo_provider", "--port", str(self._echo_port))
        return Container(self._image, command, port=self._echo_port)

    def _edge(self, image: str) -> Container:
        files = self._directory / "edge"
        files.mkdir()
        conf = render(
            self._directory,
            port=self.port,
            resolver=self._names.address,
            backendPort=self._backend_port,
        )
        (files / "nginx.conf").write_text(conf)
        line = f'proxy_set_header X-Relay-Edge-Token "{self.edge_token}";\n'
        (files / "token.conf").write_text(line)
        command = ("nginx", "-e", "/dev/stderr", "-c", "/etc/relay-edge/nginx.conf")
        return Container(
            image,
            (*command, "-g", "daemon off;"),
            port=self.port,
            options=("--user=65532:65532", f"--volume={files}:/etc/relay-edge:ro"),
        )

    def _start_broker(self) -> None:
        port = self._ports["broker"]
        command = [sys.executable, "-m", "cli.dev.broker", "--port", str(port)]
        command += ["--manifests", str(MANIFESTS_DIRECTORY)]
        command += ["--state", str(self._directory / "broker")]
        for name in FUNCTIONS:
            host = ADDRESSES.get(name, "127.0.0.1")
            service = f"relay-{name.replace('_', '-')}"
            command += ["--service", f"{service}=http://{host}:{self._ports[name]}"]
        with (self._directory / "broker.log").open("ab") as log:
            self._broker = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
        end = time.monotonic() + READY_S_MAX
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/state").raise_for_status()
            except httpx.HTTPError:
                if time.monotonic() > end or self._broker.poll() is not None:
                    raise
                time.sleep(0.05)
            else:
                return


def _broker_path() -> str:
    return load_manifests(MANIFESTS_DIRECTORY).broker.path


class Streams:
    """Streams under way in threads of their own; `answers` in no order."""

    def __init__(self, stack: Stack, key: str, texts: list[str]) -> None:
        self.answers: list[httpx.Response] = []
        self.failures: list[Exception] = []
        self._begun = threading.Barrier(len(texts) + 1, timeout=READY_S_MAX)
        self._threads = [
            threading.Thread(target=self._run, args=(stack, key, text)) for text in texts
        ]
        for thread in self._threads:
            thread.start()

    def wait_until_under_way(self) -> None:
        """Wait until each has its first event."""
        self._begun.wait()

    def wait(self) -> None:
        """Wait for the end of all of them."""
        for thread in self._threads:
            thread.join()

    def _run(self, stack: Stack, key: str, text: str) -> None:
        try:
            with stack.open_stream(key, text) as answer:
                chunks = answer.iter_raw()
                first = next(chunks)
                self._begun.wait()
                body = first + b"".join(chunks)
            self.answers.append(
                httpx.Response(answer.status_code, headers=answer.headers, content=body)
            )
        except httpx.HTTPError as error:
            self.failures.append(error)


def events_of(answer: httpx.Response) -> list[str]:
    """The `data` of each event."""
    blocks = answer.text.split("\n\n")
    return [block.removeprefix("data: ") for block in blocks if block.startswith("data: ")]


def text_of(answer: httpx.Response) -> str:
    """What the model said."""
    chunks = [json.loads(data) for data in events_of(answer) if data != "[DONE]"]
    parts = [choice["delta"].get("content") or "" for c in chunks for choice in c["choices"]]
    return "".join(parts)
