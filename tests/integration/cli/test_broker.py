"""The local broker over real HTTP: as strict as Knative's multi-tenant channel broker."""

import base64
import itertools
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.dev.ports import free_port
from tests.support.event_receiver import (
    Answer,
    BrokerProcess,
    Receiver,
    running_broker,
    trigger,
    until,
)

EVENT = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/tests", "ce-type": "a"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def broker(tmp_path: Path, receiver: Receiver) -> Iterator[BrokerProcess]:
    triggers = [trigger("a"), trigger("b"), trigger("a.reply"), trigger("slow", timeout="PT0.5S")]
    with running_broker(tmp_path, triggers, {"receiver": receiver.url}) as made:
        yield made


def test_an_event_reaches_exactly_the_triggers_that_match(tmp_path: Path, receiver: Receiver):
    other = Receiver()
    triggers = [trigger("a"), trigger("a", "other"), trigger("b", "other")]
    triggers[0]["subscriber"]["uri"] = "/below"
    services = {"receiver": receiver.url, "other": other.url}
    with running_broker(tmp_path, triggers, services) as broker:
        body = b'{"n":  1.0}'
        headers = {"ce-subject": "%C3%A9", "ce-shade": "red"}
        assert broker.send("a", "1", content=body, headers=headers) == 202
        assert broker.send("c", "2") == 202
        state = broker.wait_until_idle()
    [delivered] = receiver.delivered
    assert delivered.path == "/below"
    assert delivered.body == body
    assert delivered.headers["ce-specversion"] == "1.0"
    assert delivered.headers["ce-subject"] == "%C3%A9"
    assert delivered.headers["ce-shade"] == "red"
    assert delivered.headers["content-type"] == "application/json"
    assert delivered.headers["prefer"] == "reply"
    assert "ce-knativearrivaltime" in delivered.headers
    assert [one.id for one in other.delivered] == ["1"]
    assert (state["accepted"], state["unmatched"], state["delivered"]) == (2, 1, 2)
    other.close()


def test_structured_mode_is_delivered_in_binary_mode(broker: BrokerProcess, receiver: Receiver):
    body = b'{"specversion":"1.0","id":"1","source":"/s","type":"a","data":{"n":1}}'
    headers = {"content-type": "application/cloudevents+json"}
    assert broker.post("/default/relay", headers, body).status_code == 202
    broker.wait_until_idle()
    [delivered] = receiver.delivered
    assert (delivered.id, delivered.body) == ("1", b'{"n": 1}')
    assert delivered.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "headers", "content", "status"),
    [
        ("/default/relay", {}, b"{}", 400),
        ("/default/relay", {"content-type": "application/json"}, b'{"type": "a"}', 400),
        ("/default/relay", {**EVENT, "ce-id": ""}, b"", 400),
        ("/default/relay", {**EVENT, "content-type": "application/json"}, b"{", 400),
        ("/default/relay", {**EVENT, "ce-knativebrokerttl": "1"}, b"", 400),
        ("/default/relay", EVENT, b"x" * (1024 * 1024 + 1), 413),
        ("/default/other", EVENT, b"", 404),
        ("/", EVENT, b"", 404),
    ],
)
def test_what_is_no_event_is_refused(
    broker: BrokerProcess,
    receiver: Receiver,
    path: str,
    headers: dict[str, str],
    content: bytes,
    status: int,
):
    answer = broker.post(path, headers, content)
    assert answer.status_code == status
    assert broker.get("/state")["accepted"] == 0
    assert receiver.delivered == []


@pytest.mark.parametrize("status", [404, 408, 409, 429, 500, 502, 503, 599])
def test_retried_statuses(broker: BrokerProcess, receiver: Receiver, status: int):
    receiver.answers = [Answer(status, b"not yet")]
    broker.send("a", "1")
    state = broker.wait_until_idle()
    assert [one.id for one in receiver.delivered] == ["1", "1"]
    assert (state["delivered"], state["attempts_failed"], state["dead"]) == (1, 1, 0)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 405, 410, 413, 415, 422])
def test_other_statuses_are_final(broker: BrokerProcess, receiver: Receiver, status: int):
    receiver.default = Answer(status, b"never")
    broker.send("a", "1")
    state = broker.wait_until_idle()
    assert len(receiver.delivered) == 1
    assert (state["delivered"], state["dead"], state["dead_letters"]) == (0, 1, 1)


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("body", [b"OK", b'{"status": "ok"}', b"\n"])
def test_a_reply_that_is_no_event_is_a_failure(
    broker: BrokerProcess, receiver: Receiver, status: int, body: bytes
):
    receiver.answers = [Answer(status, body)]
    broker.send("a", "1")
    state = broker.wait_until_idle()
    assert len(receiver.delivered) == 2
    assert (state["delivered"], state["attempts_failed"]) == (1, 1)


