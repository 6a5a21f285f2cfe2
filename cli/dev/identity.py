"""Whether a process number still means the process that had it."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def started(pid: int) -> str:
    """When the process began, as an opaque text; "" when there is no such process.

    Number and begin together name a process for all time (proc(5), field 22 of stat, in ticks
    since the boot named with it).
    """
    stat = Path(f"/proc/{pid}/stat")
    if _BOOT_ID.exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            # A zombie is dead; it waits only for its parent.
            return "" if fields[0] == "Z" else f"{_BOOT_ID.read_text().strip()}/{fields[19]}"
        except (OSError, IndexError):
            return ""
    said = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return said.stdout.strip()


def end_processes(processes: Iterable[tuple[int, str]], *, patience_s: float) -> list[int]:
    """End the processes that are still those of (pid, begin): SIGTERM, later SIGKILL.

    Gives the numbers of those that were found alive. Used for what a killed supervisor left.
    """
    alive = [(pid, begin) for pid, begin in processes if begin and started(pid) == begin]
    found = [pid for pid, _ in alive]
    end = time.monotonic() + patience_s
    for pid in found:
        _signal(pid, signal.SIGTERM)
    while alive and time.monotonic() < end:
        time.sleep(0.05)
        alive = [(pid, begin) for pid, begin in alive if started(pid) == begin]
    for pid, _ in alive:
        _signal(pid, signal.SIGKILL)
    while any(started(pid) == begin for pid, begin in alive):
        time.sleep(0.02)
    return found


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
