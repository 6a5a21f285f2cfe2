"""Log files of a function as a process: what it logs last is in them when it has stopped."""

import json
import os
import subprocess
import sys

import httpx

from cli.dev.ports import free_port
from tests.integration.functions.test_wrong_settings import RIGHT
from tests.support.processes import ROOT, ServedProcess

TARGET = "functions.cleanup.main:application"


def test_all_lines_are_in_the_file_after_sigterm(tmp_path):
    output = tmp_path / "output"
    logged = {"RELAY_LOG_DIRECTORY": str(tmp_path / "logs"), "RELAY_ENVIRONMENT": "production"}
    process = ServedProcess(TARGET, free_port(), output, **(RIGHT | logged))
    process.start()
    for _ in range(20):
        refused = httpx.post(f"http://127.0.0.1:{process.port}/", content=b"no event")
        assert refused.status_code == 400
    assert process.stop() == 0
    written = (tmp_path / "logs" / "cleanup.log").read_text()
    assert written == output.read_text()
    lines = [json.loads(line) for line in written.splitlines()]
    assert [line["event"] for line in lines].count("event_refused") == 20
    assert {(line["function"], line["environment"]) for line in lines} == {
        ("cleanup", "production")
    }


def test_a_directory_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    directory = str(tmp_path / "file" / "logs")
    finished = subprocess.run(
        [sys.executable, "-m", "common.serve", TARGET],
        env={**os.environ, **RIGHT, "RELAY_LOG_DIRECTORY": directory},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert finished.returncode == 2
    assert finished.stderr.startswith(f"cannot start cleanup: RELAY_LOG_DIRECTORY={directory!r}: ")
