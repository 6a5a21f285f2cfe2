"""`relayctl events` and the local cron, against a real broker and a real subscriber."""

import csv
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from cli.dev.launching import launched
from cli.dev.ports import free_port
from cli.events import events
from common.events.types import CRON_TASK
from tests.support.admin_server import AdminServer
from tests.support.admin_server import Answer as AdminAnswer
from tests.support.event_receiver import (
    Answer,
    BrokerProcess,
    Receiver,
    running_broker,
    trigger,
    until,
)

PING = {
    "kind": "PingSource",
    "metadata": {"name": "relay-outbox"},
    "spec": {
        "schedule": "*/10 * * * *",
        "timezone": "Etc/UTC",
        "contentType": "application/json",
        "data": '{"task": "outbox"}',
        "sink": {"ref": {"kind": "Broker", "name": "relay"}},
    },
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def broker(tmp_path: Path, receiver: Receiver) -> Iterator[BrokerProcess]:
    triggers = [trigger("a"), trigger(CRON_TASK)]
    with running_broker(tmp_path, triggers, {"receiver": receiver.url}) as made:
        (tmp_path / "manifests" / "4.yaml").write_text(yaml.safe_dump(PING))
        yield made


def relayctl(broker: BrokerProcess, *arguments: str) -> Result:
    return CliRunner().invoke(events, ["--broker", broker.url, *arguments])


def said(broker: BrokerProcess, *arguments: str) -> str:
    result = relayctl(broker, *arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_events_are_listed_and_shown(broker: BrokerProcess, receiver: Receiver):
    assert "no events yet" in said(broker, "list")
    receiver.answers = [Answer(503)]
    broker.send("a", "one")
    broker.send("nobody.wants.it", "two")
    broker.wait_until_idle()
    table = said(broker, "list").splitlines()
    assert table[0].split() == ["RECEIVED", "ID", "TYPE", "DELIVERIES"]
    assert table[1].endswith("two  nobody.wants.it  nobody")
    assert table[2].endswith("trigger-0 delivered after 2 attempts (204)")
    items = json.loads(said(broker, "list", "--output", "json", "--type", "a"))
    assert [item["id"] for item in items] == ["one"]
    rows = list(csv.DictReader(said(broker, "list", "--output", "csv").splitlines()))
    assert [(row["id"], row["deliveries"]) for row in rows] == [
        ("two", "nobody"),
        ("one", "trigger-0 delivered after 2 attempts (204)"),
    ]
    assert json.loads(said(broker, "show", "one"))["items"][0]["event"]["data"] == {"n": 1}
    assert relayctl(broker, "show", "absent").exit_code == 1


def test_dead_letters_are_listed_shown_and_retried(broker: BrokerProcess, receiver: Receiver):
    assert "no dead letters" in said(broker, "dead-letters")
    receiver.default = Answer(400)
    for number in range(3):
        broker.send("a", f"event-{number}")
    broker.wait_until_idle()
    letters = json.loads(said(broker, "dead-letters", "--output", "json"))
    assert len(letters) == 3
    table = said(broker, "dead-letters", "--limit", "1").splitlines()
    assert len(table) == 2
    assert table[1].split()[1:] == [letters[0]["id"], "trigger-0", "a", "1", "400"]
    rows = list(csv.DictReader(said(broker, "dead-letters", "--output", "csv").splitlines()))
    assert [row["id"] for row in rows] == [letter["id"] for letter in letters]
    assert {row["event.knativeerrorcode"] for row in rows} == {"400"}
    shown = json.loads(said(broker, "show", letters[0]["id"]))
    assert shown["event"]["knativeerrorcode"] == 400
    receiver.default = Answer()
    assert "1 dead letter queued" in said(broker, "retry", letters[0]["id"])
    result = relayctl(broker, "retry", letters[0]["id"])
    assert result.exit_code == 1
    assert letters[0]["id"] in result.output
    assert "2 dead letters queued" in said(broker, "retry", "--all")
    broker.wait_until_idle()
    assert "no dead letters" in said(broker, "dead-letters")
    assert len(receiver.delivered) == 6
    assert relayctl(broker, "retry").exit_code == 2


def test_fire_sends_a_tick_through_the_broker(
    broker: BrokerProcess, receiver: Receiver, tmp_path: Path
):
    fire = ("fire", "--manifests", str(tmp_path / "manifests"))
    assert "relay-outbox fired" in said(broker, *fire, "outbox")
    broker.wait_until_idle()
    [delivered] = receiver.delivered
    assert delivered.headers["ce-type"] == CRON_TASK
    assert json.loads(delivered.body) == {"task": "outbox"}
    result = relayctl(broker, *fire, "absent")
    assert result.exit_code == 1
    assert "there are: relay-outbox" in result.output


def test_fire_takes_the_deployed_manifests_by_default(broker: BrokerProcess, receiver: Receiver):
    said(broker, "fire", "relay-partitions")
    broker.wait_until_idle()
    assert json.loads(receiver.delivered[0].body) == {"task": "partitions"}


def test_the_broker_is_found_by_processes_json(
    broker: BrokerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("RELAY_STATE_DIR", str(tmp_path))
    result = CliRunner().invoke(events, ["list"])
    assert result.exit_code == 1
    assert "start `relayctl dev`" in result.output
    written = {"broker": {"pid": 1, "port": broker.port}}
    (tmp_path / "processes.json").write_text(json.dumps(written))
    assert "no events yet" in CliRunner().invoke(events, ["list"]).output


def test_a_retry_settles_what_cleanup_keeps_too(
    broker: BrokerProcess, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    receiver.default = Answer(400)
    for number in range(2):
        broker.send("a", f"event-{number}")
    broker.wait_until_idle()
    receiver.default = Answer()
    server = AdminServer()
    port = server.url.rpartition(":")[2]
    written = {"broker": {"pid": 1, "port": broker.port}, "front_door": {"port": int(port)}}
    (tmp_path / "processes.json").write_text(json.dumps(written))
    monkeypatch.setenv("RELAY_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("PROXY_MASTER_KEY", "the master key of these tests")
    kept = {"id": "kept", "event_source": "/tests", "retried_at": None}
    letters = [{**kept, "event_id": "event-1"}, {**kept, "id": "other", "event_id": "event-7"}]
    server.says({"items": letters, "next_cursor": None}, AdminAnswer(202, {"id": "kept"}))
    result = CliRunner().invoke(events, ["retry", "--all"])
    server.close()
    assert "2 dead letters queued" in result.output
    assert [one.path for one in server.asked[1:]] == ["/internal/dead-letters/kept/retry"]
    # The one that only the broker had went by the broker; the other comes by the admin API.
    broker.wait_until_idle()
    assert [one.id for one in receiver.delivered[2:]] == ["event-0"]
    result = CliRunner().invoke(events, ["retry", "--all"])
    assert "cleanup keeps still waits" in result.output
    broker.wait_until_idle()
    assert [one.id for one in receiver.delivered[2:]] == ["event-0", "event-1"]


def test_a_broker_that_is_not_there_is_a_sentence():
    result = CliRunner().invoke(events, ["--broker", f"http://127.0.0.1:{free_port()}", "list"])
    assert result.exit_code == 1
    assert "does not answer" in result.output


def start_cron(manifests: Path, url: str, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "cli.dev.cron", "--manifests", str(manifests)]
    with log.open("wb") as file:
        return subprocess.Popen(
            launched([*command, "--broker", url]), stdout=file, stderr=subprocess.STDOUT
        )


@pytest.mark.timeout(180)
def test_cron_ticks_by_its_schedule_and_stops_on_sigterm(
    broker: BrokerProcess, receiver: Receiver, tmp_path: Path
):
    every_minute = {**PING, "spec": {**PING["spec"], "schedule": "* * * * *"}}
    (tmp_path / "manifests" / "4.yaml").write_text(yaml.safe_dump(every_minute))
    cron = start_cron(tmp_path / "manifests", broker.url, tmp_path / "cron.log")
    try:
        until(lambda: bool(receiver.delivered), seconds_max=90)
        assert receiver.delivered[0].headers["ce-source"].endswith("/pingsources/relay-outbox")
        cron.send_signal(signal.SIGTERM)
        assert cron.wait(10) == 0
    finally:
        cron.kill()


def test_cron_refuses_wrong_manifests(tmp_path: Path):
    (tmp_path / "1.yaml").write_text("kind: Broker\nmetadata: {name: relay}\n")
    (tmp_path / "2.yaml").write_text(
        yaml.safe_dump({**PING, "spec": {**PING["spec"], "schedule": "never"}})
    )
    cron = start_cron(tmp_path, "http://127.0.0.1:9", tmp_path / "cron.log")
    assert cron.wait(20) == 2
    assert "PingSource relay-outbox: spec.schedule" in (tmp_path / "cron.log").read_text()
