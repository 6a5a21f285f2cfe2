"""Dead letters over HTTP: looked at, and sent again as the CloudEvents that they were."""

import asyncio
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest
from cloudevents.http import from_http

from cli.dev.ports import free_port
from common.identifiers import new_ulid
from common.store import inspection
from common.store.database import Database
from tests.support.admin_checks import UNKNOWN, fields, kept, problem, trail, unavailable
from tests.support.console import Person
from tests.support.event_receiver import Answer, Receiver
from tests.support.key_admin import served_key_admin

DEAD_LETTERS = "/internal/dead-letters"
BODY = b'{"records": [ ]}'
ATTRIBUTES = {
    "specversion": "1.0",
    "id": "17",
    "source": "/relay/relay",
    "type": "a.type",
    "subject": 'a "subject" of 100 % Zoë',
    "time": "2026-11-25T12:00:00.5Z",
    "datacontenttype": "application/json; charset=utf-8",
    "partitionkey": "p 1",
}
ADDED = {"knativeerrorcode": "400", "knativeerrordest": "http://somebody", "knativeerrordata": "x"}


@pytest.fixture(scope="module")
def sink():
    receiver = Receiver()
    receiver.default = Answer(202)
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def admin_environment(sink):
    return {"K_SINK": f"{sink.url}/default/relay"}


@pytest.fixture
def key_admin(served, redis_server, sink):
    served.rows("TRUNCATE dead_letters")
    sink.delivered.clear()
    sink.answers.clear()
    return served


def died(key_admin, body=BODY, **changes):
    """Keep an event as cleanup does; gives the dead letter's id."""
    letter_id = new_ulid()

    async def keep():
        database = Database(key_admin.database_url)
        async with database.transaction() as connection:
            attributes = ATTRIBUTES | ADDED | changes
            await inspection.keep_dead_letter(connection, letter_id, attributes, body)
        await database.close()

    asyncio.run(keep())
    return letter_id


def retry(key_admin, letter_id):
    return key_admin.call("POST", f"{DEAD_LETTERS}/{letter_id}/retry")


def listed(key_admin, **query):
    answer = key_admin.get(DEAD_LETTERS, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def test_what_nobody_took_is_shown(key_admin):
    letter_id = died(key_admin)
    (item,) = listed(key_admin)
    received_at = datetime.fromisoformat(item.pop("received_at"))
    assert abs((received_at - datetime.now(UTC)).total_seconds()) < 30
    assert item == {
        "id": letter_id, "event_id": "17", "event_source": "/relay/relay", "event_type": "a.type",
        "error_code": "400", "error_destination": "http://somebody", "retried_at": None,
    }  # fmt: skip


def test_the_broker_gets_the_event_that_it_was(key_admin, sink):
    letter_id = died(key_admin)
    (before,) = listed(key_admin)
    answer = retry(key_admin, letter_id)
    assert answer.status_code == 202
    after = answer.json()
    assert after == before | {"retried_at": after["retried_at"]}
    assert after["retried_at"] is not None
    assert listed(key_admin) == [after]
    (delivered,) = sink.delivered
    assert (delivered.path, delivered.body) == ("/default/relay", BODY)
    event = from_http(delivered.headers, delivered.body)
    assert event.data == {"records": []}
    # The SDK reads headers as they are; HTTP binding 1.0, 3.1.3.2 percent-encodes them.
    attributes = {name: unquote(value) for name, value in event.get_attributes().items()}
    assert attributes == ATTRIBUTES
    assert trail(key_admin, letter_id) == [("dead-letter.retry", before, after)]


@pytest.mark.parametrize("body", [b"", b"\x00\xff", "Zoë".encode()])
def test_the_data_is_sent_byte_by_byte(key_admin, sink, body):
    answer = retry(key_admin, died(key_admin, body, datacontenttype="application/octet-stream"))
    assert answer.status_code == 202
    (delivered,) = sink.delivered
    assert (delivered.body, delivered.headers["content-type"]) == (body, "application/octet-stream")
    assert not any("knative" in name for name in delivered.headers)


def test_the_console_sends_all_of_them_and_each_has_its_row_in_the_trail(key_admin, sink):
    letters = [died(key_admin, id=str(n)) for n in range(3)]
    person = Person(key_admin)
    person.sign_in()
    page = person.send("/admin/system/dead-letters/retry")
    person.close()
    assert page.status_code == 200, page.text
    assert len(sink.delivered) == 3
    assert all(one["retried_at"] for one in listed(key_admin))
    for letter in letters:
        assert [row[0] for row in trail(key_admin, letter)] == ["dead-letter.retry"]


def test_it_may_be_sent_as_often_as_wanted(key_admin, sink):
    letter_id = died(key_admin)
    first, second = (retry(key_admin, letter_id).json()["retried_at"] for _ in range(2))
    assert second > first
    assert [one.id for one in sink.delivered] == ["17", "17"]
    assert [action for action, *_ in trail(key_admin, letter_id)] == ["dead-letter.retry"] * 2


@pytest.mark.parametrize("status", [307, 400, 404, 503])
def test_what_the_broker_refuses_is_not_said_to_be_sent(key_admin, sink, status):
    letter_id = died(key_admin)
    before = kept(key_admin, "dead_letters", "audit")
    sink.answers.append(Answer(status))
    assert str(status) in unavailable(retry(key_admin, letter_id))
    assert kept(key_admin, "dead_letters", "audit") == before
    assert retry(key_admin, letter_id).status_code == 202


def test_without_a_broker_it_is_said_and_nothing_done(postgres_server, redis_server, tmp_path):
    for sink_url, status in (("", 409), (f"http://127.0.0.1:{free_port()}", 503)):
        log = tmp_path / f"{status}.log"
        with served_key_admin(postgres_server, redis_server, log, K_SINK=sink_url) as alone:
            letter_id = died(alone)
            before = kept(alone, "dead_letters", "audit")
            detail = problem(retry(alone, letter_id), status)["detail"]
            assert "broker" in detail
            assert kept(alone, "dead_letters", "audit") == before


@pytest.mark.parametrize("letter_id", [UNKNOWN, UNKNOWN.lower(), "nothing", "%00"])
def test_an_unknown_dead_letter_is_not_found(key_admin, sink, letter_id):
    assert "There is no dead letter" in problem(retry(key_admin, letter_id), 404)["detail"]
    assert sink.delivered == []


def test_pages_are_walked_once_each_newest_first(key_admin):
    mine = [died(key_admin, id=str(number)) for number in range(5)]
    walked, cursor = [], {}
    while True:
        page = key_admin.get(DEAD_LETTERS, limit=2, **cursor).json()
        assert 0 < len(page["items"]) <= 2
        walked += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert walked == sorted(mine, reverse=True)


@pytest.mark.parametrize(
    ("query", "field"),
    [({"limit": "0"}, "limit"), ({"cursor": "x"}, "cursor"), ({"type": "x"}, "type")],
)
def test_a_wrong_query_is_named(key_admin, query, field):
    assert fields(key_admin.get(DEAD_LETTERS, **query)) == [field]
