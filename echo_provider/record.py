"""What was asked and what was answered, kept for tests to look at."""

import time
from collections import Counter, deque
from typing import Any

import msgspec

from echo_provider import multipart
from echo_provider.ask import Usage
from echo_provider.refusals import Refusal

# About 300 bytes each.
RECORDS_MAX = 100_000
# Whole requests that are kept, and how large one may be to be among them.
KEPT_MAX, KEPT_BYTES_MAX = 100, 64 * 1024
_FIGURES = (
    *("input_tokens", "output_tokens", "cache_read", "cache_write_5m", "cache_write_1h"),
    *("images", "seconds", "characters"),
)


class Record(msgspec.Struct, gc=False):
    """One request. It is listed from its beginning on, and filled in as it is answered.

    `status` is 0 as long as no head was sent. The tokens are those generated and sent, whether
    they were reported to the client or not; `input_tokens` has only what the cache had no part in.
    `time_s` is when it came, in seconds since 1970.
    """

    request_id: str
    dialect: str
    endpoint: str
    method: str = "POST"
    model: str = ""
    stream: bool = False
    status: int = 0
    completed: bool = False
    client_gone: bool = False
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    images: int = 0
    seconds: int = 0
    characters: int = 0
    chunks_sent: int = 0
    time_s: int = 0

    def count(self, usage: Usage, output_tokens: int) -> None:
        """Take over the input figures of an answer that begins, with this output so far."""
        self.input_tokens = usage.uncached
        self.cache_read = usage.cached
        self.cache_write_5m = usage.cache_write_5m
        self.cache_write_1h = usage.cache_write_1h
        self.output_tokens = output_tokens
        self.images = usage.images
        self.seconds = usage.seconds
        self.characters = usage.characters


class Recorder:
    """The last requests, running totals of all, and the very last request as it came."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.requests: deque[Record] = deque(maxlen=RECORDS_MAX)
        self._begun = 0
        self._finished: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()
        self._last: tuple[dict[str, Any], bytes] | None = None
        self._kept: deque[tuple[dict[str, Any], bytes]] = deque(maxlen=KEPT_MAX)

    def begin(self, record: Record) -> None:
        """List a request from now on."""
        record.time_s = int(time.time())
        self.requests.append(record)
        self._begun += 1

    def finish(self, record: Record) -> None:
        """Add a request to the totals."""
        finished = self._finished
        finished["finished"] += 1
        finished["completed"] += record.completed
        finished["client_gone"] += record.client_gone
        finished["chunks_sent"] += record.chunks_sent
        for name in _FIGURES:
            finished[name] += getattr(record, name)
        self._statuses[record.status] += 1

    def keep_last(self, described: dict[str, Any], body: bytes) -> None:
        """Keep a request as it came; `described` is what to say of it besides its body."""
        self._last = (described, body)
        if len(body) <= KEPT_BYTES_MAX:
            self._kept.append(self._last)

    def totals(self) -> dict[str, Any]:
        """Sums over all finished requests since the last `clear`, also those no longer listed."""
        names = ("finished", "completed", "client_gone", "chunks_sent", *_FIGURES)
        sums = {name: self._finished[name] for name in names}
        statuses = {str(status): count for status, count in sorted(self._statuses.items())}
        return {"requests": self._begun, **sums, "statuses": statuses}

    def last(self) -> dict[str, Any]:
        """The last request: its path, headers and JSON body.

        A body that is no JSON is null; there is a `form` or a `text` then.
        """
        return {} if self._last is None else _shown(*self._last)

    def received(self) -> list[dict[str, Any]]:
        """The last requests of at most `KEPT_BYTES_MAX`, as `last` shows one, oldest first."""
        return [_shown(*one) for one in self._kept]


def _shown(described: dict[str, Any], body: bytes) -> dict[str, Any]:
    content_type = described.get("headers", {}).get("content-type", "")
    if content_type.startswith("multipart/"):
        return described | {"body": None, "form": _form(content_type, body)}
    try:
        return described | {"body": msgspec.json.decode(body)}
    except ValueError:
        return described | {"body": None, "text": body.decode(errors="replace")}


def _form(content_type: str, body: bytes) -> dict[str, Any] | None:
    try:
        return multipart.described(multipart.parse_form(content_type, body))
    except Refusal:
        return None
