"""A function in the place of `relay` and `key_admin`, for tests of what stands before them.

Run as `python -m common.serve tests.support.upstream:application`. The last path segment says
what it does; `/v1/seen` gives what it saw of the requests so far.
"""

import asyncio
import gzip
import json
import time

CHUNK_PAUSE_S = 0.2
SLOW_S = 1.5
seen = {"disconnects": 0, "requests": []}


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    action = scope["path"].rsplit("/", 1)[-1].replace("-", "_")
    if action in {"seen", "ready"}:
        await _answer(send, seen)
        return
    seen["requests"].append(scope["path"])
    await globals().get(f"_do_{action}", _do_describe)(scope, receive, send)


async def _do_describe(scope, receive, send):
    headers = [[name.decode(), value.decode()] for name, value in scope["headers"]]
    description = {
        "method": scope["method"],
        "raw_path": scope["raw_path"].decode(),
        "query": scope["query_string"].decode(),
        "headers": headers,
        "body": (await _body(receive)).decode("latin-1"),
    }
    extra = [(b"x-kept", b"1"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    await _answer(send, description, [*extra, (b"keep-alive", b"timeout=5")])


async def _do_ticks(scope, receive, send):
    await _body(receive)
    await _start(send)
    for number in range(5):
        await _chunk(send, f"data: {number}\n\n".encode())
        await asyncio.sleep(CHUNK_PAUSE_S)
    await send({"type": "http.response.body", "body": b""})


async def _do_slow(scope, receive, send):
    await asyncio.sleep(1.5)
    await _answer(send, {"slow": True})


async def _do_die(scope, receive, send):
    await _start(send)
    await _chunk(send, b"data: 1\n\n")
    raise RuntimeError("broken off")


async def _do_die_first(scope, receive, send):
    raise SystemExit


async def _do_wait(scope, receive, send):
    """Wait for the caller to go, before or (`?stream`) within an answer."""
    await _body(receive)
    if scope["query_string"] == b"stream":
        await _start(send)
        await _chunk(send, b"data: 1\n\n")
    while (await receive())["type"] != "http.disconnect":
        pass
    seen["disconnects"] += 1


async def _do_flood(scope, receive, send):
    seen["flooded"] = 0
    await _start(send)
    for _ in range(400):
        await _chunk(send, b"x" * 1_000_000)
        seen["flooded"] += 1
    await send({"type": "http.response.body", "body": b""})


async def _do_refuse(scope, receive, send):
    await _answer(send, {"too": "large"}, status=413)


async def _do_slow_reader(scope, receive, send):
    seen["read"] = 0
    slow_until = time.monotonic() + SLOW_S
    more = True
    while more:
        message = await receive()
        seen["read"] += len(message.get("body", b""))
        more = message.get("more_body", False)
        if time.monotonic() < slow_until:
            await asyncio.sleep(0.1)
    await _answer(send, {"read": seen["read"]})


async def _do_redirect(scope, receive, send):
    await _answer(send, {}, [(b"location", b"/v1/describe")], status=307)


async def _do_steer(scope, receive, send):
    """What a proxy obeys when it is an nginx that was not told otherwise."""
    extra = [(b"x-accel-redirect", b"/v1/describe"), (b"x-accel-limit-rate", b"1")]
    await _answer(send, {"steered": False}, extra)


async def _do_packed(scope, receive, send):
    body = gzip.compress(b"packed")
    headers = [(b"content-encoding", b"gzip"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _body(receive):
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _start(send):
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _chunk(send, chunk):
    await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _answer(send, content, headers=(), status=200):
    body = json.dumps(content).encode()
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
