"""Mixed traffic as real callers make it: whole answers, streams, errors, callers who leave.

Raw asyncio sockets, so that a caller can leave at any byte and so that fifty at once cost little.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

KINDS = (
    "chat",
    "chat_stream",
    "messages",
    "messages_stream",
    "chat_tools",
    "error_status",
    "cut_stream",
    "leave_early",
    "leave_in_stream",
    "bad_request",
)


@dataclass
class Seen:
    """What callers saw, by request id and by kind."""

    ids: dict[str, str] = field(default_factory=dict)
    statuses: Counter = field(default_factory=Counter)
    whole: set[str] = field(default_factory=set)
    broken: int = 0


def _body(kind: str, number: int) -> tuple[str, dict]:
    text = f"request {number} " + "word " * (number % 17)
    if kind == "error_status":
        text += f" [[echo status={(400, 500, 503)[number % 3]}]]"
    elif kind == "cut_stream":
        text += " [[echo words=40,cut_after=5]]"
    elif kind in ("leave_early", "leave_in_stream"):
        text += " [[echo words=200,chunk_delay_ms=20,delay_ms=50]]"
    if kind.startswith("messages"):
        body: dict = {
            "model": "claude-sonnet-4-5",
            "max_tokens": 300,
            "messages": [{"role": "user", "content": text}],
        }
        if kind == "messages_stream":
            body["stream"] = True
        return "/v1/messages", body
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}
    if kind in ("chat_stream", "cut_stream", "leave_in_stream"):
        body["stream"] = True
    elif kind == "chat_tools":
        parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
        function = {"name": "weather", "parameters": parameters}
        body["tools"] = [{"type": "function", "function": function}]
        body["tool_choice"] = {"type": "function", "function": {"name": "weather"}}
    elif kind == "bad_request":
        del body["model"]
    return "/v1/chat/completions", body


async def run_mixed(
    urls: Sequence[str], keys: Sequence[str], count: int, concurrency: int, seed: int = 1
) -> Seen:
    """Send `count` requests of all kinds, `concurrency` at once, by all keys to all addresses."""
    seen = Seen()
    order = random.Random(seed)
    kinds = [KINDS[number % len(KINDS)] for number in range(count)]
    order.shuffle(kinds)
    work = iter(list(enumerate(kinds)))

    async def worker() -> None:
        for number, kind in work:
            try:
                async with asyncio.timeout(60):
                    url = urls[number % len(urls)]
                    # Divided first, so that each key is used at each address.
                    key = keys[number // len(urls) % len(keys)]
                    while await _request(url, key, kind, number, seen) == 503:
                        if kind == "error_status":
                            break
                        # A store is away: as an SDK does, the caller comes again.
                        await asyncio.sleep(0.2)
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                seen.broken += 1

    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return seen


async def _request(url: str, key: str, kind: str, number: int, seen: Seen) -> int:
    """One request; the answer's status, 0 without one."""
    parts = urlsplit(url)
    path, body = _body(kind, number)
    payload = json.dumps(body).encode()
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {key}\r\n"
            f"anthropic-version: 2023-06-01\r\ncontent-type: application/json\r\n"
            f"content-length: {len(payload)}\r\nconnection: close\r\n\r\n"
        )
        writer.write(head.encode() + payload)
        await writer.drain()
        if kind == "leave_early":
            await asyncio.sleep(0.02)
            return 0
        answer = await reader.readuntil(b"\r\n\r\n")
        status = int(answer.split(b" ", 2)[1])
        request_id = _header(answer, "x-request-id")
        seen.statuses[status] += 1
        if request_id:
            seen.ids[request_id] = kind
        if kind == "leave_in_stream":
            await reader.read(100)
            return status
        await reader.read()
        if request_id:
            seen.whole.add(request_id)
        return status
    finally:
        writer.transport.abort() if kind.startswith("leave") else writer.close()


def _header(head: bytes, name: str) -> str:
    for line in head.decode("latin-1").split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.strip().lower() == name:
            return value.strip()
    return ""


async def run_streams(url: str, key: str, count: int) -> list[bytes]:
    """So many streams of two seconds at once; what each caller got last."""
    content = "a stream [[echo words=20,chunk_delay_ms=100]]"
    body = {
        "model": "gpt-4o-mini",
        "stream": True,
        "messages": [{"role": "user", "content": content}],
    }
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        headers = {"authorization": f"Bearer {key}"}

        async def one() -> bytes:
            answer = await client.post(f"{url}/v1/chat/completions", json=body, headers=headers)
            return answer.content

        return list(await asyncio.gather(*(one() for _ in range(count))))
