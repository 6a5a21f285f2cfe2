"""Where a benchmark runs: which cores, with what clocks; and how processes are put there.

A candidate has one core to itself, the last one; load generator, mock provider and Redis share the
others. What a process costs is its CPU time (user and system, of its whole tree), which another
program on the same machine changes far less than it changes the wall clock.
"""

import contextlib
import os
import platform
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from cli.dev.launching import launched

START_S_MAX = 90.0
# Of a quiet machine the load average is a tenth or two.
BUSY_LOAD = 0.5
CORES = sorted(os.sched_getaffinity(0))
CANDIDATE_CORES = {CORES[-1]}
OTHER_CORES = set(CORES[:-1]) or set(CORES)


def environment(**added: str) -> dict[str, str]:
    """Ours, without what keeps Python from writing bytecode or sends traffic elsewhere."""
    unwanted = {"PYTHONDONTWRITEBYTECODE", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return kept | added


def start(
    command: Sequence[str],
    *,
    cores: set[int],
    log: Path,
    variables: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start on these cores; it dies with us, and what it writes goes to `log`."""
    with log.open("ab") as output, on(cores):
        return subprocess.Popen(
            launched(command),
            env=environment(**(variables or {})),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=cwd,
        )


@contextlib.contextmanager
def on(cores: set[int]) -> Iterator[None]:
    """What this thread starts meanwhile runs on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def running(
    command: Sequence[str],
    port: int,
    *,
    cores: set[int],
    log: Path,
    variables: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[int]:
    """The same for as long as the context lasts, once the port answers; gives the process's id.

    Raises `RuntimeError` with the end of its log when it does not start.
    """
    process = start(command, cores=cores, log=log, variables=variables, cwd=cwd)
    try:
        await_port(port, process, log)
        yield process.pid
    finally:
        end(process)


def await_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until something listens. Raises `RuntimeError`."""
    until = time.monotonic() + START_S_MAX
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None or time.monotonic() > until:
            end = log.read_text(errors="replace").strip()[-600:]
            raise RuntimeError(f"did not start: {end}")
        time.sleep(0.02)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and all that it started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
    process.kill()
    process.wait()


def move(pid: int, cores: set[int]) -> None:
    """Put a running process with all its threads on these cores."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(task.name), cores)


def tree(pid: int) -> list[int]:
    """The process and its descendants."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    return []


def cpu_s(pids: Sequence[int]) -> float:
    """CPU seconds, user and system, since they began: by the kernel's nanosecond clocks."""
    total = 0.0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += time.clock_gettime((~pid << 3) | 2)  # clock_getcpuclockid(3)
    return total


def memory_mib(pids: Sequence[int | str]) -> float:
    """Resident memory in MiB."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return total * os.sysconf("SC_PAGE_SIZE") / 2**20


def description() -> dict[str, str]:
    """The machine, for the reader of the figures."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = psutil.virtual_memory().total / 2**30
    return {
        "machine": f"{model}, {len(CORES)} cores, {memory:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"CPython {platform.python_version()}",
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def is_busy(described: Mapping[str, str]) -> bool:
    """Whether others used the machine when it was described: half a core of theirs or more."""
    return float(described.get("load before", 0)) >= BUSY_LOAD