def test_a_reply_that_claims_to_be_an_event_and_is_none_is_a_failure(
    broker: BrokerProcess, receiver: Receiver
):
    receiver.default = Answer(200, b"{}", {"ce-specversion": "1.0", "ce-id": "1"})
    broker.send("a", "1")
    assert broker.wait_until_idle()["dead"] == 1
    [letter] = broker.get("/dead-letters")["items"]
    assert letter["event"]["knativeerrorcode"] == 502


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_an_empty_2xx_is_success(broker: BrokerProcess, receiver: Receiver, status: int):
    receiver.default = Answer(status)
    broker.send("a", "1")
    state = broker.wait_until_idle()
    assert (len(receiver.delivered), state["delivered"]) == (1, 1)


def test_a_reply_that_is_an_event_goes_through_the_broker(
    broker: BrokerProcess, receiver: Receiver
):
    reply = {**EVENT, "ce-type": "a.reply", "ce-id": "2", "content-type": "application/json"}
    receiver.answers = [Answer(200, b'{"r": 1}', reply)]
    broker.send("a", "1")
    until(lambda: len(receiver.delivered) == 2)
    state = broker.wait_until_idle()
    assert (receiver.delivered[1].id, receiver.delivered[1].body) == ("2", b'{"r": 1}')
    assert (state["replies"], state["delivered"]) == (1, 2)


def test_a_loop_of_replies_ends(broker: BrokerProcess, receiver: Receiver):
    receiver.default = Answer(200, b"", {**EVENT, "ce-id": "again"})
    assert broker.send("a", "1", headers={"ce-knativebrokerttl": "5"}) == 202
    state = broker.wait_until_idle()
    assert len(receiver.delivered) == 4
    assert state["replies"] == 3
    assert not any("knativebrokerttl" in str(one.headers) for one in receiver.delivered)


def test_repetitions_back_off_exponentially_then_the_event_is_a_dead_letter(
    tmp_path: Path, receiver: Receiver
):
    receiver.default = Answer(503, b"\xffPostgres is away")
    triggers = [trigger("a", retry=3, backoffDelay="PT0.1S")]
    with running_broker(tmp_path, triggers, {"receiver": receiver.url}) as broker:
        broker.send("a", "1", content=b'{"n": 7}')
        broker.wait_until_idle()
        [letter] = broker.get("/dead-letters")["items"]
        [seen] = broker.get("/events")["items"]
    times = [one.time_s for one in receiver.delivered]
    assert len(times) == 4
    # A wait is never shorter than asked; how much longer is the machine's matter.
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(wait >= 0.1 * 2**n * 0.95 for n, wait in enumerate(waits))
    assert (letter["trigger"], letter["attempts"]) == ("trigger-0", 4)
    event = letter["event"]
    assert (event["id"], event["data"]) == ("1", {"n": 7})
    assert event["knativeerrordest"] == receiver.url + "/"
    assert event["knativeerrorcode"] == 503
    assert base64.b64decode(event["knativeerrordata"]) == b"\xffPostgres is away"
    assert seen["deliveries"] == [
        {"trigger": "trigger-0", "state": "dead", "attempts": 4, "status": 503}
    ]


def test_nobody_there_is_retried_and_dies_with_500(tmp_path: Path):
    # Reserved: the port of a receiver that was closed may be another test's by now.
    nobody = f"http://127.0.0.1:{free_port()}"
    with running_broker(tmp_path, [trigger("a")], {"receiver": nobody}) as broker:
        broker.send("a", "1")
        assert broker.wait_until_idle()["attempts_failed"] == 3
        [letter] = broker.get("/dead-letters")["items"]
    assert letter["event"]["knativeerrorcode"] == 500


def test_a_silent_subscriber_is_given_up_after_the_triggers_timeout(
    broker: BrokerProcess, receiver: Receiver
):
    receiver.answers = [Answer(pause_s=3)]
    broker.send("slow", "1")
    state = broker.wait_until_idle()
    assert len(receiver.delivered) == 2
    assert (state["attempts_failed"], state["delivered"]) == (1, 1)


