"""Log lines into files that are rotated by size, written by a thread of their own.

Whoever logs appends to a queue in memory and never waits: what does not fit, or cannot be written,
is dropped and counted. Imported only when RELAY_LOG_DIRECTORY is set.
"""

import fcntl
import os
import threading
from collections import deque
from pathlib import Path

from common.telemetry import catalogue

LINES_QUEUED_MAX = 20_000
WRITE_EVERY_S = 0.2
CLOSE_S_MAX = 5.0


class LogFiles:
    """`<directory>/<function>.log`, then `.log.1` to `.log.<n-1>`, older and older.

    Several processes may write the same files: lines are whole, and one of them rotates. Raises
    `OSError` at once if the file cannot be written.
    """

    def __init__(self, directory: str, function: str, bytes_max: int, files_max: int) -> None:
        self._path = Path(directory) / f"{function}.log"
        self._bytes_max = bytes_max
        self._files_max = files_max
        self._queue: deque[bytes] = deque()
        self._closing = threading.Event()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._open()
        self._thread = threading.Thread(target=self._run, name="log-files", daemon=True)
        self._thread.start()

    def add(self, line: bytes) -> None:
        """Have a line written within `WRITE_EVERY_S`; a full queue drops it."""
        if len(self._queue) < LINES_QUEUED_MAX:
            self._queue.append(line)
        else:
            catalogue.LOG_LINES_DROPPED.increment()

    def close(self) -> None:
        """Write what is queued; bounded, so that a lost disk cannot hold the process."""
        self._closing.set()
        self._thread.join(CLOSE_S_MAX)

    def _run(self) -> None:
        while not self._closing.wait(WRITE_EVERY_S):
            self._write_queued()
        self._write_queued()
        os.close(self._file)

    def _write_queued(self) -> None:
        while self._queue:
            batch = [self._queue.popleft()]
            size = len(batch[0])
            # One write a batch; a batch is a part of a file, so that files keep to their size.
            while self._queue and size + len(self._queue[0]) <= self._bytes_max // 8:
                batch.append(self._queue.popleft())
                size += len(batch[-1])
            try:
                self._make_room(size)
                os.write(self._file, b"".join(batch))
            except OSError:  # the disk is full or gone; standard output has the lines
                catalogue.LOG_LINES_DROPPED.increment(len(batch))

    def _make_room(self, size: int) -> None:
        if not self._is_current():
            self._reopen()
        if os.fstat(self._file).st_size + size <= self._bytes_max:
            return
        lock = os.open(self._path.with_name(f".{self._path.name}.lock"), os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Another process may have rotated while this one waited.
            if self._is_current() and os.fstat(self._file).st_size:
                self._rotate()
            self._reopen()
        finally:
            os.close(lock)

    def _rotate(self) -> None:
        kept = [self._path, *(self._numbered(number) for number in range(1, self._files_max))]
        kept[-1].unlink(missing_ok=True)
        for older, newer in zip(reversed(kept), reversed(kept[:-1]), strict=False):
            if newer.exists():
                newer.replace(older)

    def _is_current(self) -> bool:
        try:
            named = self._path.stat()
        except FileNotFoundError:
            return False
        ours = os.fstat(self._file)
        return (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino)

    def _reopen(self) -> None:
        opened = self._open()
        os.close(self._file)
        self._file = opened

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
