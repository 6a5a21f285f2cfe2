"""Errors of Google's APIs, and what they say of a request's fields (google.rpc.Status)."""

from collections.abc import Sequence
from typing import Any, NoReturn

from echo_provider.checks import Path, json_type
from echo_provider.refusals import Refusal, encoded

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_RPC = "type.googleapis.com/google.rpc."


def google_error(refusal: Refusal) -> dict[str, Any]:
    """The body; `code` of a refusal is the status in words (cloud.google.com/apis/design/errors).

    With `retry_after` there is a `RetryInfo`, which is where Google says it.
    """
    error: dict[str, Any] = {
        "code": refusal.status,
        "message": refusal.message,
        "status": refusal.code or _STATUSES.get(refusal.status, "UNKNOWN"),
    }
    if refusal.retry_after is not None:
        delay = f"{refusal.retry_after}s"
        error["details"] = [{"@type": f"{_RPC}RetryInfo", "retryDelay": delay}]
    elif refusal.param is not None:
        violation = {"field": refusal.param, "description": refusal.message}
        details = {"@type": f"{_RPC}BadRequest", "fieldViolations": [violation]}
        error["details"] = [details]
    return {"error": error}


def google_error_body(refusal: Refusal, request_id: str) -> bytes:  # noqa: ARG001
    """`google_error`, encoded."""
    return encoded(google_error(refusal))


def google_error_event(refusal: Refusal, request_id: str) -> bytes:  # noqa: ARG001
    """The event by which a stream ends that has failed after its head was sent."""
    return b"data: %b\r\n\r\n" % encoded(google_error(refusal))


class GoogleComplaints:
    """What Google's parser of JSON says."""

    def missing(self, path: Path) -> NoReturn:
        """See `Complaints`."""
        self._refuse(path, f"* {self._written(path)}: required field is not present\n")

    def wrong_type(self, path: Path, expected: str, value: Any) -> NoReturn:
        """See `Complaints`."""
        text = f"Invalid value at '{self._written(path)}' (expected {expected}, "
        self._refuse(path, f"{text}got {json_type(value)})")

    def too_small(self, path: Path, least: float, value: float) -> NoReturn:
        """See `Complaints`."""
        text = f"* {self._written(path)}: value must be at least {least:g}, but was {value:g}\n"
        self._refuse(path, text)

    def too_large(self, path: Path, most: float, value: float) -> NoReturn:
        """See `Complaints`."""
        text = f"* {self._written(path)}: value must be at most {most:g}, but was {value:g}\n"
        self._refuse(path, text)

    def not_one_of(self, path: Path, allowed: Sequence[str], value: Any) -> NoReturn:  # noqa: ARG002
        """See `Complaints`."""
        self._refuse(path, f"Invalid value at '{self._written(path)}': \"{value}\"")

    def empty(self, path: Path) -> NoReturn:
        """See `Complaints`."""
        self._refuse(path, f"* {self._written(path)}: {path[-1]} is not specified\n")

    def unknown(self, path: Path) -> NoReturn:
        """A member that the message does not have."""
        where = f" at '{self._written(path[:-1])}'" if path[:-1] else ""
        text = f'Invalid JSON payload received. Unknown name "{path[-1]}"{where}: '
        self._refuse(path, f"{text}Cannot find field.")

    def _written(self, path: Path) -> str:
        text = ""
        for step in path:
            text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
        return text

    def _refuse(self, path: Path, text: str) -> NoReturn:
        raise Refusal(400, text, param=self._written(path))
