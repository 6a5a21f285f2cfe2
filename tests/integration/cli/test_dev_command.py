"""`relayctl dev` when it cannot start: one sentence that says what to do, exit code 1."""

import os
import socket
import subprocess
import sys

import pytest

from cli.dev.ports import free_port


def _dev(state, **environment):
    return subprocess.run(
        [sys.executable, "-m", "cli.main", "dev"],
        env={
            **os.environ,
            "RELAY_STATE_DIR": str(state),
            "RELAY_PORT": str(free_port()),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _sentence(done):
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("relayctl: ")
    return done.stderr


def test_a_port_in_use(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        sentence = _sentence(_dev(tmp_path / "state", RELAY_PORT=str(port)))
    assert f"Port {port} on 127.0.0.1 is in use" in sentence
    assert f"RELAY_PORT={port + 1}" in sentence


def test_state_of_another_version(tmp_path):
    (tmp_path / "version").write_text("99\n")
    sentence = _sentence(_dev(tmp_path))
    assert "of version 99" in sentence
    assert "RELAY_STATE_DIR" in sentence
    assert (tmp_path / "version").read_text() == "99\n"


def test_a_state_directory_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    sentence = _sentence(_dev(tmp_path / "file" / "state"))
    assert "cannot be written (Not a directory)" in sentence


def test_postgres_data_of_another_version(tmp_path):
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")
    assert "was made by Postgres 9" in _sentence(_dev(tmp_path))


def test_a_database_that_is_not_there(tmp_path):
    url = f"postgresql://relay:a-password@127.0.0.1:{free_port()}/relay"
    sentence = _sentence(_dev(tmp_path, RELAY_DATABASE_URL=url))
    assert "RELAY_DATABASE_URL" in sentence
    assert "See that it runs" in sentence
    assert "a-password" not in sentence


@pytest.mark.parametrize("arguments", [["--help"], ["dev", "--help"], ["--version"]])
def test_help_imports_next_to_nothing(arguments):
    program = (
        "import sys\n"
        "from cli.main import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "finally:\n"
        "    heavy = {'psycopg', 'redis', 'httpx', 'yaml', 'msgspec'}\n"
        "    sys.stderr.write(repr(sorted(heavy & set(sys.modules))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stderr == "[]"
