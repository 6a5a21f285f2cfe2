"""Start a program so that it can never outlive the one that started it.

Run as a script (`python -I -S launch.py …`), before the program itself, because what it does must
happen in the new process and is not safe between fork and exec of a program with threads:

- its own session, so that Ctrl-C in the terminal reaches only the supervisor, which then stops
  everything in order;
- Linux: the kernel sends it a signal when the supervisor dies, however that dies
  (prctl(2), PR_SET_PDEATHSIG);
- as another user, where the program refuses to be root (postgres does). The capability to pass
  through directories that this user could not enter goes along (capabilities(7), ambient set),
  because a clone under /root or a fresh `mktemp -d` is closed to all but its owner.

Arguments: parent pid, death signal, user id or -1, group id or -1, then the command.
Imports nothing but the standard library's fast parts: it runs before every process of the stack.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522
EXIT_CANNOT_START = 126


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilityData(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def launch(parent: int, death_signal: int, user: int, group: int, command: list[str]) -> None:
    """Become `command`. Returns never; raises `OSError` when the program cannot be started."""
    os.setsid()
    linux = sys.platform == "linux"
    libc = ctypes.CDLL(None, use_errno=True)
    if user >= 0:
        if linux:
            # Not only that the change of user leaves the capabilities: access(2), by which initdb
            # looks for its programs, heeds them only with this bit (capabilities(7)).
            libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
            libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
        if linux:
            _keep_access(libc)
    if linux:
        # Last, because a change of credentials clears it.
        libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:
            return  # the parent died before the kernel was asked to tell us
    os.execvp(command[0], command)  # noqa: S606 - the caller's own command, no shell


def _keep_access(libc: ctypes.CDLL) -> None:
    """Keep exactly CAP_DAC_OVERRIDE over the exec.

    Without it (a container may lack it) go on: the program then needs directories that its user
    can enter, and says so itself.
    """
    header = _CapabilityHeader(CAPABILITY_VERSION_3, 0)
    data = (_CapabilityData * 2)()
    mask = 1 << CAP_DAC_OVERRIDE
    data[0] = _CapabilityData(mask, mask, mask)
    if libc.capset(ctypes.byref(header), ctypes.byref(data)) == 0:
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def main(arguments: list[str]) -> int:
    """Launch what the arguments say; 126 when it cannot be started."""
    parent, death_signal, user, group = (int(word) for word in arguments[:4])
    try:
        launch(parent, death_signal, user, group, arguments[4:])
    except OSError as error:
        print(f"cannot start {arguments[4]}: {error}", file=sys.stderr)
    return EXIT_CANNOT_START


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
