"""The supervisor as a process of its own, with a real Redis and stand-ins for the functions."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import redis

from cli.dev.identity import started
from cli.dev.state import State


class SmallStack:
    def __init__(self, state, **environment):
        self.state = state
        self._environment = {**os.environ, **environment}
        self.process = None
        self.output = []

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.small_stack", str(self.state)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environment,
        )
        for line in self.process.stdout:
            self.output.append(line)
            if line == "ready\n":
                return self
        raise AssertionError("".join(self.output))

    def processes(self):
        return json.loads((self.state / "processes.json").read_text())

    def get(self, name, path="/"):
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.processes()[name]["port"], timeout=60
        )
        try:
            connection.request("GET", path)
            return int(connection.getresponse().read())
        finally:
            connection.close()

    def log(self, name):
        return (self.state / "logs" / f"{name}.log").read_text()

    def alive(self, processes):
        return [name for name, entry in processes.items() if started(entry.get("pid", 0))]

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.output += self.process.communicate(timeout=60)[0].splitlines(keepends=True)
        return self.process.returncode


@pytest.fixture
def stack(tmp_path):
    # Under nohup the tests' own process ignores it, and whatever it starts would too.
    given = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    stack = SmallStack(tmp_path / "state")
    yield stack.start()
    stack.stop(signal.SIGKILL)
    signal.signal(signal.SIGHUP, given)


def test_processes_json_names_everything_and_is_private(stack):
    processes = stack.processes()
    assert processes["postgres"] == {"url": "postgresql://elsewhere/relay"}
    assert processes["redis"]["url"].startswith("redis://:")
    assert (stack.state / "processes.json").stat().st_mode & 0o777 == 0o600
    for name in ("relay", "key_admin", "front_door"):
        assert stack.get(name) == processes[name]["pid"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_in_order(stack, number):
    processes = stack.processes()
    answers = []
    calls = [
        threading.Thread(target=lambda name=name: answers.append(stack.get(name, "/slow")))
        for name in ("front_door", "relay")
    ]
    for call in calls:
        call.start()
    _until(lambda: all("asked" in stack.log(name) for name in ("front_door", "relay")))
    assert stack.stop(number) == 0
    for call in calls:
        call.join()
    assert len(answers) == 2
    assert stack.alive(processes) == []
    assert not (stack.state / "processes.json").exists()

    def ended(name):
        return int(stack.log(name).split()[-1])

    assert ended("front_door") < ended("relay")
    assert "bye bye" in (stack.state / "logs" / "redis.log").read_text()


def test_a_second_signal_cuts_open_requests_off(stack):
    processes = stack.processes()
    os.kill(processes["front_door"]["pid"], signal.SIGSTOP)
    stack.process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert stack.process.poll() is None
    stack.process.send_signal(signal.SIGINT)
    assert stack.stop() == 0
    assert stack.alive(processes) == []
    assert "bye bye" in (stack.state / "logs" / "redis.log").read_text()


def test_a_killed_process_comes_back_on_its_port(stack):
    before = stack.processes()["relay"]
    os.kill(before["pid"], signal.SIGKILL)
    _until(lambda: stack.processes()["relay"]["pid"] != before["pid"])
    after = stack.processes()["relay"]
    assert after["port"] == before["port"]
    _until(lambda: _answer_or_none(stack, "relay") == after["pid"])
    stack.stop()
    assert "ended (SIGKILL)" in "".join(stack.output)


def test_a_killed_redis_comes_back_with_its_data(stack):
    before = stack.processes()["redis"]
    with redis.Redis.from_url(before["url"]) as client:
        client.set("kept", "7")
    os.kill(before["pid"], signal.SIGKILL)
    _until(lambda: stack.processes()["redis"]["pid"] != before["pid"])
    with redis.Redis.from_url(stack.processes()["redis"]["url"]) as client:
        _until(lambda: _ping(client))
        assert client.get("kept") == b"7"


def test_no_orphan_when_the_supervisor_is_killed(stack):
    processes = stack.processes()
    stack.process.send_signal(signal.SIGKILL)
    _until(lambda: stack.alive(processes) == [])
    # What it left behind does not hinder the next one.
    again = SmallStack(stack.state).start()
    assert again.get("relay") == again.processes()["relay"]["pid"]
    assert again.stop() == 0


def test_two_supervisors_cannot_share_a_state(stack):
    with pytest.raises(AssertionError, match=f"process {stack.process.pid}"):
        SmallStack(stack.state).start()
    assert stack.get("relay")


def test_a_part_that_cannot_start_ends_the_start_with_its_words(tmp_path):
    stack = SmallStack(tmp_path / "state", BROKEN="exits")
    sentence = r"key_admin ends again and again; .*\n(KEY is missing\n)+"
    with pytest.raises(AssertionError, match=sentence):
        stack.start()
    assert stack.process.wait(10) == 1
    stack.process.stdout.close()


def test_a_signal_while_starting_stops_what_had_begun(tmp_path):
    stack = SmallStack(tmp_path / "state", BROKEN="never-ready")

    def start():
        with pytest.raises(AssertionError):
            stack.start()

    thread = threading.Thread(target=start)
    thread.start()
    _until((stack.state / "processes.json").exists)
    _until(lambda: "key_admin" in stack.processes())
    processes = stack.processes()
    stack.process.send_signal(signal.SIGTERM)
    thread.join()
    assert stack.process.wait(10) == 0
    assert stack.alive(processes) == []
    stack.process.stdout.close()


def test_a_process_that_outlived_its_supervisor_is_ended_at_the_next_start(tmp_path):
    state = State.open(tmp_path / "state")
    left = subprocess.Popen(["sleep", "60"])
    other = subprocess.Popen(["sleep", "60"])
    records = {
        "relay": {"pid": left.pid, "started": started(left.pid)},
        # A number that another program has by now.
        "cleanup": {"pid": other.pid, "started": "an-older-boot/7"},
        "postgres": {"url": "postgresql://elsewhere/relay"},
    }
    state.write_processes(records)
    state.close()
    threading.Thread(target=left.wait).start()  # or it stays as a zombie of ours
    State.open(tmp_path / "state").close()
    _until(lambda: left.returncode == -signal.SIGTERM)
    assert other.poll() is None
    other.kill()
    other.wait()


def _answer_or_none(stack, name):
    try:
        return stack.get(name)
    except OSError:
        return None


def _ping(client):
    try:
        return client.ping()
    except redis.RedisError:
        return False


def _until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
