"""The edge's nginx as a process, from the chart's own template, before functions by name."""

import http.client
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from cli.dev.front_door_routes import Route
from tests.support.processes import ROOT

TEMPLATE = ROOT / "helm/relay/templates/edge/_nginx.tpl"
TOKEN_FILE = "/etc/relay-edge/token.conf"
RELAY_HOST = "rel-relay.gateway.svc.cluster.local"
KEY_ADMIN_HOST = "rel-key-admin.gateway.svc.cluster.local"
HOSTS = {Route.RELAY: RELAY_HOST, Route.KEY_ADMIN: KEY_ADMIN_HOST}
TOKEN = "the-edge-token-of-this-test"
TOKEN_LINE = f'proxy_set_header X-Relay-Edge-Token "{TOKEN}";\n'
ULID = re.compile(r"[0-7][0-9a-hjkmnp-tv-z]{25}", re.IGNORECASE)
UID = 65532  # any but root, when the tests run as root
START_S_MAX = 60.0
NO_NGINX = "nginx is not here: apt-get install nginx-light, or brew install nginx"
_CONFIG_MAP = 'conf: {{ include "relay.edge.nginxConf" .Values | toJson }}\n'


def render(directory: Path, **values: object) -> str:
    """nginx.conf by a chart that has nothing but the edge's template."""
    chart = directory / "chart"
    (chart / "templates").mkdir(parents=True, exist_ok=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: edge\nversion: 0.0.1\n")
    shutil.copy(TEMPLATE, chart / "templates")
    (chart / "templates/conf.yaml").write_text(_CONFIG_MAP)
    (chart / "values.json").write_text(json.dumps(DEFAULTS | values))
    command = [_helm(), "template", "rel", str(chart)]
    command += ["--values", str(chart / "values.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    rendered = next(line for line in done.stdout.splitlines() if line.startswith("conf: "))
    return str(json.loads(rendered.removeprefix("conf: ")))


def _helm() -> str:
    """The helm that scripts/install puts beside the interpreter, else any."""
    for name in ("helm4", "helm"):
        if found := shutil.which(name, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"):
            return found
    raise RuntimeError("helm is not here: make .venv/.installed-test installs it")


DEFAULTS: dict[str, object] = {
    "resolver": "127.0.0.1",
    "port": 8000,
    "bodyLimit": "32m",
    "trustedProxies": [],
    "backends": {"relay": RELAY_HOST, "keyAdmin": KEY_ADMIN_HOST},
    "backendPort": 80,
    "timeoutSeconds": 600,
    "exposeInternal": True,
}


class NameServer:
    """DNS over UDP (RFC 1035) that knows a few names, and for each a loopback address."""

    def __init__(self, *names: str, **addresses: str) -> None:
        self.addresses = dict.fromkeys(names, "127.0.0.1") | addresses
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """End."""
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                query, sender = self._socket.recvfrom(512)
                self._socket.sendto(self._answer(query), sender)
            except OSError:
                return

    def _answer(self, query: bytes) -> bytes:
        labels, at = [], 12
        while length := query[at]:
            labels.append(query[at + 1 : at + 1 + length].decode())
            at += 1 + length
        question, (kind,) = query[12 : at + 5], struct.unpack(">H", query[at + 1 : at + 3])
        address = self.addresses.get(".".join(labels))
        known = address is not None
        found = known and kind == 1
        header = query[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, found, 0, 0)
        record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 4)
        record += socket.inet_aton(address or "0.0.0.0")
        return header + question + (record if found else b"")


def find_nginx() -> str | None:
    """The server program; Debian keeps it where only root looks."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Edge:
    """nginx on a port, all of its files in a directory of its own. `values` as in the template."""

    def __init__(self, *, port: int, token_line: str = "", **values: object) -> None:
        self.port = port
        # pytest's directories are closed to all but their owner, who may be root.
        self.directory = Path(tempfile.mkdtemp(prefix="relay-edge-"))
        conf = render(self.directory, port=port, **values)
        token = self.directory / "token.conf"
        token.write_text(token_line)
        conf = conf.replace("/tmp/", f"{self.directory}/").replace(TOKEN_FILE, str(token))
        self._conf = self.directory / "nginx.conf"
        self._conf.write_text(conf)
        self.log = self.directory / "log"
        self.log.touch()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when it answers."""
        nginx = find_nginx()
        if nginx is None:
            raise RuntimeError(NO_NGINX)
        command = [nginx, "-e", "/dev/stderr", "-c", str(self._conf), "-g", "daemon off;"]
        as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            as_user = {"user": UID, "group": UID, "extra_groups": []}
            for path in (self.directory, *self.directory.iterdir()):
                os.chown(path, UID, UID)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, **as_user)
        end = time.monotonic() + START_S_MAX
        while True:
            try:
                if self.ask("/health/ready")[0] == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"nginx did not start:\n{self.log.read_text()}")
            time.sleep(0.02)

    def stop(self) -> int:
        """SIGQUIT, which drains, and wait. Gives the exit code."""
        if self.process is None:
            raise RuntimeError("it was not started")
        self.process.send_signal(3)
        return self.process.wait(20)

    def remove(self) -> None:
        """Kill it and delete its files."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)
        shutil.rmtree(self.directory)

    def ask(
        self, path: str | bytes, *headers: str, method: str = "GET", body: bytes = b""
    ) -> tuple[int, dict[str, str], bytes]:
        """One request with these bytes as its path: status, headers, body."""
        raw = path.encode() if isinstance(path, str) else path
        lines = [b"%s %s HTTP/1.1" % (method.encode(), raw), b"host: edge.test:1"]
        lines.append(b"connection: close")
        lines += [line.encode() for line in headers]
        if body:
            lines.append(b"content-length: %d" % len(body))
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
            answer = http.client.HTTPResponse(connection, method=method)
            answer.begin()
            got = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, got, answer.read()

    def where(self, path: bytes) -> Route:
        """Where it leads a request, told from what the function saw of it."""
        status, headers, body = self.ask(path)
        content = json.loads(body)
        if "raw_path" in content:
            assert content["raw_path"].encode("latin-1") == path
            return next(to for to, host in HOSTS.items() if ["host", host] in content["headers"])
        assert ULID.fullmatch(headers["x-request-id"])
        if status == 200:
            assert content == {"status": "ok"}
            return Route.EDGE
        assert status in {400, 404}
        return Route.NOWHERE

    def headers_seen(self, *headers: str) -> list[tuple[str, str]]:
        """What the function hears of a request with these headers."""
        seen = json.loads(self.ask("/v1/describe", *headers)[2])["headers"]
        return [(name, value) for name, value in seen if name != "connection"]

    def logged(self) -> list[dict[str, str]]:
        """The access log."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]
