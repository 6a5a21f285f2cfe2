"""Reading requests: binary and structured mode, and every way to be no CloudEvent."""

import json

import msgspec
import pytest

from common.events.receive import MalformedEvent, data_as, parse
from common.events.types import CRON_TASK, CronTask, UsageRecorded

BINARY = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/tests",
    "ce-type": "tests.happened",
    "content-type": "application/json",
}
STRUCTURED = {"specversion": "1.0", "id": "1", "source": "/tests", "type": "tests.happened"}
STRUCTURED_HEADERS = {"Content-Type": "application/cloudevents+json; charset=utf-8"}


def structured(**members: object) -> bytes:
    return json.dumps({**STRUCTURED, **members}).encode()


def test_binary_mode():
    event = parse({**BINARY, "CE-Subject": "a%20b", "ce-shade": "red"}, b'{"n": 1}')
    assert (event.id, event.source, event.type) == ("1", "/tests", "tests.happened")
    assert event.subject == "a b"
    assert event.extensions == {"shade": "red"}
    assert event.data == {"n": 1}
    assert event.body == b'{"n": 1}'
    assert event.time is None


def test_structured_mode():
    event = parse(
        STRUCTURED_HEADERS,
        structured(data={"n": 1}, time="2026-11-24T02:00:00.5Z", count=3, loud=True),
    )
    assert event.data == {"n": 1}
    assert event.time == "2026-11-24T02:00:00.5Z"
    assert event.extensions == {"count": "3", "loud": "true"}


def test_structured_mode_wins_when_the_media_type_says_so():
    event = parse({**BINARY, **STRUCTURED_HEADERS, "content-type": "application/cloudevents+json"},
                  structured(id="inner", data="x"))  # fmt: skip
    assert event.id == "inner"
    assert event.time is None


def test_text_and_bytes_data():
    assert parse({**BINARY, "content-type": "text/plain"}, b"hello").data == b"hello"
    text = parse(STRUCTURED_HEADERS, structured(data="hello", datacontenttype="text/plain"))
    assert (text.data, text.body) == ("hello", b"hello")
    raw = parse(STRUCTURED_HEADERS, structured(data_base64="aGk=", datacontenttype="text/plain"))
    assert raw.data == b"hi"


@pytest.mark.parametrize("content_type", ["application/json", "application/vnd.x+json; a=b"])
def test_json_media_types(content_type: str):
    assert parse({**BINARY, "content-type": content_type}, b"[1]").data == [1]


def test_no_data():
    event = parse(BINARY, b"")
    assert event.data is None
    assert event.body == b""


@pytest.mark.parametrize(
    ("headers", "body", "says"),
    [
        ({}, b"", "no CloudEvent"),
        ({"content-type": "application/json"}, b'{"hello": 1}', "no CloudEvent"),
        ({k: v for k, v in BINARY.items() if k != "ce-id"}, b"{}", "no CloudEvent"),
        ({**BINARY, "ce-id": ""}, b"{}", "id is missing"),
        ({**BINARY, "ce-source": ""}, b"{}", "source is missing"),
        ({**BINARY, "ce-specversion": "2.0"}, b"{}", "specversion 2.0"),
        ({**BINARY, "ce-specversion": "0.3"}, b"{}", "specversion is '0.3'"),
        ({**BINARY, "ce-time": "yesterday"}, b"{}", "not RFC 3339"),
        ({**BINARY, "ce-subject": ""}, b"{}", "subject is empty"),
        ({**BINARY, "ce-foo_bar": "1"}, b"{}", "no attribute's name"),
        ({**BINARY, "ce-subject": "a%00b"}, b"{}", "subject has control characters"),
        ({**BINARY, "ce-shade": "a%0Ab"}, b"{}", "shade has control characters"),
        ({**BINARY, "content-type": "text/pl\xe4in"}, b"", "no media type"),
        (STRUCTURED_HEADERS, structured(subject="a\nb"), "subject has control characters"),
        (STRUCTURED_HEADERS, structured(subject="\ud800"), "no CloudEvent"),
        (STRUCTURED_HEADERS, structured(datacontenttype="a/b\r\nx: y"), "control characters"),
        (BINARY, b"{half", "not the JSON"),
        (BINARY, b"\xff\xfe", "not the JSON"),
        (STRUCTURED_HEADERS, b"[]", "no CloudEvent"),
        (STRUCTURED_HEADERS, b"{", "no CloudEvent"),
        (STRUCTURED_HEADERS, structured(specversion=[1]), "no CloudEvent"),
        (STRUCTURED_HEADERS, structured(id={"a": 1}), "must be a string"),
        (STRUCTURED_HEADERS, structured(data_base64="aGk"), "no CloudEvent"),
        (STRUCTURED_HEADERS, b'{"a":' * 100_000, "no CloudEvent"),
        ({"content-type": "application/cloudevents-batch+json"}, b"[]", "batch"),
    ],
)
def test_malformed(headers: dict[str, str], body: bytes, says: str):
    with pytest.raises(MalformedEvent, match=says):
        parse(headers, body)


def test_data_as_a_struct():
    event = parse({**BINARY, "ce-type": CRON_TASK}, b'{"task": "outbox", "newer": 1}')
    assert data_as(event, CronTask) == CronTask(task="outbox")


@pytest.mark.parametrize("data", [None, [], {"records": 1}, {"records": ["x"]}])
def test_data_of_another_shape(data: object):
    event = parse(BINARY, msgspec.json.encode(data) if data is not None else b"")
    with pytest.raises(MalformedEvent, match=r"tests\.happened event 1"):
        data_as(event, UsageRecorded)
