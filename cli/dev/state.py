"""The state directory of the local stack: what survives a restart, and who works on it now.

version            of the layout
lock               held by the running supervisor
master-key         made once, unless PROXY_MASTER_KEY is set; mode 0600
internal-secret    made once; mode 0600
processes.json     what runs now and where; mode 0600, replaced whole
logs/<name>.log    what each process says
postgres/ redis/ sockets/ broker/
"""

import contextlib
import fcntl
import json
import os
import secrets
from pathlib import Path
from typing import Any

from cli.dev.errors import CannotStart
from cli.dev.identity import end_processes

VERSION = "1"
_STALE_PATIENCE_S = 10.0


class State:
    """An open state directory. Construct with `State.open`; `close` releases the lock."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def open(cls, path: Path) -> "State":
        """Take the directory for this process, and end what a killed supervisor left running.

        Raises `CannotStart` when it is not writable, of another version, or in use.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in ("logs", "broker"):
                (path / name).mkdir(mode=0o700, exist_ok=True)
            lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise CannotStart(
                f"The state directory {path} cannot be written ({error.strerror}). Set "
                "RELAY_STATE_DIR to a directory that you own."
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(lock, 32).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise CannotStart(
                f"`relayctl dev` runs already on {path} (process {holder}). Stop it, or set "
                "RELAY_STATE_DIR and RELAY_PORT for a second one."
            ) from None
        state = cls(path, lock)
        try:
            state.check_version()
        except CannotStart:
            state.close()
            raise
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        state.end_stale_processes()
        return state

    def close(self) -> None:
        """Release the directory."""
        os.close(self._lock)

    def check_version(self) -> None:
        """Refuse a layout that this version cannot read."""
        file = self.path / "version"
        if not file.exists():
            file.write_text(f"{VERSION}\n")
        elif (found := file.read_text().strip()) != VERSION:
            raise CannotStart(
                f"The state in {self.path} is of version {found}, this is version {VERSION}. Set "
                "RELAY_STATE_DIR to another directory to begin anew, or use the Relay that made it."
            )

    def end_stale_processes(self) -> list[int]:
        """End what `processes.json` names and still lives, verified by its begin."""
        recorded: list[tuple[int, str]] = []
        with contextlib.suppress(OSError, ValueError, AttributeError, TypeError):
            entries = json.loads((self.path / "processes.json").read_text()).values()
            recorded = [(int(e["pid"]), str(e.get("started", ""))) for e in entries if "pid" in e]
        found = end_processes(recorded, patience_s=_STALE_PATIENCE_S)
        self.forget_processes()
        return found

    def kept_secret(self, name: str) -> str:
        """The secret in the file of this name, made at first use: 32 hexadecimal characters."""
        file = self.path / name
        if not file.exists():
            _write_private(file, secrets.token_hex(16))
        return file.read_text().strip()

    def write_processes(self, processes: dict[str, dict[str, Any]]) -> None:
        """Replace `processes.json`: readers see the old or the new one, never a part."""
        _write_private(self.path / "processes.json", json.dumps(processes, indent=2) + "\n")

    def forget_processes(self) -> None:
        """Nothing runs any more."""
        (self.path / "processes.json").unlink(missing_ok=True)

    def log(self, name: str) -> Path:
        """The log file of a process."""
        return self.path / "logs" / f"{name}.log"


def _write_private(file: Path, text: str) -> None:
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    new.replace(file)
