"""Texts of all open requests, analysed together by one thread, beside the event loop.

Each batch takes one text of each request in turn, so that a long prompt holds nobody up; what a
caller who has left was waiting for is not analysed.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from common.pii.wire import Span
from common.telemetry import catalogue

BATCH_CHARACTERS = 16_000
BATCH_TEXTS = 32
RETRY_AFTER_S_MAX = 30

Analyse = Callable[[Sequence[str]], list[list[Span]]]


class QueueFull(Exception):
    """So much waits that it would take too long; `retry_after_s` is when it should be less."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(retry_after_s)
        self.retry_after_s = retry_after_s


class _Request:
    """The texts of one request in one language: which are not begun, and what was found."""

    def __init__(self, language: str, texts: Sequence[str]) -> None:
        self.language = language
        self.texts = texts
        self.next = 0
        self.left = len(texts)
        self.found: list[list[Span]] = [[] for _ in texts]
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def characters_left(self) -> int:
        return sum(len(text) for text in self.texts[self.next :])


class Batches:
    """The queue and the thread. Bound to the event loop of its first call."""

    def __init__(self, analysers: Mapping[str, Analyse], characters_max: int) -> None:
        self._analysers = analysers
        self._characters_max = characters_max
        self._waiting: deque[_Request] = deque()
        self._waiting_characters = 0
        self._characters_per_s = 30_000.0
        self._running: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")

    async def find(self, language: str, texts: Sequence[str]) -> list[list[Span]]:
        """The findings of each text. Raises `QueueFull`, or what the analyser raised."""
        if not texts:
            return []
        request = _Request(language, texts)
        characters = request.characters_left
        if self._waiting and self._waiting_characters + characters > self._characters_max:
            after_s = self._waiting_characters / self._characters_per_s
            raise QueueFull(min(max(round(after_s), 1), RETRY_AFTER_S_MAX))
        self._waiting.append(request)
        self._count(characters)
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._run())
        try:
            await request.done
        finally:
            if request in self._waiting:  # the caller left
                self._waiting.remove(request)
                self._count(-request.characters_left)
        return request.found

    async def close(self) -> None:
        """Let what is begun finish; nothing else is."""
        for request in self._waiting:
            request.done.cancel()
        if self._running is not None:
            await asyncio.wait([self._running])
        self._thread.shutdown(wait=False)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while batch := self._take():
            language = batch[0][0].language
            texts = [request.texts[number] for request, number in batch]
            began = time.monotonic()
            try:
                found = await loop.run_in_executor(self._thread, self._analysers[language], texts)
            except Exception as error:  # noqa: BLE001 - for those who wait
                self._fail(batch, error)
                continue
            self._measure(language, sum(map(len, texts)), time.monotonic() - began)
            for (request, number), spans in zip(batch, found, strict=True):
                request.found[number] = spans
                request.left -= 1
                if not request.left and not request.done.done():
                    request.done.set_result(None)
        self._running = None

    def _take(self) -> list[tuple[_Request, int]]:
        """The next texts, all of one language: one of each request, then one more of each."""
        batch: list[tuple[_Request, int]] = []
        characters = 0
        others: list[_Request] = []
        while self._waiting and len(batch) < BATCH_TEXTS:
            request = self._waiting.popleft()
            if batch and request.language != batch[0][0].language:
                others.append(request)
                continue
            text = request.texts[request.next]
            if batch and characters + len(text) > BATCH_CHARACTERS:
                others.append(request)
                break
            batch.append((request, request.next))
            request.next += 1
            characters += len(text)
            if request.next < len(request.texts):
                self._waiting.append(request)
        self._waiting.extendleft(reversed(others))  # they are the next
        self._count(-characters)
        return batch

    def _fail(self, batch: list[tuple[_Request, int]], error: Exception) -> None:
        for request, _ in batch:
            if request in self._waiting:
                self._waiting.remove(request)
                self._count(-request.characters_left)
            if not request.done.done():
                request.done.set_exception(error)

    def _measure(self, language: str, characters: int, seconds: float) -> None:
        catalogue.PII_CHARACTERS.increment(characters, language=language)
        catalogue.PII_BATCH_SECONDS.observe(seconds)
        self._characters_per_s += 0.2 * (characters / max(seconds, 1e-3) - self._characters_per_s)

    def _count(self, characters: int) -> None:
        self._waiting_characters += characters
        catalogue.PII_WAITING.set(self._waiting_characters)
