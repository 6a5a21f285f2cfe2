"""The command line that puts `launch.py` before a program."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

_LAUNCHER = Path(__file__).with_name("launch.py")
NO_USER = (-1, -1)


def launched(
    command: Sequence[str],
    *,
    death_signal: signal.Signals = signal.SIGKILL,
    user: tuple[int, int] = NO_USER,
) -> list[str]:
    """`command`, in its own session and bound to the life of this process.

    `death_signal` is what it gets when this process dies. `user` is (uid, gid) to become, or
    `NO_USER`. The result must be started by this process itself, from its main thread: the
    kernel's promise is about the thread that forked.
    """
    numbers = (os.getpid(), int(death_signal), *user)
    return [sys.executable, "-I", "-S", str(_LAUNCHER), *(str(n) for n in numbers), *command]
