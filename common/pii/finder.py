"""`ModelFinder` by the function `pii`, which is asked for what is new to a tenant only."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, Self

from common import secrets
from common.pii.client import PiiService
from common.pii.memory import Memory
from common.pii.wire import ASKED_CHARACTERS, TEXTS_MAX, Span
from common.pii_settings import PiiClient
from common.providers.http import UpstreamClient
from common.redaction.found import Found, resolve
from common.redaction.model_findings import ModelUnavailable
from common.redaction.pieces import pieces
from common.state.commands import RedisCommands
from common.state.found_spans import FoundSpans
from common.telemetry import catalogue

# Requests to `pii` for one prompt at the same time: several pods share a long one.
ASKS_MAX = 4
# After so many pieces the event loop is let go on.
_STEP_PIECES = 100
# How long after its time somebody who asks may need to say why there is no answer.
_LAST_WORDS_S = 0.05

Asking = asyncio.Task[dict[str, list[Span]]]


class _Part(NamedTuple):
    number: int
    start: int
    name: str


class PiiFinder:
    """See `common.redaction.model_findings.ModelFinder`."""

    def __init__(self, service: PiiService, memory: Memory, timeout_ms: int) -> None:
        self._service = service
        self._memory = memory
        self._timeout_s = timeout_ms / 1000
        # Pieces that are on their way to `pii`: the same one is asked for once.
        self._asked: dict[str, Asking] = {}

    @classmethod
    def make(
        cls,
        settings: PiiClient,
        internal_secret: str,
        upstream: UpstreamClient,
        redis: RedisCommands,
        state_prefix: str,
    ) -> Self:
        """As the settings say; nothing is connected before the first text."""
        ttl_s = settings.cache_ttl_s
        spans = FoundSpans(redis, state_prefix, ttl_s) if ttl_s else None
        key = secrets.derive(internal_secret, "pii-spans")
        service = PiiService(settings, internal_secret, upstream)
        return cls(service, Memory(key, spans, ttl_s, time.monotonic), settings.timeout_ms)

    async def find(
        self,
        texts: Sequence[str],
        entities: frozenset[str],
        tenant: str,
        language: str | None = None,
    ) -> list[list[Found]]:
        """See `ModelFinder.find`."""
        parts: list[_Part] = []
        wanted: dict[str, str] = {}
        for number, text in enumerate(texts):
            for piece in pieces(text):
                name = self._memory.name(tenant, language, piece.text)
                parts.append(_Part(number, piece.start, name))
                wanted[name] = piece.text
                if len(parts) % _STEP_PIECES == 0:
                    await asyncio.sleep(0)
        found: list[list[Found]] = [[] for _ in texts]
        if not parts:
            return found
        spans = await self._spans(wanted, language)
        for number, offset, name in parts:
            found[number] += [
                Found(offset + start, offset + end, entity, score)
                for start, end, entity, score in spans[name]
                if entity in entities
            ]
        return [resolve(one) for one in found]

    async def close(self) -> None:
        """Stop asking; those who wait get `ModelUnavailable`."""
        asking = set(self._asked.values())
        for one in asking:
            one.cancel()
        if asking:
            await asyncio.wait(asking)

    async def _spans(self, wanted: dict[str, str], language: str | None) -> dict[str, list[Span]]:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._timeout_s
        known = await self._memory.recall(list(wanted), language)
        catalogue.PII_PIECES.increment(len(known), result="remembered")
        catalogue.PII_PIECES.increment(len(wanted) - len(known), result="asked")
        while missing := [name for name in wanted if name not in known]:
            new = {name: wanted[name] for name in missing if name not in self._asked}
            own = self._begin(new, language, until)
            waited_for = {self._asked[name] for name in missing}
            # Not cancelled with this request: others may wait for the same, and it is remembered.
            # Who asks ends by itself when time is up, and says better why: so it is waited a bit.
            left_s = until + _LAST_WORDS_S - loop.time()
            await asyncio.wait(waited_for, timeout=left_s, return_when=asyncio.FIRST_EXCEPTION)
            if loop.time() >= until and not all(asking.done() for asking in waited_for):
                raise ModelUnavailable(f"pii was not through within {self._timeout_s:g} s")
            if any(asking.cancelled() for asking in waited_for):
                raise ModelUnavailable("relay is stopping")
            for asking in waited_for:
                # Whoever began to ask earlier stops waiting earlier; this request goes on then.
                if asking.done() and (asking in own or asking.exception() is None):
                    known |= asking.result()
        return known

    def _begin(self, new: dict[str, str], language: str | None, until: float) -> set[Asking]:
        """Ask for pieces that nobody asks for yet."""
        turns = asyncio.Semaphore(ASKS_MAX)
        begun = set()
        for group in _groups(new):
            asking = asyncio.get_running_loop().create_task(
                self._ask(group, language, turns, until)
            )
            begun.add(asking)
            for name in group:
                self._asked[name] = asking
            asking.add_done_callback(partial(self._end, group))
        return begun

    def _end(self, group: dict[str, str], done: Asking) -> None:
        for name in group:
            self._asked.pop(name, None)
        if not done.cancelled():
            done.exception()  # those who wait are told; perhaps nobody does any more

    async def _ask(
        self,
        group: dict[str, str],
        language: str | None,
        turns: asyncio.Semaphore,
        until: float,
    ) -> dict[str, list[Span]]:
        async with turns:
            findings = await self._service.ask(list(group.values()), language, until)
        found = dict(zip(group, findings.found, strict=True))
        await self._memory.remember(found, findings.version, language)
        return found


def _groups(new: dict[str, str]) -> list[dict[str, str]]:
    """Pieces as they are asked for together."""
    groups: list[dict[str, str]] = []
    characters = ASKED_CHARACTERS
    for name, text in new.items():
        if characters + len(text) > ASKED_CHARACTERS or len(groups[-1]) == TEXTS_MAX:
            groups.append({})
            characters = 0
        groups[-1][name] = text
        characters += len(text)
    return groups