def test_dead_letters_survive_the_broker_and_its_queue_does_not(tmp_path: Path, receiver: Receiver):
    receiver.default = Answer(400)
    triggers = [trigger("a"), trigger("b", retry=20, backoffDelay="PT60S")]
    with running_broker(tmp_path, triggers, {"receiver": receiver.url}) as broker:
        broker.send("a", "1")
        broker.wait_until_idle()
        receiver.default = Answer(503)
        broker.send("b", "2")
        until(lambda: len(receiver.delivered) == 2)
        assert broker.get("/state")["queued"] == 1
        assert broker.stop(signal.SIGTERM) == 0
        log = (broker.state_directory / "broker.log").read_text()
        [left] = [line for line in log.splitlines() if "broker_queue_left" in line]
        assert '"level":"info"' in left
        assert "the outbox has" in left
        receiver.default = Answer()
        broker.start()
        state = broker.get("/state")
        assert (state["queued"], state["dead_letters"]) == (0, 1)
        [letter] = broker.get("/dead-letters")["items"]
        answer = broker.post("/dead-letters/retry", {}, b'{"ids": ["%s"]}' % letter["id"].encode())
        assert answer.json() == {"retried": [letter["id"]]}
        state = broker.wait_until_idle()
        assert (state["delivered"], state["dead_letters"]) == (1, 0)
    assert [one.id for one in receiver.delivered] == ["1", "2", "1"]
    assert "knativeerror" not in str(receiver.delivered[2].headers)


def test_faults_duplicate_shuffle_and_drop(broker: BrokerProcess, receiver: Receiver):
    assert broker.put("/faults", {"duplicate": 3, "shuffle_ms": 300}).status_code == 200
    ids = [str(number) for number in range(30)]
    for event_id in ids:
        assert broker.send("a", event_id) == 202
    broker.wait_until_idle()
    got = [one.id for one in receiver.delivered]
    assert sorted(got) == sorted(ids * 3)
    assert got != [event_id for event_id in ids for _ in range(3)]
    assert broker.put("/faults", {"drop": 1}).status_code == 200
    broker.send("a", "dropped")
    state = broker.wait_until_idle()
    assert state["dropped"] == 1
    assert len(receiver.delivered) == 90
    assert state["faults"] == {"duplicate": 1, "shuffle_ms": 0, "drop": 1.0}
    assert broker.put("/faults", {"duplicate": 0}).status_code == 400
    assert broker.put("/faults", {"loss": 1}).status_code == 400


def test_a_subscriber_without_an_address_stops_the_start(tmp_path: Path):
    with (
        pytest.raises(RuntimeError, match="--service receiver=http"),
        running_broker(tmp_path, [trigger("a")], {}),
    ):
        pass


def test_a_dead_letter_goes_to_the_sink_too(tmp_path: Path, receiver: Receiver):
    sink = Receiver()
    sink.answers = [Answer(503)]
    receiver.default = Answer(400, b"never")
    where = {"ref": {"kind": "Service", "name": "sink"}, "uri": "/dead-letters"}
    services = {"receiver": receiver.url, "sink": sink.url}
    with running_broker(tmp_path, [trigger("a", deadLetterSink=where)], services) as broker:
        broker.send("a", "1", content=b'{"n": 7}')
        broker.wait_until_idle()
        assert len(broker.get("/dead-letters")["items"]) == 1
        refused, taken = sink.delivered
        assert (taken.path, taken.id, taken.body) == ("/dead-letters", "1", b'{"n": 7}')
        assert refused.headers["ce-knativeerrorcode"] == taken.headers["ce-knativeerrorcode"]
        assert taken.headers["ce-knativeerrordest"] == receiver.url + "/"
        assert base64.b64decode(taken.headers["ce-knativeerrordata"]) == b"never"
        # It dies again: the same letter, not a second one. Then somebody sends it once more.
        broker.send("a", "1")
        broker.wait_until_idle()
        assert len(broker.get("/dead-letters")["items"]) == 1
        receiver.default = Answer()
        broker.send("a", "1")
        state = broker.wait_until_idle()
        assert (state["dead"], state["dead_letters"]) == (2, 0)
        sink.default = Answer(400)
        receiver.default = Answer(400)
        broker.send("a", "2")
        assert broker.wait_until_idle()["dead_letters"] == 1
        assert "dead_letter_sink_failed" in (broker.state_directory / "broker.log").read_text()
    sink.close()


def test_a_dead_letter_sink_without_an_address_stops_the_start(tmp_path: Path):
    where = {"ref": {"kind": "Service", "name": "sink"}}
    with (
        pytest.raises(RuntimeError, match="--service sink=http"),
        running_broker(tmp_path, [trigger("a", deadLetterSink=where)], {"receiver": "http://x"}),
    ):
        pass


def test_what_is_under_way_arrives_when_the_broker_ends(tmp_path: Path, receiver: Receiver):
    receiver.default = Answer(pause_s=0.5)
    with running_broker(tmp_path, [trigger("a")], {"receiver": receiver.url}) as broker:
        # More than are open at once: some have not been tried yet.
        for number in range(70):
            broker.send("a", str(number))
        until(lambda: len(receiver.delivered) > 0)
        assert broker.get("/state")["queued"] > 0
        assert broker.stop(signal.SIGTERM) == 0
        assert "broker_queue_left" not in (broker.state_directory / "broker.log").read_text()
    assert len({one.id for one in receiver.delivered}) == 70
