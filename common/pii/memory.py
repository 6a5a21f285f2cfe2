"""What was found in a piece of text, remembered by a keyed hash of it: offsets and types only.

First in this process, then in Redis. A conversation resends its whole history at every turn; with
this only what is new in it is analysed.
"""

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from common.pii.wire import Span
from common.state.commands import RedisReplyError, RedisUnavailable
from common.state.found_spans import FoundSpans
from common.telemetry import logs

PIECES_MAX = 20_000
# How long this process believes itself: a model that was replaced is noticed by asking it.
OWN_S_MAX = 600.0


class Remembered(msgspec.Struct, frozen=True, array_like=True):
    """What one version of the model and its rules found in a piece."""

    version: str
    spans: list[Span]


class _Kept(NamedTuple):
    remembered: Remembered
    until: float


_decoder = msgspec.json.Decoder(Remembered)


class Memory:
    """Remembers and recalls. Where Redis does not answer, it knows what this process knows."""

    def __init__(
        self, key: bytes, spans: FoundSpans | None, ttl_s: int, clock: Callable[[], float]
    ) -> None:
        """`spans`, where it is None, and a `ttl_s` of 0 say that nothing is kept."""
        self._key = key
        self._spans = spans
        self._own_s = min(ttl_s, OWN_S_MAX)
        self._clock = clock
        self._own: OrderedDict[str, _Kept] = OrderedDict()
        # What the model answered last, by language; another version's findings are not recalled,
        # unless this process has not asked yet and cannot know.
        self._versions: dict[str, str] = {}

    def name(self, tenant: str, language: str | None, text: str) -> str:
        """Under which a piece is remembered: nobody without the key can test a guess of a text.

        The same text of two tenants has two names.
        """
        keyed = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in (tenant, language or ""):
            keyed.update(part.encode("utf-8", "surrogateescape") + b"\0")
        keyed.update(text.encode("utf-8", "surrogatepass"))
        return keyed.hexdigest()[:40]

    async def recall(self, names: Sequence[str], language: str | None) -> dict[str, list[Span]]:
        """The findings of those that are known."""
        version = self._versions.get(language or "")
        known = {}
        for name in names:
            if (own := self._recall_own(name, version)) is not None:
                known[name] = own
        rest = [name for name in names if name not in known]
        if not rest or self._spans is None:
            return known
        try:
            found = await self._spans.find(rest)
        except (RedisUnavailable, RedisReplyError) as error:
            logs.log("spans_unread", level="warning", error=str(error))
            return known
        for name, remembered in _decoded(found):
            if version is None or remembered.version == version:
                self._keep(name, remembered)
                known[name] = remembered.spans
        return known

    async def remember(
        self, found: Mapping[str, list[Span]], version: str, language: str | None
    ) -> None:
        """Keep what the model has just answered."""
        self._versions[language or ""] = version
        if self._spans is None:
            return
        values = {}
        for name, spans in found.items():
            remembered = Remembered(version, spans)
            self._keep(name, remembered)
            values[name] = msgspec.json.encode(remembered)
        try:
            await self._spans.remember(values)
        except (RedisUnavailable, RedisReplyError) as error:
            logs.log("spans_unwritten", level="warning", error=str(error))

    def _recall_own(self, name: str, version: str | None) -> list[Span] | None:
        kept = self._own.get(name)
        if kept is None:
            return None
        is_other = version is not None and kept.remembered.version != version
        if kept.until < self._clock() or is_other:
            del self._own[name]
            return None
        self._own.move_to_end(name)
        return kept.remembered.spans

    def _keep(self, name: str, remembered: Remembered) -> None:
        self._own[name] = _Kept(remembered, self._clock() + self._own_s)
        self._own.move_to_end(name)
        if len(self._own) > PIECES_MAX:
            self._own.popitem(last=False)


def _decoded(found: Mapping[str, bytes]) -> Iterable[tuple[str, Remembered]]:
    for name, value in found.items():
        try:
            yield name, _decoder.decode(value)
        except msgspec.DecodeError:
            continue  # another release wrote it otherwise: it is asked for again
