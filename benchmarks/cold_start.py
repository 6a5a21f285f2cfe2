"""Cold start: process start to what each function is waited for, beside a bare asyncio server.

Every function starts as its pod does, `python -m common.serve`, with bytecode there, in turns with
the floor: wall clock, and the process's CPU time until then, which other programs disturb less.
For relay the way is also shown in phases: how much later each is reached than the one before.
"""

import asyncio
import contextlib
import dataclasses
import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import place
from benchmarks.candidates import provider as mock_provider
from benchmarks.figures import Figure, figure
from benchmarks.native import CannotBenchmark
from benchmarks.relay_candidate import KEY, project, variables
from benchmarks.scenarios import MODEL
from cli.dev.ports import free_port
from tests.support.processes import INTERNAL_SECRET, ROOT
from tests.support.servers import RedisServer

ROUNDS = 9
START_S_MAX = 30.0
POLL_S = 0.001

# The floor: a socket, an event loop, and an answer.
BARE = """
import asyncio, sys
async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\nconnection: close\\r\\n\\r\\nok")
    await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()
asyncio.run(main())
"""
IMPORTS = "import common.serve, functions.relay.main"
FUNCTIONS = ("relay", "key_admin", "usage_aggregation", "cleanup", "exporter")
CHAT = b'{"model":"%s","messages":[{"role":"user","content":"hello"}]}' % MODEL.encode()
STREAM = CHAT[:-1].replace(b"hello", b"[[mock:stream=50,10]]") + b',"stream":true}'

Ask = Callable[[int], None]


@dataclasses.dataclass(frozen=True)
class Start:
    """What is started, and what is waited for; without `ask`, that it ends."""

    command: Sequence[str]
    ask: Ask | None
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class ColdStart:
    """Milliseconds from starting the process until what was waited for."""

    wall: Figure
    cpu: Figure


def measure(rounds: int = ROUNDS) -> dict[str, ColdStart]:
    """By what was waited for; one more round than asked writes bytecode."""
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        starts = starts_of(prepared(stack, home))
        with contextlib.suppress(CannotBenchmark):
            starts |= over_tls(stack, home, starts["relay, first chat"])
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in starts}
        for number in range(rounds + 1):
            for name, start in starts.items():
                took = took_ms(start, home / "start.log")
                if number:
                    found[name].append(took)
    return {name: ColdStart(*map(figure, zip(*found[name], strict=True))) for name in found}


def measure_image(rounds: int = ROUNDS) -> str:
    """The same in the production image, as a sentence for the document."""
    from benchmarks import cold_start_image

    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        return cold_start_image.measure(prepared(stack, home), rounds)


def prepared(stack: contextlib.ExitStack, home: Path) -> dict[str, str]:
    """relay's variables, with Redis and the provider there."""
    store = stack.enter_context(RedisServer(home / "redis"))
    port, _ = stack.enter_context(mock_provider())
    asyncio.run(project(store.url, port))
    return variables(store.url, port)


def over_tls(stack: contextlib.ExitStack, home: Path, chat: Start) -> dict[str, Start]:
    """A first chat whose provider is behind TLS, by nginx. Raises `CannotBenchmark`."""
    from benchmarks.tls_provider import behind_tls

    provider = urlsplit(chat.variables["OPENAI_BASE_URL"]).port
    port, authority = stack.enter_context(behind_tls(home / "tls", int(provider or 0)))
    more = {"OPENAI_BASE_URL": f"https://127.0.0.1:{port}/v1", "SSL_CERT_FILE": str(authority)}
    given = dict(chat.variables) | more
    return {"relay, first chat over TLS": dataclasses.replace(chat, variables=given)}


def starts_of(relay: Mapping[str, str]) -> dict[str, Start]:
    """All that is measured, by name: the floor, phases of relay, then the other functions."""
    served = [sys.executable, "-m", "common.serve", "functions.relay.main:application"]
    starts = {
        "bare asyncio, first 200": Start([sys.executable, "-c", BARE, "{port}"], first_200),
        "interpreter": Start([sys.executable, "-c", "pass"], None),
        "imports": Start([sys.executable, "-c", IMPORTS], None, relay),
        "relay, listening": Start(served, listening, relay),
        "relay, first 200": Start(served, first_200, relay),
        "relay, first answer from Redis": Start(served, first_models, relay),
        "relay, first chat": Start(served, first_chat, relay),
        "relay, first streamed byte": Start(served, first_byte, relay),
    }
    others = dict(relay) | {
        "PROXY_MASTER_KEY": INTERNAL_SECRET,
        "RELAY_EDGE_TOKEN": INTERNAL_SECRET,
    }
    for name in FUNCTIONS[1:]:
        command = [sys.executable, "-m", "common.serve", f"functions.{name}.main:application"]
        starts[f"{name}, first 200"] = Start(command, first_200, others)
    return starts


def took_ms(start: Start, log: Path) -> tuple[float, float]:
    """Wall clock and CPU until what is waited for. Raises `RuntimeError` with the log's end."""
    port = free_port()
    command = [part.format(port=port) if part == "{port}" else part for part in start.command]
    given = place.environment(**start.variables, PORT=str(port))
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=given, cwd=ROOT, stdout=output, stderr=output)
        try:
            if start.ask is None:
                _, _, usage = os.wait4(process.pid, 0)
                took_s = time.perf_counter() - began
                process.returncode = 0
                return took_s * 1000, (usage.ru_utime + usage.ru_stime) * 1000
            answered(start.ask, port, began, lambda: process.poll() is not None)
            took_s = time.perf_counter() - began
            return took_s * 1000, place.cpu_s([process.pid]) * 1000
        except (OSError, http.client.HTTPException) as error:
            text = log.read_text(errors="replace").strip()[-600:]
            raise RuntimeError(f"{command} did not start: {text}") from error
        finally:
            process.kill()
            process.wait()


def answered(ask: Ask, port: int, began: float, ended: Callable[[], bool] = bool) -> None:
    """Ask until there is an answer. Raises what asking raised, once it is late or has ended."""
    while True:
        try:
            return ask(port)
        except (OSError, http.client.HTTPException):
            if ended() or time.perf_counter() - began > START_S_MAX:
                raise
            time.sleep(POLL_S)


def listening(port: int) -> None:
    """A connection is taken."""
    _connection(port).connect()


def first_200(port: int) -> None:
    """The readiness probe."""
    _asked(port, "GET", "/health/ready")


def first_models(port: int) -> None:
    """The key is verified in Redis; no provider is asked."""
    _asked(port, "GET", "/v1/models")


def first_chat(port: int) -> None:
    """A whole answer, by way of Redis and the provider."""
    _asked(port, "POST", "/v1/chat/completions", CHAT)


def first_byte(port: int) -> None:
    """The first bytes of a stream, which lasts half a second."""
    _asked(port, "POST", "/v1/chat/completions", STREAM, whole=False)


def _connection(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=START_S_MAX)


def _asked(port: int, method: str, path: str, body: bytes = b"", *, whole: bool = True) -> None:
    connection = _connection(port)
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    connection.request(method, path, body or None, headers)
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"{method} {path}: {answer.status} {answer.read()[:300]!r}")
    answer.read() if whole else answer.read(1)
    connection.close()
