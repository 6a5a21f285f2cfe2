"""Dead letters: kept once by source and id, as they came, and never lost without a word."""

import asyncio

import pytest

from common.events.types import USAGE_RECORDED
from tests.support.event_worker import EventWorker, is_empty_204, is_problem

HEADERS = {
    "ce-specversion": "1.0",
    "ce-id": "17",
    "ce-source": "/relay/relay",
    "ce-type": USAGE_RECORDED,
    "ce-subject": "a%20subject",
    "ce-knativeerrorcode": "400",
    "ce-knativeerrordest": "http://usage-aggregation",
    "content-type": "application/json",
}
BODY = b'{"records": [ ]}'


@pytest.fixture
async def function(postgres_url, redis_url, tmp_path):
    function = EventWorker("functions.cleanup.main:application", tmp_path, postgres_url, redis_url)
    function.process.start()
    yield function
    await function.close()


async def die(function, content=BODY, **changes):
    headers = HEADERS | {f"ce-{name}": value for name, value in changes.items()}
    return await function.client.post("/dead-letters", headers=headers, content=content)


async def test_it_is_kept_as_it_came(function):
    assert is_empty_204(await die(function))
    (row,) = function.rows("SELECT * FROM dead_letters")
    assert (row["event_id"], row["event_source"]) == ("17", "/relay/relay")
    assert (row["event_type"], row["error_code"]) == (USAGE_RECORDED, "400")
    assert row["error_destination"] == "http://usage-aggregation"
    assert (row["body"], row["retried_at"]) == (BODY, None)
    assert row["attributes"] == {
        "specversion": "1.0",
        "id": "17",
        "source": "/relay/relay",
        "type": USAGE_RECORDED,
        "subject": "a subject",
        "datacontenttype": "application/json",
        "knativeerrorcode": "400",
        "knativeerrordest": "http://usage-aggregation",
    }
    assert [line["kept"] for line in function.lines("dead_letter")] == [True]


async def test_data_that_is_malformed_is_kept_as_it_came(function):
    """It may be why nobody took the event."""
    assert is_empty_204(await die(function, content=b'{"records": [\xff'))
    assert function.rows("SELECT body FROM dead_letters") == [{"body": b'{"records": [\xff'}]


async def test_the_same_event_is_one_row_and_another_source_is_another(function):
    answers = await asyncio.gather(*(die(function) for _ in range(8)))
    assert all(is_empty_204(answer) for answer in answers)
    assert is_empty_204(await die(function, source="/relay/key_admin"))
    assert len(function.rows("SELECT id FROM dead_letters")) == 2


async def test_one_that_was_sent_again_and_died_again_waits_anew(function):
    await die(function)
    (first,) = function.rows("UPDATE dead_letters SET retried_at = now() RETURNING *")
    assert is_empty_204(await die(function, knativeerrorcode="503"))
    (row,) = function.rows("SELECT * FROM dead_letters")
    assert (row["id"], row["retried_at"], row["error_code"]) == (first["id"], None, "503")
    assert row["received_at"] > first["received_at"]


async def test_without_postgres_503_and_a_word_of_it(function, postgres_server):
    postgres_server.stop()
    answer = await die(function)
    assert is_problem(answer, 503)
    assert answer.headers["retry-after"] == "2"
    assert [line["kept"] for line in function.lines("dead_letter")] == [False]
    postgres_server.start()
    assert is_empty_204(await die(function))
    assert len(function.rows("SELECT id FROM dead_letters")) == 1


async def test_what_no_index_can_hold_is_refused_for_good(function):
    assert is_problem(await die(function, id="x" * 2000), 400)
    assert [line["kept"] for line in function.lines("dead_letter")] == [False]
    assert function.rows("SELECT id FROM dead_letters") == []
