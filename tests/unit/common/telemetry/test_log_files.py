"""Files of log lines: whole lines, rotated by size, and never a reason to wait or fail."""

import json
import multiprocessing
import os
import subprocess
import sys
import threading

import pytest

from common.telemetry import catalogue, log_files, logs
from common.telemetry.log_files import LogFiles

SIZE = 64 << 10


@pytest.fixture
def dropped(monkeypatch):
    """How many lines were dropped in this test."""
    monkeypatch.setattr(catalogue.LOG_LINES_DROPPED, "values", {})
    return lambda: catalogue.LOG_LINES_DROPPED.values.get((), 0)


def line(number, length=100):
    return json.dumps({"n": number, "pad": "x" * length}).encode() + b"\n"


def numbers(directory):
    """The lines of all files, oldest first; each is whole."""
    files = sorted(
        (path for path in directory.iterdir() if not path.name.startswith(".")),
        key=lambda path: -int(path.suffix[1:]) if path.suffix[1:].isdigit() else 0,
    )
    return [json.loads(text)["n"] for path in files for text in path.read_text().splitlines()]


def test_lines_are_there_in_order_after_close(tmp_path, dropped):
    files = LogFiles(str(tmp_path / "logs"), "relay", SIZE, 3)
    for number in range(100):
        files.add(line(number))
    files.close()
    assert numbers(tmp_path / "logs") == list(range(100))
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["relay.log"]
    again = LogFiles(str(tmp_path / "logs"), "relay", SIZE, 3)
    again.add(line(100))
    again.close()
    assert numbers(tmp_path / "logs") == list(range(101))
    assert dropped() == 0


def test_files_are_rotated_by_size_and_the_oldest_go(tmp_path):
    files = LogFiles(str(tmp_path), "relay", SIZE, 3)
    for number in range(5_000):
        files.add(line(number))
    files.close()
    kept = {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")}
    assert kept == {"relay.log", "relay.log.1", "relay.log.2"}
    assert all((tmp_path / name).stat().st_size <= SIZE for name in kept)
    found = numbers(tmp_path)
    assert found == list(range(found[0], 5_000))
    assert len(found) > 1.5 * SIZE / len(line(4_999))


def test_one_file_is_only_ever_itself(tmp_path):
    files = LogFiles(str(tmp_path), "relay", SIZE, 1)
    for number in range(2_000):
        files.add(line(number))
    files.close()
    assert numbers(tmp_path)[-1] == 1_999
    assert (tmp_path / "relay.log").stat().st_size <= SIZE


def test_a_line_longer_than_a_file_is_written_whole(tmp_path):
    files = LogFiles(str(tmp_path), "relay", SIZE, 3)
    for number in range(3):
        files.add(line(number, 2 * SIZE))
    files.close()
    assert numbers(tmp_path) == [0, 1, 2]


def _write_many(directory, first):
    files = LogFiles(directory, "relay", SIZE, 100)
    for number in range(first, first + 1_000):
        files.add(line(number))
    files.close()


def test_processes_share_the_files(tmp_path):
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_write_many, args=(str(tmp_path), first))
        for first in (0, 1_000, 2_000)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert sorted(numbers(tmp_path)) == list(range(3_000))


def test_a_file_that_somebody_moved_is_made_again(tmp_path):
    files = LogFiles(str(tmp_path), "relay", SIZE, 3)
    (tmp_path / "relay.log").rename(tmp_path / "elsewhere")
    files.add(line(1))
    files.close()
    assert (tmp_path / "relay.log").read_bytes() == line(1)


def test_a_full_queue_drops_and_counts(tmp_path, monkeypatch, dropped):
    monkeypatch.setattr(log_files, "LINES_QUEUED_MAX", 10)
    monkeypatch.setattr(log_files, "WRITE_EVERY_S", 60)
    files = LogFiles(str(tmp_path), "relay", SIZE, 3)
    for number in range(25):
        files.add(line(number))
    assert dropped() == 15
    files.close()
    assert numbers(tmp_path) == list(range(10))


def test_a_disk_that_fails_drops_and_counts(tmp_path, monkeypatch, dropped):
    files = LogFiles(str(tmp_path), "relay", SIZE, 3)
    full = threading.Event()
    write = os.write

    def fail(output, data):
        if full.is_set():
            raise OSError(28, "No space left on device")
        return write(output, data)

    monkeypatch.setattr(log_files.os, "write", fail)
    full.set()
    files.add(line(1))
    files.add(line(2))
    files._write_queued()
    assert dropped() == 2
    full.clear()
    files.add(line(3))
    files.close()
    assert numbers(tmp_path) == [3]


def test_what_is_logged_is_in_the_file_redacted_and_named(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(logs._State, "environment", {})
    logs.configure("info", "relay", "staging")
    logs.write_files(str(tmp_path), SIZE, 3)
    logs.log("request", detail="Bearer abcdefghijkl")
    logs.close_files()
    written = (tmp_path / "relay.log").read_text()
    assert written == capfd.readouterr().out
    assert json.loads(written)["environment"] == "staging"
    assert "abcdefghijkl" not in written
    logs.configure("info", "")


def test_nothing_of_it_is_imported_when_it_is_not_set():
    code = "import sys, common.serve; print('common.telemetry.log_files' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
