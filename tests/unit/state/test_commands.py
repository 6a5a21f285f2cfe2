"""Scripts and errors that both Redis clients share; and what importing the hot one costs."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from common.state import commands
from common.state.commands import RedisReplyError, RedisUnavailable, Script, failure

LUA = Path(commands.__file__).parent / "lua"


def test_a_script_is_its_file_and_its_sha1():
    script = Script.load("release_lock")
    assert script.name == "release_lock"
    assert script.source == (LUA / "release_lock.lua").read_text()
    assert script.sha == hashlib.sha1(script.source.encode()).hexdigest()


def test_the_parts_that_the_first_line_names_go_first():
    script = Script.load("move")
    names = ("shared", "rules", "leases", "rests", "candidates", "move")
    parts = [(LUA / f"{name}.lua").read_text() for name in names]
    assert parts[-1].startswith("-- uses: shared rules leases rests candidates\n")
    assert script.source == "\n".join(parts)


def test_a_script_is_read_once():
    assert Script.load("settle") is Script.load("settle")


def test_a_missing_script_is_named():
    with pytest.raises(LookupError, match="'no_such_script'"):
        Script.load("no_such_script")


@pytest.mark.parametrize(
    "text",
    [
        "LOADING Redis is loading the dataset in memory",
        "READONLY You can't write against a read only replica.",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        "BUSY Redis is busy running a script.",
        "OOM command not allowed when used memory > 'maxmemory'.",
        "MISCONF Redis is configured to save RDB snapshots, but …",
        "CLUSTERDOWN The cluster is down",
    ],
)
def test_a_server_that_cannot_now_is_unavailable_and_did_nothing(text):
    error = failure(text)
    assert isinstance(error, RedisUnavailable)
    assert (error.reason, error.sent) == (text, False)


def test_redis_6_wraps_what_a_script_was_refused_with():
    error = failure(
        "ERR Error running script (call to f_00): @user_script:1: @user_script: 1: "
        "-READONLY You can't write against a read only replica. "
    )
    assert isinstance(error, RedisUnavailable)
    assert error.reason.startswith("READONLY You can't write")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("WRONGTYPE Operation against a key holding the wrong kind of value", "WRONGTYPE"),
        ("ERR unknown command `X`", "ERR"),
        ("NOSCRIPT No matching script. Please use EVAL.", "NOSCRIPT"),
        ("ERR Error running script (call to f_0): @user_script:1: -WRONGTYPE Operation", "ERR"),
        ("", ""),
    ],
)
def test_any_other_error_is_the_callers(text, code):
    error = failure(text)
    assert isinstance(error, RedisReplyError)
    assert (str(error), error.code) == (text, code)


def test_importing_the_hot_path_brings_in_hiredis_and_nothing_else():
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import asyncio, sys; before = set(sys.modules);"
            "import common.state.connection, common.state.client;"
            "print(*{name.partition('.')[0] for name in set(sys.modules) - before"
            " if name.partition('.')[0] not in sys.stdlib_module_names})",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(said.stdout.split()) == {"common", "hiredis"}
