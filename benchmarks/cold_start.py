"""Process start to first 200 and to first chat, for relay beside a bare asyncio server.

`python -m benchmarks.cold_start [rounds]` prints a Markdown table with medians and ratios of the
same run. A real Redis runs; the provider is the echo provider. Times are wall clock on a shared
machine: read the ratios.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from cli.dev.ports import free_port
from common.domain.keys import KeyRecord, hash_key
from common.state.client import RedisPyCommands
from common.state.projection import put_key, set_epoch
from tests.support.echo import EchoProcess
from tests.support.processes import INTERNAL_SECRET, ROOT
from tests.support.servers import RedisServer

ROUNDS = 11
START_S_MAX = 20.0
KEY = "cr_benchmark"

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

CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}


def main(arguments: list[str]) -> None:
    rounds = int(arguments[0]) if arguments else ROUNDS
    directory = Path(tempfile.mkdtemp())
    with RedisServer(directory) as redis, EchoProcess(directory) as echo:
        asyncio.run(_project(redis.url))
        environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if name != "PYTHONDONTWRITEBYTECODE"
            },
            "RELAY_REDIS_URL": redis.url,
            "RELAY_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "RELAY_INTERNAL_SECRET": INTERNAL_SECRET,
            "RELAY_HOST": "127.0.0.1",
            "RELAY_METRICS_PORT": "0",
            "OPENAI_API_KEY": "k",
            "OPENAI_BASE_URL": f"{echo.url}/v1",
        }
        relay = [sys.executable, "-m", "common.serve", "functions.relay.main:application"]
        figures: dict[str, list[float]] = {"bare": [], "ready": [], "chat": [], "stream": []}
        for _ in range(rounds + 1):  # the first round writes bytecode
            port = free_port()
            bare = [sys.executable, "-c", BARE, str(port)]
            figures["bare"].append(_time(bare, environment, port, _ready))
            for name, ask in (("ready", _ready), ("chat", _chat), ("stream", _stream)):
                port = free_port()
                figures[name].append(_time(relay, environment | {"PORT": str(port)}, port, ask))
        _print({name: values[1:] for name, values in figures.items()})


async def _project(url: str) -> None:
    commands = RedisPyCommands.from_url(url)
    record = KeyRecord(id="01ARYZ6S41TSV4RRFFQ69G5FAV", user_id="benchmark", version=1)
    await put_key(commands, "{relay}", hash_key(KEY), record, "active", None)
    await set_epoch(commands, "{relay}", "01ARYZ6S41TSV4RRFFQ69G5FAV")
    await commands.close()


def _time(
    command: list[str], environment: dict[str, str], port: int, ask: Callable[[int], None]
) -> float:
    begin = time.perf_counter()
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                ask(port)
                return (time.perf_counter() - begin) * 1000
            except (httpx.TransportError, OSError):
                if time.perf_counter() - begin > START_S_MAX:
                    raise
                time.sleep(0.001)
    finally:
        process.kill()
        process.wait()


def _ready(port: int) -> None:
    _CLIENT.get(f"http://127.0.0.1:{port}/health/ready").raise_for_status()


def _chat(port: int) -> None:
    address = f"http://127.0.0.1:{port}/v1/chat/completions"
    _CLIENT.post(address, json=CHAT, headers={"x-api-key": KEY}).raise_for_status()


def _stream(port: int) -> None:
    address = f"http://127.0.0.1:{port}/v1/chat/completions"
    body = CHAT | {"stream": True}
    with _CLIENT.stream("POST", address, json=body, headers={"x-api-key": KEY}) as answer:
        answer.raise_for_status()
        next(answer.iter_raw())


_CLIENT = httpx.Client(timeout=20)


def _print(figures: dict[str, list[float]]) -> None:
    floor = statistics.median(figures["bare"])
    names = {
        "bare": "bare asyncio, first 200",
        "ready": "relay, first 200",
        "chat": "relay, first chat",
        "stream": "relay, first streamed chunk",
    }
    print("| start to | median ms | least | most | ratio to bare |\n|---|---|---|---|---|")
    for key, values in figures.items():
        median = statistics.median(values)
        print(
            f"| {names[key]} | {median:.0f} | {min(values):.0f} | {max(values):.0f} "
            f"| {median / floor:.2f} |"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
