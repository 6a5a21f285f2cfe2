"""Logs: one JSON object a line, nothing secret in it, and never a reason to fail."""

import json
import os
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.secrets import new_api_key
from common.telemetry import logs

API_KEY = "cr_" + "aB3-_" * 8 + "xyz"


@pytest.fixture
def written(monkeypatch):
    """What was written to standard output, call by call; the process's own level is restored."""
    calls = []
    monkeypatch.setattr(logs._State, "rank", logs._RANKS["info"])
    monkeypatch.setattr(logs._State, "function", "")
    monkeypatch.setattr(
        logs.os, "write", lambda output, data: calls.append((output, data)) or len(data)
    )
    return calls


def _lines(written):
    assert all(output == 1 for output, _ in written)
    return [json.loads(data) for _, data in written]


def test_one_line_is_one_object_in_one_write(written):
    logs.configure("info", "relay")
    logs.log("request", request_id="01K", latency_ms=12, stream=True, reason=None)
    (_, data) = written[0]
    assert data.endswith(b"\n")
    assert data.count(b"\n") == 1
    line = json.loads(data)
    assert list(line)[:4] == ["time", "level", "function", "event"]
    assert (line["level"], line["function"], line["event"]) == ("info", "relay", "request")
    assert (line["request_id"], line["latency_ms"], line["stream"]) == ("01K", 12, True)
    assert line["reason"] is None


def test_time_is_utc_with_milliseconds(written, monkeypatch):
    monkeypatch.setattr(logs.time, "time", lambda: 1_795_572_000.0625)
    logs.log("started")
    assert _lines(written)[0]["time"] == "2026-11-25T02:00:00.062Z"


