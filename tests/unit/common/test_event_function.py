"""The end of an event function: what is at work ends before its connections do."""

import asyncio
from types import SimpleNamespace

from common.event_function import EventFunction

HEADERS = [
    (f"ce-{name}".encode(), value.encode())
    for name, value in (("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t"))
]


async def test_connections_are_closed_after_the_last_event():
    said = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def handler(worker, event):
        begun.set()
        await go_on.wait()
        said.append(f"event {event.id} ends, stopping {worker.stopping}")

    async def closed():
        said.append("closed")

    application = EventFunction("tests", {"/": handler})
    application._worker = SimpleNamespace(stopping=False, stop=closed)
    asked, ending = asyncio.Queue(), asyncio.Queue()
    asked.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    answers = []

    async def send(message):
        answers.append(message)

    scope = {"type": "http", "path": "/", "method": "POST", "headers": HEADERS}
    event = asyncio.create_task(application(scope, asked.get, send))
    await begun.wait()
    ending.put_nowait({"type": "lifespan.startup"})
    ending.put_nowait({"type": "lifespan.shutdown"})
    stop = asyncio.create_task(application({"type": "lifespan"}, ending.get, send))
    for _ in range(20):
        await asyncio.sleep(0)
    assert application.worker.stopping
    assert said == []
    go_on.set()
    await asyncio.gather(event, stop)
    assert said == ["event 1 ends, stopping True", "closed"]
    assert answers[1]["status"] == 204
