"""Ports are handed out once, across processes, and freed with the process that had them."""

import subprocess
import sys

import pytest

from cli.dev import ports
from tests.support.processes import ROOT

HOLD_ALL = """
import sys
from cli.dev import ports
ports._FIRST, ports._LAST, ports.is_free = 20_000, 20_002, lambda port: True
print(sorted(ports.free_port() for _ in range(3)), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def three_ports(monkeypatch, tmp_path):
    """Three ports in all, and reservations of this test alone."""
    monkeypatch.setattr(ports, "_FIRST", 20_000)
    monkeypatch.setattr(ports, "_LAST", 20_002)
    monkeypatch.setattr(ports, "_ours", set())
    monkeypatch.setattr(ports, "is_free", lambda _: True)
    monkeypatch.setattr(ports.tempfile, "gettempdir", lambda: str(tmp_path))
    ports._reservations.cache_clear()
    yield tmp_path
    ports._reservations.cache_clear()


def test_no_port_is_handed_out_twice_in_a_process(three_ports):
    assert {ports.free_port() for _ in range(3)} == {20_000, 20_001, 20_002}
    with pytest.raises(OSError, match="no free port from 20000 to 20002"):
        ports.free_port()


def test_a_port_of_another_process_is_left_alone_until_that_ends(three_ports):
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD_ALL],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"TMPDIR": str(three_ports), "PATH": ""},
    )
    try:
        assert other.stdout.readline() == "[20000, 20001, 20002]\n"
        with pytest.raises(OSError, match="no free port"):
            ports.free_port()
    finally:
        other.kill()
        other.wait()
    assert ports.free_port() in {20_000, 20_001, 20_002}
