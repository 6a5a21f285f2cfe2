"""A function whose settings are wrong does not start, and says which and how it should look."""

import os
import socket
import subprocess
import sys

import pytest

from tests.support.processes import INTERNAL_SECRET, ROOT

RIGHT = {
    "RELAY_REDIS_URL": "redis://127.0.0.1:1/0",
    "RELAY_DATABASE_URL": "postgresql://relay@127.0.0.1:1/relay",
    "RELAY_INTERNAL_SECRET": INTERNAL_SECRET,
    "RELAY_HOST": "127.0.0.1",
    "PORT": "0",
}


STORES = ("RELAY_REDIS_URL", "RELAY_DATABASE_URL")
NEEDED = {
    "usage_aggregation": (*STORES, "RELAY_INTERNAL_SECRET"),
    "cleanup": (*STORES, "RELAY_INTERNAL_SECRET"),
    "notifications": (*STORES, "RELAY_INTERNAL_SECRET"),
    "exporter": STORES,
}


@pytest.mark.parametrize("name", NEEDED)
def test_each_missing_setting_is_named(name):
    for missing in NEEDED[name]:
        environment = {**os.environ, **RIGHT}
        del environment[missing]
        line = _refusal(name, environment)
        assert line.startswith(f"cannot start {name}: {missing} ")
        assert "e.g. " in line


def test_a_taken_port_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = _refusal("cleanup", {**os.environ, **RIGHT, "PORT": str(port)})
    assert line == (
        f"cannot start cleanup: cannot listen on 127.0.0.1 port {port}: Address already in use"
    )


def _refusal(name: str, environment: dict[str, str]) -> str:
    """The one line a function that cannot start says."""
    finished = subprocess.run(
        [sys.executable, "-m", "common.serve", f"functions.{name}.main:application"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert finished.returncode == 2
    (line,) = finished.stderr.splitlines()
    return line
