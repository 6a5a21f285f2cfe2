"""Callers of the server of all functions, byte by byte, over real sockets."""

import asyncio
import contextlib

from common.http_server import HTTPServer

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
WITHIN_S = 60


def post(body, *more):
    return b"\r\n".join([b"POST /x?y HTTP/1.1", b"Host: a", *more,
                         b"Content-Length: %d" % len(body), b"", body])  # fmt: skip


async def whole_body(receive):
    parts, more = [], True
    while more:
        message = await receive()
        assert message["type"] == "http.request", message
        parts.append(message["body"])
        more = message["more_body"]
    return b"".join(parts)


async def start(send, status=200, headers=()):
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


async def part(send, body, *, more=False):
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def echo(scope, receive, send):
    body = await whole_body(receive)
    await start(send)
    await part(send, scope["raw_path"] + b" " + body)


class Caller:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def send(self, data):
        self.writer.write(data)

    async def answer(self):
        """The next answer: status, headers, body."""
        head = (await self._read(self.reader.readuntil(b"\r\n\r\n"))).decode()
        status = int(head.split(" ")[1])
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:-2])
        length = int(headers.get("content-length", 0))
        body = await self._read(self.reader.readexactly(length))
        if "transfer-encoding" in headers:
            body = await self._read(self.reader.readuntil(b"0\r\n\r\n"))
        return status, headers, body

    async def rest(self):
        """All that comes until the server ends the connection."""
        try:
            return await self._read(self.reader.read())
        except ConnectionResetError:
            return "reset"

    async def _read(self, reading):
        return await asyncio.wait_for(reading, WITHIN_S)


async def until_true(condition):
    while not condition():  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0.01)


async def settled(value):
    """What it is when it does not change any more."""
    before = None
    while before != value():
        before = value()
        await asyncio.sleep(0.2)
    return before


@contextlib.asynccontextmanager
async def served(application, **limits):
    """A server; gives how to call it, and itself. All connections are closed at the end."""
    server = HTTPServer(
        application, "127.0.0.1", 0, backlog=100, requests_max=limits.get("requests_max", 100)
    )
    serving = asyncio.create_task(server.serve())
    await until_true(lambda: server._listening is not None)
    port = server._listening.sockets[0].getsockname()[1]
    callers = []

    async def call(data=b""):
        callers.append(caller := Caller(*await asyncio.open_connection("127.0.0.1", port)))
        caller.send(data)
        return caller

    call.server, call.serving = server, serving
    yield call
    for caller in callers:
        caller.writer.close()
    server.stop()
    await asyncio.wait_for(serving, WITHIN_S)
