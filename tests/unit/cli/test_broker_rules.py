"""The broker's pure parts: filters, durations, retry table, faults, event forms, dead letters."""

from pathlib import Path

import pytest

from cli.dev.broker_dead_letters import FILE_NAME, DeadLetter, DeadLetters
from cli.dev.broker_event import BrokerEvent, error_extensions, from_object, from_request
from cli.dev.broker_faults import Faults, parse_faults
from cli.dev.broker_history import History
from cli.dev.delivery import is_delivered, is_retried
from cli.dev.durations import duration_s
from cli.dev.trigger_filters import compile_attributes, compile_filters
from common.events.receive import MalformedEvent

ATTRIBUTES = {"type": "ai.relay.x.v1", "source": "/relay/relay", "shade": "red"}
HEADERS = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t"}


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        ([], True),
        ([{"exact": {"type": "ai.relay.x.v1"}}], True),
        ([{"exact": {"type": "ai.relay.x"}}], False),
        ([{"exact": {"type": "ai.relay.x.v1", "shade": "blue"}}], False),
        ([{"exact": {"absent": ""}}], False),
        ([{"prefix": {"type": "ai.relay."}}], True),
        ([{"suffix": {"type": ".v2"}}], False),
        ([{"prefix": {"type": "ai."}}, {"suffix": {"type": ".v2"}}], False),
        ([{"any": [{"exact": {"shade": "blue"}}, {"suffix": {"type": ".v1"}}]}], True),
        ([{"any": [{"exact": {"shade": "blue"}}]}], False),
        ([{"all": [{"prefix": {"type": "ai."}}, {"exact": {"shade": "red"}}]}], True),
        ([{"all": [{"prefix": {"type": "ai."}}, {"exact": {"shade": "blue"}}]}], False),
        ([{"not": {"exact": {"shade": "blue"}}}], True),
        ([{"not": {"exact": {"shade": "red"}}}], False),
        ([{"not": {"exact": {"absent": "x"}}}], True),
    ],
)
def test_filters(filters: list[object], matches: bool):
    assert compile_filters(filters)(ATTRIBUTES) is matches


def test_older_attribute_filters_take_an_empty_value_for_any():
    assert compile_attributes({"type": "ai.relay.x.v1", "source": ""})(ATTRIBUTES)
    assert not compile_attributes({"type": "other"})(ATTRIBUTES)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT0.2S", 0.2), ("PT1M30S", 90), ("PT1H", 3600), ("P1D", 86_400), ("P1DT1S", 86_401)],
)
def test_durations(text: str, seconds: float):
    assert duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "P", "PT", "1S", "PT1", "P1Y", "P1M", "PT-1S", "PT1SX"])
def test_no_durations(text: str):
    with pytest.raises(ValueError, match="ISO 8601"):
        duration_s(text)


def test_the_retry_table():
    retried = {status for status in range(100, 600) if is_retried(status)}
    assert retried == {404, 408, 409, 429} | set(range(500, 600))
    assert {status for status in range(100, 600) if is_delivered(status)} == set(range(200, 300))


def test_faults_as_text():
    assert parse_faults("") == Faults()
    assert parse_faults("duplicate=2,shuffle,drop=0.1") == Faults(2, 500, 0.1)
    assert parse_faults("shuffle=50") == Faults(shuffle_ms=50)


@pytest.mark.parametrize("text", ["duplicate=0", "duplicate=x", "drop=2", "loss=1", "duplicate"])
def test_faults_that_are_none(text: str):
    with pytest.raises(ValueError, match=r"e\.g\. duplicate=2"):
        parse_faults(text)


def test_an_event_keeps_its_bytes_through_the_broker():
    body = b'{"b":1.0, "a": 2}'
    event = from_request(
        {**HEADERS, "content-type": "application/json", "ce-subject": "%C3%A9"}, body
    )
    assert event.body == body
    assert event.attributes["subject"] == "é"
    assert event.headers()["ce-subject"] == "%C3%A9"
    assert from_request(event.headers(), event.body) == event


@pytest.mark.parametrize(
    ("content_type", "body", "member"),
    [
        ("application/json", b'{"a":1}', "data"),
        ("application/json", b"null", "data"),
        ("text/plain", b"hello", "data_base64"),
        (None, b"", None),
    ],
)
def test_an_event_as_json_and_back(content_type: str | None, body: bytes, member: str | None):
    event = BrokerEvent(
        {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}, content_type, body
    )
    written = event.to_object()
    assert {"data", "data_base64"} & set(written) == ({member} if member else set())
    dead = {**written, **error_extensions("http://x/", 500, b"said"), "knativearrivaltime": "now"}
    assert from_object(dead) == event


def test_what_a_dead_letter_says_of_its_last_attempt():
    error = error_extensions("http://x/", 502, b"x" * 5000)
    assert (error["knativeerrordest"], error["knativeerrorcode"]) == ("http://x/", 502)
    assert len(error["knativeerrordata"]) == 1024


def test_an_event_passes_a_bounded_number_of_times():
    assert from_request({**HEADERS, "ce-knativebrokerttl": "3"}, b"").ttl == 2
    for used_up in ("1", "0", "-1", "x"):
        with pytest.raises(MalformedEvent, match="knativebrokerttl"):
            from_request({**HEADERS, "ce-knativebrokerttl": used_up}, b"")


def letter(number: int, **event: object) -> DeadLetter:
    return DeadLetter(f"L{number}", "2026-11-24T02:00:00Z", "t", 1, {"id": str(number), **event})


def test_dead_letters_survive_and_half_a_line_does_not_matter(tmp_path: Path):
    kept = DeadLetters(tmp_path)
    for number in range(3):
        kept.add(letter(number))
    with (tmp_path / FILE_NAME).open("ab") as file:
        file.write(b'{"id": "L3", "dead')
    again = DeadLetters(tmp_path)
    assert [one.id for one in again.newest(10)] == ["L2", "L1", "L0"]
    assert [one.id for one in again.take(["L1", "L9"])] == ["L1"]
    again.add(letter(4))
    third = DeadLetters(tmp_path)
    assert [one.id for one in third.newest(2)] == ["L4", "L2"]
    assert third.get("L1") is None
    assert len(third.take(None)) == 3
    assert len(DeadLetters(tmp_path)) == 0


@pytest.mark.parametrize("bound", [{"letters_max": 10}, {"bytes_max": 10 * 1000}])
def test_dead_letters_are_bounded_and_the_oldest_go(tmp_path: Path, bound: dict[str, int]):
    kept = DeadLetters(tmp_path, **bound)
    for number in range(25):
        kept.add(letter(number, data="x" * 850))
        assert len(kept) <= 11
    assert kept.newest(1)[0].id == "L24"
    assert kept.forgotten == 25 - len(kept)
    assert (tmp_path / FILE_NAME).stat().st_size <= 11 * 1000
    assert len(DeadLetters(tmp_path, **bound)) == len(kept)


def test_history_is_bounded_in_events_and_bytes():
    history = History(events_max=3, bytes_max=100)
    for number in range(5):
        history.add(BrokerEvent({"id": str(number), "type": "t", "source": "/"}, None, b""), "now")
    assert [seen.event.id for seen in history.newest(10)] == ["4", "3", "2"]
    history.add(BrokerEvent({"id": "big", "type": "u", "source": "/"}, None, b"x" * 90), "now")
    history.add(BrokerEvent({"id": "big2", "type": "u", "source": "/"}, None, b"x" * 20), "now")
    assert [seen.event.id for seen in history.newest(10)] == ["big2"]
    assert history.newest(10, "t") == []
