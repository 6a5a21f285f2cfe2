"""Responses that are kept: for conversations that go on, and for those who ask for them again."""

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from echo_provider.refusals import Refusal, encoded

PATH = "/v1/responses"
# What is kept at most; the oldest responses go first.
RESPONSES_MAX = 10_000
BYTES_MAX = 256 * 1024 * 1024
_PAGE_DEFAULT, _PAGE_MAX = 20, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """All that was said up to a point, and the calls whose outputs are still to come."""

    tokens: int = 0
    open_calls: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Stored:
    """A response: `body` as it is when it has ended, at `ends_at` of the monotonic clock.

    `ends_at` is infinite for a stream that never came to its end.
    """

    body: bytes
    items: bytes
    after: Conversation
    background: bool
    ends_at: float = 0.0
    cancelled: bool = False

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.body) + len(self.items)

    def shown(self) -> dict[str, Any]:
        """The response object as it is now."""
        body: dict[str, Any] = msgspec.json.decode(self.body)
        if self.cancelled:
            return unfinished(body, "cancelled")
        return body if self.ended else unfinished(body, "in_progress")

    @property
    def ended(self) -> bool:
        """Whether it has come to its end."""
        return time.monotonic() >= self.ends_at


def unfinished(body: Mapping[str, Any], status: str) -> dict[str, Any]:
    """A response object before its end."""
    empty = dict.fromkeys(("completed_at", "error", "incomplete_details", "usage"))
    return {**body, **empty, "status": status, "output": []}


class ResponseStore:
    """The responses of one server."""

    def __init__(self) -> None:
        self._stored: OrderedDict[str, Stored] = OrderedDict()
        self._bytes = 0

    def put(self, identifier: str, stored: Stored) -> None:
        """Keep a response; takes the place of an earlier one of that id."""
        self._drop(identifier)
        self._stored[identifier] = stored
        self._bytes += stored.size
        while len(self._stored) > RESPONSES_MAX or self._bytes > BYTES_MAX:
            self._drop(next(iter(self._stored)))

    def conversation(self, identifier: str) -> Conversation:
        """The conversation that a response ends. Raises `Refusal` (400)."""
        stored = self._stored.get(identifier)
        if stored is None:
            text = f"Previous response with id '{identifier}' not found."
            code = "previous_response_not_found"
            raise Refusal(400, text, param="previous_response_id", code=code)
        return stored.after

    def answer(self, method: str, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        """What is answered below `PATH`. Raises `Refusal` (400, 404, 405)."""
        identifier, _, rest = path.removeprefix(f"{PATH}/").partition("/")
        match method, rest:
            case "GET", "":
                return self._get(identifier, query)
            case "DELETE", "":
                self._found(identifier)
                self._drop(identifier)
                return {"id": identifier, "object": "response", "deleted": True}
            case "POST", "cancel":
                return self._cancel(self._found(identifier))
            case "GET", "input_items":
                return _page(msgspec.json.decode(self._found(identifier).items), query)
        status = 405 if rest in {"", "cancel", "input_items"} else 404
        raise Refusal(status, f"Invalid URL ({method} {path})")

    def _get(self, identifier: str, query: Mapping[str, str]) -> dict[str, Any]:
        if query.get("stream") == "true":
            raise Refusal(400, "echo: kept responses are not streamed", param="stream")
        return self._found(identifier).shown()

    def _cancel(self, stored: Stored) -> dict[str, Any]:
        if not stored.background:
            raise Refusal(400, "Cannot cancel a synchronous response.")
        if not stored.ended:
            stored.cancelled = True
        return stored.shown()

    def _found(self, identifier: str) -> Stored:
        stored = self._stored.get(identifier)
        if stored is None:
            raise Refusal(404, f"Response with id '{identifier}' not found.")
        return stored

    def _drop(self, identifier: str) -> None:
        stored = self._stored.pop(identifier, None)
        if stored is not None:
            self._bytes -= stored.size


def _page(items: list[dict[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    """One page of the items, newest first unless `order` is `asc`."""
    if query.get("order") != "asc":
        items.reverse()
    limit = query.get("limit", "")
    size = int(limit) if limit.isdecimal() else _PAGE_DEFAULT
    size = size if 1 <= size <= _PAGE_MAX else _PAGE_DEFAULT
    ids = [item["id"] for item in items]
    after = query.get("after")
    start = ids.index(after) + 1 if after in ids else 0
    page = items[start : start + size]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": start + size < len(items),
    }


def stored_response(
    body: Mapping[str, Any], items: list[dict[str, Any]], after: Conversation, ends_at: float
) -> Stored:
    """What to keep of a response."""
    background = body["background"] is True
    return Stored(
        body=encoded(body),
        items=encoded(items),
        after=after,
        background=background,
        ends_at=ends_at,
    )
