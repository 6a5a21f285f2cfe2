"""`Idempotency-Key`: a call that is sent again makes nothing twice and leaks nothing."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from cli.dev.ports import free_port
from tests.support.key_admin import (
    KEYS,
    MASTER_KEY,
    KeyAdmin,
    environment_of,
    new_address,
    served_key_admin,
)
from tests.support.processes import ServedProcess

OLDER = "UPDATE idempotent_replies SET created_at = now() - %s::interval WHERE subject_id = %s"


@pytest.fixture(scope="module")
def served(postgres_server, _worker_redis, tmp_path_factory):
    log = tmp_path_factory.mktemp("key_admin") / "log"
    with served_key_admin(postgres_server, _worker_redis, log) as key_admin:
        yield key_admin


@pytest.fixture
def key_admin(served, redis_server):
    """The module's process, with an empty Redis."""
    return served


@pytest.fixture
def again(key_admin):
    """Sends the same call as often as it is called; its key is fresh."""
    token = new_address()

    def send(**members):
        return key_admin.create(headers={"idempotency-key": token}, **members)

    return send


def names(key_admin):
    return [item["name"] for item in key_admin.get(KEYS, limit=500).json()["items"]]


def test_the_second_call_gets_the_first_answer(key_admin, again):
    first = again(name="just one")
    assert first.status_code == 201
    assert "idempotent-replayed" not in first.headers
    for _ in range(2):
        second = again(name="just one")
        assert (second.status_code, second.content) == (201, first.content)
        assert second.headers["idempotent-replayed"] == "true"
        for header in ("content-type", "location"):
            assert second.headers[header] == first.headers[header]
        assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert names(key_admin).count("just one") == 1
    audit = key_admin.rows("SELECT * FROM audit WHERE subject_id = %s", first.json()["id"])
    assert len(audit) == 1


@pytest.mark.parametrize("other", [{"name": "another"}, {"name": "one", "tags": ["x"]}])
def test_with_another_body_it_is_refused(key_admin, again, other):
    assert again(name="one").status_code == 201
    refused = again(**other)
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    (error,) = refused.json()["errors"]
    assert error["field"] == "Idempotency-Key"
    assert "another body" in error["message"]
    assert "another" not in names(key_admin)


def test_without_the_header_every_call_makes_a_key(key_admin):
    first, second = (key_admin.created(name="twins") for _ in range(2))
    assert first["id"] != second["id"]


@pytest.mark.parametrize("attempt", range(3))
def test_many_at_once_make_one_key(key_admin, again, attempt):
    name = f"at once {attempt}"
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: again(name=name), range(6)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert ["idempotent-replayed" in answer.headers for answer in answers].count(False) == 1
    assert names(key_admin).count(name) == 1


def test_for_fifteen_minutes(key_admin, again):
    made = again().json()
    key_admin.rows(OLDER, "14 minutes 50 seconds", made["id"])
    assert again().json() == made
    key_admin.rows(OLDER, "15 minutes 1 second", made["id"])
    late = again()
    assert late.status_code == 409
    assert late.headers["content-type"] == "application/problem+json"
    assert made["id"] in late.json()["detail"]
    assert made["key"] not in late.text
    assert again(name="another body").status_code == 422


def test_an_answer_that_cleanup_wiped_is_over(key_admin, again):
    made = again().json()
    key_admin.rows("UPDATE idempotent_replies SET body = NULL WHERE subject_id = %s", made["id"])
    late = again()
    assert late.status_code == 409
    assert made["id"] in late.json()["detail"]


def test_what_is_kept_tells_nothing(key_admin):
    token = "a telling idempotency key"
    made = key_admin.create(headers={"idempotency-key": token}).json()
    statement = "SELECT * FROM idempotent_replies WHERE subject_id = %s"
    (row,) = key_admin.rows(statement, made["id"])
    body = bytes(row["body"])
    for part in (made["key"], made["key"][3:], "a key", made["user_id"], '"key"'):
        assert part.encode() not in body
    assert len(body) > len(json.dumps(made, separators=(",", ":")))
    assert token not in str(row)


def test_what_another_secret_sealed_is_over_and_no_failure(key_admin, again, tmp_path):
    made = again().json()
    environment = environment_of(key_admin.database_url, key_admin.redis_url)
    environment["RELAY_INTERNAL_SECRET"] = "another secret, of 32 characters."
    other = ServedProcess(
        "functions.key_admin.main:application", free_port(), tmp_path / "log", **environment
    )
    other.start()
    caller = KeyAdmin(
        f"http://127.0.0.1:{other.port}", key_admin.database_url, key_admin.redis_url, key_admin.log
    )
    replayed = again()
    answer = caller.call(
        "POST",
        KEYS,
        content=replayed.request.content,
        headers={
            "idempotency-key": replayed.request.headers["idempotency-key"],
            "content-type": "application/json",
        },
    )
    caller.close()
    assert other.stop() == 0
    assert replayed.json() == made
    assert answer.status_code == 409
    assert made["id"] in answer.json()["detail"]


@pytest.mark.parametrize("token", ["x", "x" * 255, '"quoted"', "with spaces in it"])
def test_keys_that_may_be(key_admin, token):
    headers = {"idempotency-key": token}
    first, second = (key_admin.create(headers=headers).json() for _ in range(2))
    assert first["id"] == second["id"]


@pytest.mark.parametrize("token", ["", "x" * 256, "tab\there"])
def test_keys_that_may_not_be(key_admin, token):
    refused = key_admin.create(headers={"idempotency-key": token}, name="refused")
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["Idempotency-Key"]
    assert "refused" not in names(key_admin)


def test_a_refused_call_does_not_use_the_key_up(key_admin, again):
    assert again(name="").status_code == 422
    assert again(name="right now").status_code == 201


def test_a_wrong_master_key_gets_no_kept_answer(key_admin):
    headers = {"idempotency-key": "mine"}
    made = key_admin.create(headers=headers).json()
    answer = key_admin.call(
        "POST",
        KEYS,
        json={"name": "a key"},
        headers=headers,
        authorization=f"Bearer {MASTER_KEY}x",
    )
    assert answer.status_code == 401
    assert made["key"] not in answer.text