@pytest.mark.parametrize(
    ("level", "kept"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_levels(written, level, kept):
    logs.configure(level, "relay")
    for given_level in logs._RANKS:
        logs.log("event", level=given_level)
    assert [line["level"] for line in _lines(written)] == kept


def test_a_level_that_does_not_exist_stops_at_start():
    with pytest.raises(KeyError):
        logs.configure("loud", "relay")


@pytest.mark.parametrize("prefix", ["cr_", "rk", "acme-eu1_", "Prod-2026_", ""])
def test_keys_of_relay_are_never_written(written, prefix):
    for _ in range(50):
        secret = new_api_key(prefix)
        logs.log("oops", error=f"no such key: {secret}", key=secret, nested={"at": [f"\n{secret}"]})
        _, data = written.pop()
        assert secret.encode() not in data
        assert secret[len(prefix) :].encode() not in data
        line = json.loads(data)
        assert line["error"] == "no such key: [redacted]"
        assert line["key"] == "[redacted]"


@pytest.mark.parametrize(
    "secret",
    [
        "Bearer abcdefgh.ijkl-mnop",
        "sk-proj-abcdefghijk_lmnop",
        "sk-ant-api03-abcdefgh",
        "Authorization: Bearer c3RhdGU=",
    ],
)
def test_keys_of_providers_are_never_written(written, secret):
    logs.log("oops", error=f"upstream said {secret}!")
    _, data = written[0]
    assert secret.split(" ")[-1].encode() not in data
    assert json.loads(data)["error"].endswith("[redacted]!")


@pytest.mark.parametrize("before", ["", " ", '"', "\n", "a\t", "\\", "\\\n", "\x01", "é", "/"])
@pytest.mark.parametrize("after", ["", " ", '"', "\n", "\\", "é", "."])
@pytest.mark.parametrize("secret", [API_KEY, "sk-abcdefghijk", "Bearer abcdefghij"])
def test_a_line_stays_json_whatever_stands_around_a_secret(written, before, after, secret):
    logs.log("oops", error=f"{before}{secret}{after}", next=1)
    _, data = written[0]
    assert secret.encode() not in data
    line = json.loads(data)
    assert line["error"].startswith(f"{before}[redacted]")
    assert line["next"] == 1


def test_a_letter_glued_to_a_key_goes_with_it(written):
    secret = new_api_key("cr_")
    logs.log("oops", error=f"\\n{secret}", also=f"x{secret}y")
    line = _lines(written)[0]
    assert (line["error"], line["also"]) == ("\\[redacted]", "[redacted]")


@pytest.mark.parametrize("text", ["\\" * 100_000, "a" * 42 + " ", "task-runner-of-mine", "\n" * 99])
def test_looking_for_secrets_is_quick_and_changes_nothing_else(written, text):
    started = time.thread_time()  # the processor's, whoever else is at it
    logs.log("event", text=text, key="sk-12345678")
    assert time.thread_time() - started < 0.5
    line = _lines(written)[0]
    assert (line["text"], line["key"]) == (text, "[redacted]")


def test_ids_are_written_as_they_are(written):
    ids = {
        "request_id": "01KAXW6Z4TQ3M5R8V0Y2B7C9DE",
        "account_id": "00000000000000000000000001",
        "upstream_id": "req_011CVabcdefghijklmnopqrs",
        "model": "claude-sonnet-4-5-20250929",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c",
        "reason": "provider_rate_limited",
    }
    logs.log("request", **ids)
    line = _lines(written)[0]
    assert {name: line[name] for name in ids} == ids


@given(st.text(), st.dictionaries(st.text(), st.none() | st.text() | st.integers() | st.floats()))
def test_any_field_makes_one_valid_line(text, nested):
    calls = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs._State, "rank", logs._RANKS["info"])
        patch.setattr(logs.os, "write", lambda output, data: calls.append(data) or len(data))
        logs.log("event", text=text, nested=nested)
    (data,) = calls
    assert data.count(b"\n") == 1
    assert json.loads(data)["event"] == "event"


def test_objects_are_written_as_text(written):
    logs.log("event", error=ValueError("no"), at=os.fspath)
    assert _lines(written)[0]["error"] == "no"


def test_text_that_is_no_utf8_does_not_break_the_caller(written):
    logs.log("event", level="warning", path="caf\udce9")
    line = _lines(written)[0]
    assert (line["level"], line["event"]) == ("warning", "event")
    assert "caf" in line["fields"]


def test_a_closed_output_does_not_break_the_caller(monkeypatch):
    def closed(output, data):
        raise BrokenPipeError

    monkeypatch.setattr(logs.os, "write", closed)
    logs.log("event")


@pytest.fixture
def gathering(written):
    """What the loop is asked to call, for the test to do so."""
    asked = []
    logs.gather(asked.append)
    yield asked
    logs.gather(None)


def test_lines_of_one_turn_are_one_write(written, gathering):
    for number in range(3):
        logs.log("request", number=number)
    assert (written, len(gathering)) == ([], 1)
    gathering.pop()()
    (_, data) = written.pop()
    assert [json.loads(line)["number"] for line in data.splitlines()] == [0, 1, 2]
    logs.log("request", number=3)
    gathering.pop()()
    assert _lines(written)[0]["number"] == 3


def test_an_error_takes_along_what_waits_and_the_end_the_rest(written, gathering):
    logs.log("request")
    logs.log("broken", level="error")
    assert [json.loads(line)["event"] for line in written[0][1].splitlines()] == [
        "request", "broken",
    ]  # fmt: skip
    logs.log("last")
    logs.gather(None)
    assert json.loads(written[1][1])["event"] == "last"
    logs.log("later")
    assert len(written) == 3


def test_a_line_of_another_thread_does_not_wait(written, gathering):
    thread = threading.Thread(target=logs.log, args=("scraped",))
    thread.start()
    thread.join()
    assert (_lines(written)[0]["event"], gathering) == ("scraped", [])


def test_what_is_written_in_part_is_written_on(monkeypatch, written):
    taken = []
    monkeypatch.setattr(logs.os, "write", lambda _, data: taken.append(data[:7]) or len(taken[-1]))
    logs.log("request")
    assert json.loads(b"".join(taken))["event"] == "request"
