"""The search for leaked secrets finds them, and nothing else."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.planted import Captured, in_files
from tests.support.processes import INTERNAL_SECRET

LEAKED = ("sk-of-a-provider", "cr_" + "a" * 43, "AKIA0123456789ABCDEF", INTERNAL_SECRET)
INNOCENT = ("task-key_expiry", "risk-of-rain", "cr_nRoC...", "sk-...", "AKIA")


@pytest.fixture
def left() -> Iterator[Path]:
    """Apart from the suite's own directory, which is looked through at its end."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


@pytest.mark.parametrize("secret", LEAKED)
@pytest.mark.parametrize(
    "name", ["relay.log", "redis/appendonlydir/a.1.incr.aof", "data/pg_wal/01"]
)
def test_a_secret_is_found_where_processes_write(left, name, secret):
    path = left / "of_a_test" / name
    path.parent.mkdir(parents=True)
    path.write_text(f'{{"event":"request","authorization":"{secret}"}}\n')
    (found,) = in_files(left)
    assert found.startswith(str(path))
    assert found.endswith(secret)


@pytest.mark.parametrize("text", INNOCENT)
def test_what_is_no_secret_is_none(left, text):
    (left / "relay.log").write_text(f'"{text}"')
    assert list(in_files(left)) == []


def test_captured_output_is_looked_through():
    captured = Captured()
    captured.look_through("test_a", [("Captured stdout call", "key sk-of-a-provider")])
    assert captured.found == ["test_a, Captured stdout call, at 4: sk-of-a-provider"]
