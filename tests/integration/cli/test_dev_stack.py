"""`relayctl dev` with everything it consists of."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from cli.dev.identity import started
from tests.support.dev_stack import DevStack

PARTS = {
    "postgres",
    "redis",
    "broker",
    "cron",
    "echo_provider",
    "relay",
    "key_admin",
    "usage_aggregation",
    "cleanup",
    "notifications",
    "front_door",
}
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    stack = DevStack(tmp_path_factory.mktemp("dev") / "state")
    with stack:
        yield stack


def _alive(processes):
    return [name for name, entry in processes.items() if started(entry.get("pid", 0))]


def _pasted(stack):
    """Run the block that the terminal showed, as a person would paste it."""
    block = stack.output[stack.output.rindex("# a key") :].partition("\n\n")[0]
    done = subprocess.run(
        ["bash", "-c", block], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_processes_json_and_the_files_that_hold_secrets(stack):
    processes = stack.processes
    assert set(processes) == PARTS
    assert processes["postgres"]["url"].startswith("postgresql://")
    assert processes["redis"]["url"].startswith("redis://")
    assert processes["echo_provider"]["url"].startswith("http://127.0.0.1:")
    for name in ("relay", "key_admin", "usage_aggregation", "cleanup", "notifications"):
        assert {"pid", "port", "metrics_port"} <= set(processes[name])
    for name in ("processes.json", "master-key", "internal-secret"):
        assert (stack.state / name).stat().st_mode & 0o777 == 0o600


def test_no_secret_stands_on_a_command_line(stack):
    secrets = [stack.master_key, (stack.state / "internal-secret").read_text().strip()]
    for entry in stack.processes.values():
        line = Path(f"/proc/{entry['pid']}/cmdline").read_text()
        assert not any(secret in line for secret in secrets)


def test_the_printed_commands_work_when_pasted(stack):
    answer = _pasted(stack)
    assert answer["choices"][0]["message"]["content"]
    assert stack.master_key not in stack.output


def test_every_function_comes_back_when_killed(stack):
    for name in ("relay", "key_admin", "front_door", "redis", "postgres"):
        before = stack.processes[name]["pid"]
        os.kill(before, signal.SIGKILL)
        _until(lambda name=name, before=before: stack.processes[name]["pid"] != before)
    _until(lambda: _status(f"{stack.url}/health/ready") == 200)
    _until(lambda: _try(lambda: _pasted(stack)["choices"]))


def test_keys_survive_a_restart_and_nothing_is_left(stack):
    headers = {"Authorization": f"Bearer {stack.master_key}"}
    body = {"name": "kept", "user_id": "alice"}
    created = httpx.post(f"{stack.url}/internal/api-keys", json=body, headers=headers)
    assert created.status_code == 201
    processes = stack.processes
    assert stack.stop() == 0
    assert _alive(processes) == []
    stack.start()
    chat = httpx.post(
        f"{stack.url}/v1/chat/completions",
        headers={"Authorization": f"Bearer {created.json()['key']}"},
        json={"model": "gpt-5-mini", "messages": [{"role": "user", "content": "again"}]},
        timeout=20,
    )
    assert chat.status_code == 200, chat.text


def test_a_killed_supervisor_leaves_no_process(stack):
    processes = stack.processes
    stack.kill()
    _until(lambda: _alive(processes) == [])
    stack.start()
    assert _pasted(stack)["choices"]


def _status(url):
    try:
        return httpx.get(url, timeout=5).status_code
    except httpx.HTTPError:
        return 0


def _try(call):
    try:
        return call()
    except (AssertionError, ValueError, KeyError):
        return None


def _until(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
