"""The event functions under `functions-framework`, as anybody else would start them."""

import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from cli.dev.launching import launched
from common.domain.ids import ulid_to_uuid
from common.events.types import CRON_TASK, NOTIFICATIONS_DUE, USAGE_RECORDED
from tests.support.event_worker import EventWorker, is_empty_204, is_problem
from tests.support.processes import ROOT, START_S_MAX
from tests.support.usage_records import make_record, signed


@pytest.fixture
async def start(postgres_url, redis_url, tmp_path):
    """Start a function by its name; what it is served by is not `common.serve`."""
    started: list[EventWorker] = []
    processes: list[subprocess.Popen[bytes]] = []

    def begin(name: str) -> EventWorker:
        worker = EventWorker(name, tmp_path, postgres_url, redis_url)
        started.append(worker)
        processes.append(_framework(name, worker))
        return worker

    yield begin
    for process in processes:
        process.terminate()
        process.wait(20)
    for worker in started:
        await worker.close()


def _framework(name: str, worker: EventWorker) -> "subprocess.Popen[bytes]":
    command = [
        str(Path(sys.executable).with_name("functions-framework")),
        *("--target", name, "--source", f"functions/{name}/main.py"),
        *("--asgi", "--host", "127.0.0.1", "--port", str(worker.port)),
    ]
    environment = {"PATH": "/usr/bin:/bin", **worker.environment}
    with worker.log.open("ab") as log:
        process = subprocess.Popen(
            launched(command), cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    end = time.monotonic() + START_S_MAX
    while not _listens(worker.url):
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            raise RuntimeError(f"{name} did not start:\n{worker.log.read_text()}")
        time.sleep(0.05)
    return process


def _listens(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready").status_code == 200
    except httpx.TransportError:
        return False


async def answers_health(worker: EventWorker) -> bool:
    answers = [await worker.client.get(f"/health/{name}") for name in ("live", "ready")]
    return [answer.json() for answer in answers] == [{"status": "ok"}] * 2


async def test_usage_aggregation(start):
    worker = start("usage_aggregation")
    record = make_record()
    for structured in (False, True):
        data = {"records": [signed(record)]}
        assert is_empty_204(await worker.post(USAGE_RECORDED, data, structured=structured))
    assert worker.rows("SELECT id FROM ledger") == [{"id": ulid_to_uuid(record.id)}]
    assert is_problem(await worker.post(CRON_TASK, {}), 400)
    assert is_problem(await worker.post(USAGE_RECORDED, {}, path="/other"), 404)
    assert is_problem(await worker.client.get("/"), 405)
    assert await answers_health(worker)


async def test_notifications(start):
    worker = start("notifications")
    for structured in (False, True):
        answer = await worker.post(NOTIFICATIONS_DUE, {"waiting": 1}, structured=structured)
        assert is_empty_204(answer)
    assert is_problem(await worker.post(NOTIFICATIONS_DUE, {}, path="/other"), 404)
    assert await answers_health(worker)


async def test_cleanup(start):
    worker = start("cleanup")
    for structured in (False, True):
        tick = {"task": "partitions"}
        assert is_empty_204(await worker.post(CRON_TASK, tick, structured=structured))
    assert worker.rows("SELECT count(*) AS n FROM ledger_partitions") == [{"n": 5}]
    assert is_empty_204(await worker.post(USAGE_RECORDED, {}, path="/dead-letters"))
    assert is_problem(await worker.post(CRON_TASK, {"task": "nonsense"}), 400)
    assert await answers_health(worker)
