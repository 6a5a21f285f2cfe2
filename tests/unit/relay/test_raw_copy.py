"""Bytes without events: when an answer is all there, whatever its caller does next."""

import asyncio
import contextlib

import pytest

from common.dialects import DIALECTS, OPERATIONS
from functions.relay import streaming
from functions.relay.open_request import OpenRequest


class Provider:
    """An exchange that gives these pieces, and then nothing more."""

    provider = "the provider"
    status = 200

    def __init__(self, length, *pieces):
        self.headers = [("content-length", length)] if length else []
        self._pieces = list(pieces)

    def header(self, name):
        return dict(self.headers).get(name)

    async def read_chunk(self):
        return self._pieces.pop(0) if self._pieces else await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("length", "pieces", "complete"),
    [
        ("6", [b"abc", b"def"], True),
        ("6", [b"abcdef"], True),
        ("7", [b"abc", b"def"], False),
        (None, [b"abc", b"def"], False),
    ],
)
async def test_a_caller_who_has_all_of_a_known_length_may_leave(length, pieces, complete):
    request = OpenRequest("01ARYZ6S41TSV4RRFFQ69G5FAV", {"headers": []}, "here")
    request.dialect, request.operation = DIALECTS["openai"], OPERATIONS["audio.speech"]
    sent = asyncio.Queue()
    exchange = Provider(length, *pieces)
    copying = asyncio.create_task(streaming.copy_raw(request, exchange, "audio/mpeg", sent.put))
    for _ in range(1 + len(pieces)):  # the head, too
        await asyncio.wait_for(sent.get(), 5)
    await asyncio.sleep(0)
    copying.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await copying
    assert request.complete == complete
