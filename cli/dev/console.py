"""What the terminal of `relayctl dev` shows: the life of the processes, and their warnings."""

import contextlib
import json
import sys
import time
from pathlib import Path

_LINE_CHARACTERS_MAX = 200
_READ_BYTES_MAX = 1_000_000
# A log that grew beyond this is set aside once, then overwritten.
LOG_BYTES_MAX = 50_000_000


def say(name: str, text: str) -> None:
    """One line. A terminal that has gone must not stop the stack."""
    with contextlib.suppress(OSError, ValueError):
        print(f"{time.strftime('%H:%M:%S')} {name:<17} {text}", flush=True)


def show(text: str) -> None:
    """A block of text as it stands."""
    with contextlib.suppress(OSError, ValueError):
        print(text, flush=True)


def complain(text: str) -> None:
    """Why it cannot start, on standard error."""
    with contextlib.suppress(OSError, ValueError):
        print(f"relayctl: {text}", file=sys.stderr, flush=True)


class LogFollower:
    """Reads what a process adds to its log, and gives the lines worth showing."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = file.stat().st_size if file.exists() else 0
        self._unfinished = b""

    def warnings(self) -> list[str]:
        """New lines of level warning or above, shortened."""
        lines = (self._unfinished + self._read()).split(b"\n")
        self._unfinished = lines.pop()[-_READ_BYTES_MAX:]
        return [text for line in lines if (text := _worth_showing(line))]

    def _read(self) -> bytes:
        try:
            with self._file.open("rb") as stream:
                stream.seek(self._offset)
                new = stream.read(_READ_BYTES_MAX)
        except OSError:
            return b""
        self._offset += len(new)
        if self._offset > LOG_BYTES_MAX:
            self._set_aside()
        return new

    def _set_aside(self) -> None:
        """Copy and truncate: the process appends, so it goes on at the new end."""
        older = self._file.with_suffix(".log.1")
        older.write_bytes(self._file.read_bytes())
        with self._file.open("r+b") as stream:
            stream.truncate(0)
        self._offset = 0


def last_lines(file: Path, count: int = 5) -> str:
    """The end of a log, for an error message."""
    try:
        lines = file.read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return "\n".join(line[:_LINE_CHARACTERS_MAX] for line in lines[-count:])


def _worth_showing(line: bytes) -> str:
    if not line.startswith(b"{"):
        return ""
    try:
        entry = json.loads(line)
    except ValueError:
        return ""
    if not isinstance(entry, dict):
        return ""
    level = str(entry.get("level", entry.get("severity", ""))).lower()
    if level not in {"warning", "error", "critical"}:
        return ""
    return line.decode(errors="replace")[:_LINE_CHARACTERS_MAX]
