"""The candidates but relay: the floor, plain proxies as limits, and the peers.

Every one forwards to the same mock provider, keeps its connections open, writes no access log and
asks callers for no more than its own default does. What each has to do for a request differs, and
`does` says it in the table.
"""

import contextlib
import dataclasses
import json
import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import peers, place
from benchmarks.native import program
from cli.dev.ports import free_port

PATH = "/v1/chat/completions"


@dataclasses.dataclass
class Running:
    """A candidate that takes requests. `helpers` are processes it makes work for, by name."""

    port: int
    pid: int
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    path: str = PATH
    helpers: dict[str, int] = dataclasses.field(default_factory=dict)
    # For one that takes whole turns to answer 64 callers: so many, and turns this much longer.
    connections_max: int = 0
    stretch: float = 1.0
    # Called before each turn.
    prepare: Callable[[], None] = lambda: None
    # Headers for relay's other keys, by scenario.
    keys: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Candidate:
    """`run(directory, provider's port)` is a context manager that gives a `Running`."""

    name: str
    does: str
    version: Callable[[], str]
    run: Callable[[Path, int], contextlib.AbstractContextManager[Running]]
    # It answers by itself: only whole answers can be asked of it.
    is_floor: bool = False


# The floor: a socket, an event loop, an answer; connections stay open.
BARE = """
import asyncio, sys
async def answer(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            at = head.lower().find(b"content-length:")
            if at >= 0:
                await reader.readexactly(int(head[at + 15:].split(b"\\r\\n", 1)[0]))
            writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", int(sys.argv[1]), limit=2**22)
    await server.serve_forever()
asyncio.run(main())
"""


@contextlib.contextmanager
def bare(directory: Path, provider: int) -> Iterator[Running]:
    """A Python server on asyncio that answers 200 itself."""
    del provider
    port = free_port()
    command = [sys.executable, "-c", BARE, str(port)]
    log = directory / "bare.log"
    with place.running(command, port, cores=place.CANDIDATE_CORES, log=log) as pid:
        yield Running(port, pid)


NGINX = """
daemon off; master_process off; worker_processes 1; pid {directory}/nginx.pid;
error_log {directory}/nginx.log crit; worker_rlimit_nofile 16384;
events {{ worker_connections 16384; }}
http {{
  access_log off; client_max_body_size 32m; client_body_buffer_size 2m;
  keepalive_requests 1000000; keepalive_timeout 300s;
  client_body_temp_path {directory}/a; proxy_temp_path {directory}/b;
  fastcgi_temp_path {directory}/c;
  uwsgi_temp_path {directory}/d; scgi_temp_path {directory}/e;
  upstream provider {{ server 127.0.0.1:{provider}; keepalive 8192; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_read_timeout 300s;
    }}
  }}
}}
"""


@contextlib.contextmanager
def nginx(directory: Path, provider: int) -> Iterator[Running]:
    """Debian's nginx as a plain proxy, one worker, unbuffered as streams need it."""
    port = free_port()
    config = directory / "nginx.conf"
    config.write_text(NGINX.format(directory=directory, provider=provider, port=port))
    command = [peers.required("nginx", "nginx"), "-c", str(config), "-p", str(directory)]
    log = directory / "nginx.start.log"
    with place.running(command, port, cores=place.CANDIDATE_CORES, log=log) as pid:
        yield Running(port, pid)


ENVOY_TYPES = "type.googleapis.com/envoy.extensions.filters"
ENVOY = """
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": {types}.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          stream_idle_timeout: 300s
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {{prefix: "/"}}
                route: {{cluster: provider, timeout: 300s}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": {types}.http.router.v3.Router
  clusters:
  - name: provider
    type: STATIC
    circuit_breakers:
      thresholds: [{{max_connections: 16384, max_pending_requests: 16384, max_requests: 16384}}]
    load_assignment:
      cluster_name: provider
      endpoints:
      - lb_endpoints:
        - endpoint:
            address: {{socket_address: {{address: 127.0.0.1, port_value: {provider}}}}}
"""


