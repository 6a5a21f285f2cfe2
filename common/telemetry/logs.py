"""Logs: one JSON object a line on standard output, and in files if told so; one line a request.

The standard library's `logging` is not imported here: it costs 14 ms of every cold start.
"""

import os
import re
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from common.telemetry.log_files import LogFiles

Level = Literal["debug", "info", "warning", "error"]

_RANKS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_OUTPUT = 1
# Belt and braces: no caller passes a secret, and none would get through. Relay's own keys are 43
# characters of base64url behind a prefix that the operator chooses; no id of ours is that long.
_RUN = b"w" * 43
_RUNS = bytes(
    ord("w") if chr(code).isascii() and (chr(code).isalnum() or code in b"_-") else ord(" ")
    for code in range(256)
)
# JSON's escapes are matched too, to be kept: their letters are no part of what follows them.
_SECRET = re.compile(
    rb"(\\(?:u[0-9a-f]{4}|.))"
    rb"|Bearer [A-Za-z0-9._~+/=-]{8,}"
    rb"|(?:(?<![A-Za-z0-9_-])|(?<=\\[bfnrt])|(?<=\\u[0-9a-f]{4}))"
    rb"(?:sk-[A-Za-z0-9_-]{8,}|[A-Za-z0-9_-]{43,})"
)
_encoder = msgspec.json.Encoder(enc_hook=str)


class _State:
    """The process's level and name, set once at its start."""

    rank = _RANKS["info"]
    function = ""
    environment: dict[str, str] = {}  # noqa: RUF012 - replaced, never changed
    files: "LogFiles | None" = None
    # Where lines are gathered: how to be called again soon, the thread that may, and the lines.
    soon: Callable[[Callable[[], object]], object] | None = None
    thread = 0
    waiting: list[bytes] = []  # noqa: RUF012 - one a process


def configure(level: str, function: str, environment: str = "") -> None:
    """Set the least level that is written, and what every line names: function, environment."""
    _State.rank = _RANKS[level]
    _State.function = function
    _State.environment = {"environment": environment} if environment else {}


def write_files(directory: str, bytes_max: int, files_max: int) -> None:
    """Write lines to `<directory>/<function>.log` too, see `LogFiles`. Raises `OSError`."""
    from common.telemetry.log_files import LogFiles

    _State.files = LogFiles(directory, _State.function, bytes_max, files_max)


def gather(soon: Callable[[Callable[[], object]], object] | None) -> None:
    """Write the lines of one turn of an event loop at once: a write costs as much as two lines.

    `soon` is the loop's `call_soon`, called in its thread; None from its end on. A line of level
    `error` takes with it what waits, so that a process that ends by it has told why.
    """
    flush()
    _State.soon, _State.thread = soon, threading.get_ident()


def flush() -> None:
    """Write what is gathered."""
    lines, _State.waiting = _State.waiting, []
    if lines:
        _write(b"".join(lines))


def close_files() -> None:
    """Write what is still queued for files, if there are any; bounded."""
    if _State.files is not None:
        files, _State.files = _State.files, None
        files.close()


def log(event: str, *, level: Level = "info", **fields: Any) -> None:
    """Write one line; neither a closed output nor an odd value breaks the caller."""
    if _RANKS[level] < _State.rank:
        return
    second, millisecond = divmod(int(time.time() * 1000), 1000)
    head = {
        "time": f"{_second_text(second)}.{millisecond:03d}Z",
        "level": level,
        "function": _State.function,
        **_State.environment,
        "event": event,
    }
    try:
        line = _encoder.encode({**head, **fields})
    except (ValueError, TypeError):  # text that is no UTF-8, such as half of a surrogate pair
        line = _encoder.encode({**head, "fields": ascii(fields)})
    line = _redacted(line) + b"\n"
    if _State.files is not None:
        _State.files.add(line)
    if _State.soon is None or _State.thread != threading.get_ident():
        _write(line)
        return
    if not _State.waiting:
        _State.soon(flush)
    _State.waiting.append(line)
    if level == "error":
        flush()


def _write(lines: bytes) -> None:
    """All of it: a pipe may take a part."""
    try:
        while lines := lines[os.write(_OUTPUT, lines) :]:
            pass
    except OSError:
        return


@lru_cache(maxsize=4)
def _second_text(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def _redacted(line: bytes) -> bytes:
    # The pattern costs 20 us a line, this look 2 us, and hardly any line has what it looks for.
    if b"Bearer " in line or b"sk-" in line or _RUN in line.translate(_RUNS):
        return _SECRET.sub(lambda found: found[1] or b"[redacted]", line)
    return line
