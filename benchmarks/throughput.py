"""Requests a second and CPU a request of relay, relative to a bare asyncio server.

`python -m benchmarks.throughput [seconds]` prints a Markdown table. Client, relay, provider and
Redis share this machine: requests a second say little, CPU a request says more, ratios most.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from cli.dev.ports import free_port
from tests.support.echo import EchoProcess
from tests.support.relay_process import RelayProcess
from tests.support.servers import RedisServer

SECONDS = 4.0
CONNECTIONS = 64
# The floor: as in the cold start's, but connections stay open, as clients of a gateway keep them.
BARE = """
import asyncio, sys
async def answer(reader, writer):
    try:
        while True:
            await reader.readuntil(b"\\r\\n\\r\\n")
            writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok")
            await writer.drain()
    except asyncio.IncompleteReadError:
        writer.close()
async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()
asyncio.run(main())
"""
CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}
STREAM = CHAT | {
    "stream": True,
    "messages": [{"role": "user", "content": "hello [[echo chunks=50]]"}],
}


def main(arguments: list[str]) -> None:
    seconds = float(arguments[0]) if arguments else SECONDS
    directory = Path(tempfile.mkdtemp())
    port = free_port()
    bare = subprocess.Popen([sys.executable, "-c", BARE, str(port)])
    try:
        with (
            RedisServer(directory) as redis,
            EchoProcess(directory) as echo,
            RelayProcess(directory, redis, echo.url) as relay,
        ):
            relay.reset()
            figures = {
                "bare asyncio, 200": _measure(
                    f"http://127.0.0.1:{port}", "", None, bare.pid, seconds
                ),
                "relay, /health/live": _measure(relay.url, relay.key, None, relay.pid, seconds),
                "relay, chat": _measure(relay.url, relay.key, CHAT, relay.pid, seconds),
                "relay, stream of 50 chunks": _measure(
                    relay.url, relay.key, STREAM, relay.pid, seconds
                ),
            }
    finally:
        bare.kill()
        bare.wait()
    floor = figures["bare asyncio, 200"][1]
    print("| what | requests/s | CPU µs a request | ratio to bare |\n|---|---|---|---|")
    for name, (rate, cpu) in figures.items():
        print(f"| {name} | {rate:.0f} | {cpu:.0f} | {cpu / floor:.1f} |")


def _measure(
    url: str, key: str, body: dict | None, pid: int, seconds: float
) -> tuple[float, float]:
    """Requests a second, and microseconds of the server's CPU a request."""
    asyncio.run(_load(url, key, body, min(seconds, 0.5)))
    process = psutil.Process(pid)
    before = sum(process.cpu_times()[:2])
    began = time.perf_counter()
    count = asyncio.run(_load(url, key, body, seconds))
    took = time.perf_counter() - began
    cpu = sum(process.cpu_times()[:2]) - before
    return count / took, cpu / count * 1e6


async def _load(url: str, key: str, body: dict | None, seconds: float) -> int:
    count = 0
    ends = time.perf_counter() + seconds
    request = _request(url, key, body)

    async def caller() -> None:
        nonlocal count
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=2**22)
        while time.perf_counter() < ends:
            writer.write(request)
            await _read_answer(reader)
            count += 1
        writer.close()

    await asyncio.gather(*(caller() for _ in range(CONNECTIONS)))
    return count


async def _read_answer(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise RuntimeError(head.decode("latin-1"))
    at = head.find(b"content-length:")
    if at >= 0:
        await reader.readexactly(int(head[at + 15 :].split(b"\r\n", 1)[0]))
    else:
        await reader.readuntil(b"\r\n0\r\n\r\n")


def _request(url: str, key: str, body: dict | None) -> bytes:
    host = urlsplit(url).netloc
    if body is None:
        return f"GET /health/live HTTP/1.1\r\nhost: {host}\r\n\r\n".encode()
    payload = json.dumps(body).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\nx-api-key: {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload


if __name__ == "__main__":
    main(sys.argv[1:])
