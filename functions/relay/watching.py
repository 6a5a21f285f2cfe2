"""Noticing that a caller has left, for those whose answer takes longer than a moment.

A watch is a task that waits for the server's word, which a quick answer never needs. So it begins
when a stream does, whose provider is to be stopped at once; else with the second tick of one timer
that all requests share, `AFTER_S` apart. Who is served by then was never watched.
"""

import asyncio

from functions.relay.caller_body import CallerBody
from functions.relay.open_request import OpenRequest

AFTER_S = 0.25

Watched = dict[str, tuple[OpenRequest, CallerBody]]


class Watches:
    """The requests that are open, and the watches of those that are so for long."""

    def __init__(self) -> None:
        self._new: Watched = {}
        self._older: Watched = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, request: OpenRequest, body: CallerBody) -> None:
        """Notice when the request's caller leaves, in the beginning up to 2 `AFTER_S` later."""
        self._new[request.id] = (request, body)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(AFTER_S, self._tick)

    def hasten(self, request: OpenRequest) -> None:
        """Notice it at once from now on."""
        new = self._new.pop(request.id, None) or self._older.pop(request.id, None)
        if new is not None:
            self._start(*new)

    def end(self, request: OpenRequest) -> None:
        """The request is over."""
        if self._new.pop(request.id, None) or self._older.pop(request.id, None):
            return
        if (task := self._tasks.pop(request.id, None)) is not None:
            task.cancel()

    def _tick(self) -> None:
        for request, body in self._older.values():
            self._start(request, body)
        self._older, self._new = self._new, {}
        self._timer = None
        if self._older:
            self._timer = asyncio.get_running_loop().call_later(AFTER_S, self._tick)

    def _start(self, request: OpenRequest, body: CallerBody) -> None:
        task = asyncio.get_running_loop().create_task(_watch(request, body))
        self._tasks[request.id] = task


async def _watch(request: OpenRequest, body: CallerBody) -> None:
    """End the request when its caller leaves, so that the provider stops working for nobody.

    Before the answer's head the provider is not hung up on: `forward` waits for it, and learns
    what was used. Where the tenant's policy is to drain, a stream is read on for its figures.
    """
    if request.upload is not None:
        await request.upload.over.wait()  # until then it reads what comes of the caller
    await body.wait_until_gone()
    exchange = request.exchange
    if request.drain(exchange) or (exchange is not None and not exchange.has_head):
        request.caller_gone = True
    else:
        request.interrupt("client_gone")
