"""Free ports on the loopback interface, each handed out to one process at a time.

A port is chosen seconds before the server that gets it listens. Two stacks that start at once
would now and then choose the same, so a choice is reserved until its process ends: byte N of one
file in the user's temporary directory is locked for port N. The kernel frees what a killed
process held.
"""

import contextlib
import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from pathlib import Path

LOOPBACK = "127.0.0.1"
# Below the ranges from which Linux (32768) and macOS (49152) take the near end of outgoing
# connections: a function's port stays its own while the function restarts.
_FIRST = 20_000
_LAST = 32_000
_TRIES = 200
# A process may lock again what it has locked, so it remembers its own.
_ours: set[int] = set()


def is_free(port: int) -> bool:
    """Whether a server could listen on this port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind((LOOPBACK, port))
            # Bound is not enough: with SO_REUSEADDR only listening meets another listener.
            probe.listen(1)
            return True
    return False


def free_port() -> int:
    """A port nobody listens on or has reserved; ours until this process ends.

    Raises `OSError` when there is none to be found.
    """
    choice = random.SystemRandom()
    for _ in range(_TRIES):
        port = choice.randint(_FIRST, _LAST)
        if _reserve(port) and is_free(port):
            return port
    raise OSError(f"no free port from {_FIRST} to {_LAST} on {LOOPBACK}")


def _reserve(port: int) -> bool:
    if port in _ours:
        return False
    try:
        fcntl.lockf(_reservations(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    _ours.add(port)
    return True


@cache
def _reservations() -> int:
    """The file of reservations: opened once, for closing any copy would free all of them."""
    path = Path(tempfile.gettempdir()) / f"relay-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
