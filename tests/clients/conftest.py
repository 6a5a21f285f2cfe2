"""One local stack, and the programs of others that call it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.dev_stack import DevStack

VENV = os.environ.get("RELAY_CLIENTS", "")
LIMIT_S = 180


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    with DevStack(tmp_path_factory.mktemp("clients") / "state") as stack:
        yield stack


@pytest.fixture(scope="session")
def key(stack):
    return stack.create_key()


@pytest.fixture
def program():
    """The path of a program of the virtual environment; the test is skipped without it."""

    def find(name):
        found = shutil.which(name, path=str(Path(VENV) / "bin"))
        return found or pytest.skip(f"{name} is not in {VENV}/bin")

    return find


@pytest.fixture
def run(tmp_path):
    """Run a program in an empty home; gives what it has printed."""

    def run(*command, **environment):
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **environment}
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
            timeout=LIMIT_S, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        sys.stdout.write(f"$ {' '.join(command)}\n{done.stdout}{done.stderr}\n")
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return run
