"""Message batches that are kept: asked for, listed, cancelled, deleted, and their results."""

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from echo_provider.refusals import Refusal, encoded

PATH = "/v1/messages/batches"
# What is kept at most; the oldest batches go first.
BATCHES_MAX = 1_000
_PAGE_DEFAULT, _PAGE_MAX = 20, 1000
_LIFE = timedelta(hours=24)


@dataclass(slots=True, kw_only=True)
class Batch:
    """A batch: the result of each request, and when it ends, of the monotonic clock."""

    identifier: str
    results: list[dict[str, Any]]
    created: datetime
    ends_at: float
    cancelled: bool = False

    @property
    def ended(self) -> bool:
        """Whether it has come to its end."""
        return self.cancelled or time.monotonic() >= self.ends_at

    def lines(self) -> bytes:
        """The file of results: of a cancelled batch nothing was made."""
        results = self.results
        if self.cancelled:
            results = [one | {"result": {"type": "canceled"}} for one in results]
        return b"".join(encoded(one) + b"\n" for one in results)

    def shown(self, host: str) -> dict[str, Any]:
        """The batch object as it is now."""
        counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
        for one in self.results:
            kind = "canceled" if self.cancelled else one["result"]["type"]
            counts[kind if self.ended else "processing"] += 1
        url = f"http://{host}{PATH}/{self.identifier}/results"
        return {
            "id": self.identifier,
            "type": "message_batch",
            "processing_status": "ended" if self.ended else "in_progress",
            "request_counts": counts,
            "created_at": _time(self.created),
            "expires_at": _time(self.created + _LIFE),
            "ended_at": _time(datetime.now(UTC)) if self.ended else None,
            "archived_at": None,
            "cancel_initiated_at": _time(self.created) if self.cancelled else None,
            "results_url": url if self.ended else None,
        }


class BatchStore:
    """The batches of one server."""

    def __init__(self) -> None:
        self._batches: OrderedDict[str, Batch] = OrderedDict()

    def put(self, batch: Batch) -> None:
        """Keep a batch."""
        self._batches[batch.identifier] = batch
        while len(self._batches) > BATCHES_MAX:
            self._batches.popitem(last=False)

    def answer(
        self, method: str, path: str, query: Mapping[str, str], host: str
    ) -> dict[str, Any] | bytes:
        """What is answered at and below `PATH`. Raises `Refusal` (400, 404, 405)."""
        identifier, _, rest = path.removeprefix(PATH).removeprefix("/").partition("/")
        match method, identifier, rest:
            case "GET", "", "":
                return self._page(query, host)
            case "GET", _, "":
                return self._found(identifier).shown(host)
            case "GET", _, "results":
                batch = self._found(identifier)
                if not batch.ended:
                    raise Refusal(404, f"{PATH}/{identifier}/results: Not found.")
                return batch.lines()
            case "POST", _, "cancel":
                batch = self._found(identifier)
                batch.cancelled = batch.cancelled or not batch.ended
                return batch.shown(host)
            case "DELETE", _, "":
                if not self._found(identifier).ended:
                    raise Refusal(400, "Message Batch cannot be deleted while it is in progress.")
                del self._batches[identifier]
                return {"id": identifier, "type": "message_batch_deleted"}
        status = 405 if rest in {"", "cancel", "results"} else 404
        raise Refusal(status, f"{method} {path}: Not found.")

    def _page(self, query: Mapping[str, str], host: str) -> dict[str, Any]:
        ids = list(reversed(self._batches))
        limit = query.get("limit", "")
        size = int(limit) if limit.isdecimal() and 1 <= int(limit) <= _PAGE_MAX else _PAGE_DEFAULT
        start = ids.index(query["after_id"]) + 1 if query.get("after_id") in ids else 0
        page = ids[start : start + size]
        return {
            "data": [self._batches[one].shown(host) for one in page],
            "has_more": start + size < len(ids),
            "first_id": page[0] if page else None,
            "last_id": page[-1] if page else None,
        }

    def _found(self, identifier: str) -> Batch:
        batch = self._batches.get(identifier)
        if batch is None:
            raise Refusal(404, f"Message Batch {identifier} not found.")
        return batch


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