@contextlib.contextmanager
def envoy(directory: Path, provider: int) -> Iterator[Running]:
    """Envoy as a plain proxy, one worker."""
    port = free_port()
    config = directory / "envoy.yaml"
    config.write_text(ENVOY.format(types=ENVOY_TYPES, provider=provider, port=port))
    binary = peers.installed(peers.ENVOY)
    command = [str(binary), "-c", str(config), "--concurrency", "1", "-l", "critical"]
    command += ["--disable-hot-restart"]
    log = directory / "envoy.log"
    with place.running(command, port, cores=place.CANDIDATE_CORES, log=log) as pid:
        yield Running(port, pid)


@contextlib.contextmanager
def ferrogw(directory: Path, provider: int) -> Iterator[Running]:
    """Ferro's gateway; its limit of 20 requests/s an address, which it has by default, raised."""
    port = free_port()
    config = directory / "ferrogw.yaml"
    config.write_text("strategy:\n  mode: fallback\ntargets:\n  - virtual_key: openai\n")
    variables = {
        "PORT": str(port),
        "GATEWAY_CONFIG": str(config),
        "MASTER_KEY": "fgw_benchmark_of_32_characters_xx",
        "OPENAI_API_KEY": "sk-benchmark",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{provider}/v1",
        "RATE_LIMIT_RPS": "1000000",
        "RATE_LIMIT_BURST": "1000000",
        "LOG_LEVEL": "error",
        "FERRO_MODEL_CATALOG_TIMEOUT": "0",
        "GOMAXPROCS": "1",
    }
    command = [str(peers.installed(peers.FERROGW)), "serve"]
    log = directory / "ferrogw.log"
    with place.running(
        command, port, cores=place.CANDIDATE_CORES, log=log, variables=variables, cwd=directory
    ) as pid:
        yield Running(port, pid, {"authorization": f"Bearer {variables['MASTER_KEY']}"})


@contextlib.contextmanager
def portkey(directory: Path, provider: int) -> Iterator[Running]:
    """Portkey's open gateway on node; the provider's address comes with each request."""
    port = free_port()
    node = peers.required("node", "nodejs")
    command = [node, str(peers.installed(peers.PORTKEY)), "--headless", f"--port={port}"]
    log = directory / "portkey.log"
    variables = {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"}
    headers = {
        "authorization": "Bearer sk-benchmark",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"http://127.0.0.1:{provider}/v1",
    }
    with place.running(
        command, port, cores=place.CANDIDATE_CORES, log=log, variables=variables, cwd=directory
    ) as pid:
        yield Running(port, pid, headers)


@contextlib.contextmanager
def litellm(directory: Path, provider: int) -> Iterator[Running]:
    """LiteLLM's proxy, one worker, without a database: so without keys, budgets, or a ledger."""
    port = free_port()
    config = directory / "litellm.json"
    served = {"model": "openai/gpt-4o-mini", "api_key": "sk-benchmark"}
    served["api_base"] = f"http://127.0.0.1:{provider}/v1"
    model = {"model_name": "gpt-4o-mini", "litellm_params": served}
    config.write_text(json.dumps({"model_list": [model]}))  # JSON is YAML
    binary = peers.installed(peers.LITELLM)
    command = [str(binary), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    key = f"sk-{secrets.token_hex(32)}"
    variables = {
        "LITELLM_MASTER_KEY": key,
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
    }
    log = directory / "litellm.log"
    with place.running(
        command, port, cores=place.CANDIDATE_CORES, log=log, variables=variables, cwd=directory
    ) as pid:
        headers = {"authorization": f"Bearer {key}"}
        yield Running(port, pid, headers, connections_max=8, stretch=2)


@contextlib.contextmanager
def provider() -> Iterator[tuple[int, int]]:
    """The mock provider, on the other cores: its port and process."""
    port = free_port()
    log = Path("/dev/null")
    command = [str(program("provider")), str(port)]
    with place.running(command, port, cores=place.OTHER_CORES, log=log) as pid:
        yield port, pid
