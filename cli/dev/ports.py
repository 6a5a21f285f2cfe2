"""Free ports on the loopback interface."""

import contextlib
import random
import socket

LOOPBACK = "127.0.0.1"
# Below the ranges from which Linux (32768) and macOS (49152) take the near end of outgoing
# connections: a function's port stays its own while the function restarts.
_FIRST = 20_000
_LAST = 32_000
_TRIES = 200


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
    """A port nobody listens on. Raises `OSError` when there is none to be found."""
    choice = random.SystemRandom()
    for _ in range(_TRIES):
        port = choice.randint(_FIRST, _LAST)
        if is_free(port):
            return port
    raise OSError(f"no free port from {_FIRST} to {_LAST} on {LOOPBACK}")
