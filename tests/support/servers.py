"""Real Postgres and Redis for tests: started once a worker, stopped and killed at will."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import psycopg
from psycopg import sql

from cli.dev.embedded_postgres import EmbeddedPostgres, find_postgres, prepare_postgres
from cli.dev.embedded_redis import EmbeddedRedis, find_redis, prepare_redis
from cli.dev.launching import NO_USER, launched
from cli.dev.ports import free_port

START_S_MAX = 60.0
STOP_S_MAX = 60.0


class Server:
    """A server process that a test may stop, kill and start again on the same data."""

    stop_signal = signal.SIGTERM

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The running process. Raises `RuntimeError` when there is none."""
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    def start(self) -> None:
        """Start, and return when it takes commands. Raises `RuntimeError` with its log."""
        if self._process is not None:
            return
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/"
            )
        end = time.monotonic() + START_S_MAX
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"the server did not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """An orderly shutdown; nothing that was acknowledged is lost."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """End `pause`."""
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _ready(self) -> bool:
        raise NotImplementedError


class RedisServer(Server):
    """Redis as `relayctl dev` runs it (append-only, noeviction). The URL stays over restarts.

    `options` are arguments of redis-server, which win.
    """

    def __init__(self, directory: Path, *options: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        super().__init__(directory / "redis.log")
        self._options = options
        self._redis: EmbeddedRedis = prepare_redis(find_redis(), directory / "redis", free_port())

    @property
    def url(self) -> str:
        """redis://:password@127.0.0.1:port/0."""
        return self._redis.url

    def flush(self) -> None:
        """FLUSHALL, and forget loaded scripts."""
        import redis

        with redis.Redis.from_url(self.url) as client:
            client.flushall()
            client.script_flush()

    def _command(self) -> list[str]:
        return launched([*self._redis.command, *self._options], death_signal=signal.SIGKILL)

    def _ready(self) -> bool:
        return self._redis.ready()


class PostgresServer(Server):
    """Postgres as `relayctl dev` runs it, but without syncing."""

    stop_signal = signal.SIGINT  # fast shutdown

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        super().__init__(directory / "postgres.log")
        data = directory / "postgres"
        self._postgres: EmbeddedPostgres = prepare_postgres(
            find_postgres(data), data, directory / "sockets", durable=False
        )
        self._databases = 0
        self._template = ""

    def url(self, database: str = "postgres") -> str:
        """postgresql://postgres@/database?host=/socket/directory."""
        return self._postgres.url(database)

    def use_template(self, prepare: Callable[[str], None]) -> None:
        """Make the template of `migrated_database` with `prepare(url)`, once."""
        if not self._template:
            name = "relay_template"
            self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            prepare(self.url(name))
            self._template = name

    @contextlib.contextmanager
    def database(self, *, migrated: bool, called: str = "") -> Iterator[str]:
        """The URL of a new database, dropped afterwards whoever is still connected.

        `called` is for a process that outlives it: the next of that name has the same URL.
        """
        self.start()
        self._databases += 1
        name = sql.Identifier(called or f"test_{self._databases}")
        template = sql.Identifier(self._template if migrated else "template0")
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(name, template)
        )
        try:
            yield self.url(name.as_string().strip('"'))
        finally:
            self.start()
            self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

    def kill(self) -> None:
        """kill -9 to all of it: alone, its backends would still end what they are at."""
        if self._process is not None:
            self.pause()
            for backend in psutil.Process(self.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    backend.kill()
        super().kill()

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)

    def _command(self) -> list[str]:
        user = self._postgres.user or NO_USER
        return launched(self._postgres.command, death_signal=signal.SIGQUIT, user=user)

    def _ready(self) -> bool:
        return self._postgres.ready()
