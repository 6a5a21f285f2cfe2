"""Stores that go and come back: what key_admin still does, and what it refuses to do by half."""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cli.dev.ports import free_port
from common.domain.ids import is_ulid, ulid_to_uuid
from common.domain.keys import hash_key
from tests.support.key_admin import (
    KEYS,
    KeyAdmin,
    environment_of,
    new_address,
    served_key_admin,
)
from tests.support.processes import ServedProcess

USAGE = "/internal/usage"
# How long the process may take to find its stores again.
RECOVERY_S_MAX = 40.0


@pytest.fixture(scope="module")
def served(postgres_server, _worker_redis, tmp_path_factory):
    log = tmp_path_factory.mktemp("key_admin") / "log"
    with served_key_admin(postgres_server, _worker_redis, log) as key_admin:
        yield key_admin


@pytest.fixture
def key_admin(served, redis_server, postgres_server):
    """The module's process with both stores, which run again afterwards."""
    postgres_server.start()
    until_it_answers(served)
    yield served
    postgres_server.start()
    redis_server.start()


def until_it_answers(key_admin):
    end = time.monotonic() + RECOVERY_S_MAX
    while (answer := key_admin.get(KEYS, limit=1)).status_code != 200:
        assert answer.status_code == 503, answer.text
        assert time.monotonic() < end, answer.text
        time.sleep(0.05)


def unavailable(answer):
    """The detail of a 503."""
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert 1 <= int(answer.headers["retry-after"]) <= 10
    said = answer.json()
    assert is_ulid(said["request_id"])
    assert "nothing was changed" in said["detail"]
    return said["detail"]


def projected(key_admin, made):
    with key_admin.redis() as connection:
        return connection.hgetall(f"{{relay}}:key:{hash_key(made['key'])}")


def stored(key_admin, made):
    """All that Postgres has of a key."""
    key_id = ulid_to_uuid(made["id"])
    return [
        key_admin.rows("SELECT * FROM api_keys WHERE id = %s", key_id),
        key_admin.rows("SELECT * FROM changes WHERE subject = %s", key_id),
        key_admin.rows("SELECT * FROM audit WHERE subject_id = %s", made["id"]),
    ]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_without_postgres_it_says_so_and_recovers_by_itself(key_admin, postgres_server, end):
    made = key_admin.created()
    getattr(postgres_server, end)()
    calls = [
        ("GET", KEYS), ("GET", f"{KEYS}/{made['id']}"), ("DELETE", f"{KEYS}/{made['id']}"),
        ("GET", USAGE), ("GET", f"{USAGE}/records"),
    ]  # fmt: skip
    # Each within the client's 30 s, which a statement would have.
    with ThreadPoolExecutor(len(calls) + 1) as pool:
        creating = pool.submit(key_admin.create)
        answers = [*pool.map(lambda call: key_admin.call(*call), calls), creating.result()]
    assert all("Postgres" in unavailable(answer) for answer in answers)
    assert projected(key_admin, made)["s"] == "active"
    assert key_admin.call("GET", KEYS, authorization="Bearer x").status_code == 401
    assert key_admin.get("/health/ready").status_code == 200
    postgres_server.start()
    until_it_answers(key_admin)
    assert key_admin.get(f"{KEYS}/{made['id']}").json()["status"] == "active"
    assert projected(key_admin, key_admin.created())["s"] == "active"


def test_connections_that_postgres_lost_are_nobodys_matter(key_admin, postgres_server):
    key_admin.created()
    postgres_server.kill()
    postgres_server.start()
    assert key_admin.create().status_code == 201


def test_a_key_made_without_redis_is_projected_with_the_next_change(key_admin, redis_server):
    before = key_admin.created()
    redis_server.stop()
    alone = key_admin.created(name="alone")
    assert key_admin.get(f"{KEYS}/{alone['id']}").json()["name"] == "alone"
    assert len(stored(key_admin, alone)[1]) == 1
    redis_server.start()
    assert projected(key_admin, before)["s"] == "active"
    assert projected(key_admin, alone) == {}
    after = key_admin.created()
    assert [projected(key_admin, made)["s"] for made in (alone, after)] == ["active"] * 2
    assert key_admin.rows("SELECT * FROM changes") == []


@pytest.mark.parametrize(("method", "path"), [("POST", "/revoke"), ("DELETE", "")])
def test_without_redis_nothing_is_revoked_by_half(key_admin, redis_server, method, path):
    made = key_admin.created()
    before = stored(key_admin, made)
    redis_server.stop()
    for _ in range(2):
        unavailable(key_admin.call(method, f"{KEYS}/{made['id']}{path}"))
    assert stored(key_admin, made) == before
    assert key_admin.get(f"{KEYS}/{made['id']}").json()["status"] == "active"
    redis_server.start()
    assert projected(key_admin, made)["s"] == "active"
    assert key_admin.call(method, f"{KEYS}/{made['id']}{path}").status_code in (200, 204)
    assert projected(key_admin, made)["s"] == "revoked"
    assert key_admin.get(f"{KEYS}/{made['id']}").json()["status"] == "revoked"


def test_what_is_revoked_already_needs_no_redis(key_admin, redis_server):
    made = key_admin.created()
    path = f"{KEYS}/{made['id']}/revoke"
    first = key_admin.call("POST", path).json()
    redis_server.stop()
    again = key_admin.call("POST", path)
    assert (again.status_code, again.json()) == (200, first)


def test_reading_needs_no_redis(key_admin, redis_server):
    redis_server.stop()
    for path in (KEYS, USAGE, f"{USAGE}/records"):
        assert key_admin.get(path).status_code == 200


def test_without_redis_wrong_keys_are_counted_here(key_admin, redis_server):
    address = new_address()
    redis_server.stop()
    for number in range(10):
        guess = f"Bearer wrong {number}"
        answer = key_admin.call("GET", KEYS, authorization=guess, address=address)
        assert answer.status_code == 401
    closed = key_admin.call("GET", KEYS, address=address)
    assert (closed.status_code, closed.headers["retry-after"]) == (429, "60")
    assert key_admin.get(KEYS).status_code == 200


def test_what_was_counted_in_redis_is_known_when_it_goes(key_admin, redis_server):
    address = new_address()
    for number in range(10):
        if number == 5:
            redis_server.stop()
        guess = f"Bearer wrong {number}"
        answer = key_admin.call("GET", KEYS, authorization=guess, address=address)
        assert answer.status_code == 401
    assert key_admin.call("GET", KEYS, address=address).status_code == 429


def test_a_frozen_redis_holds_nobody_for_long(key_admin, redis_server):
    redis_server.pause()
    try:
        made = key_admin.created()  # within the client's 30 s; Redis stays frozen
    finally:
        redis_server.resume()
    key_admin.created()
    assert projected(key_admin, made)["s"] == "active"


def test_a_redis_that_refuses_commands_loses_no_key(key_admin):
    """The key is committed by then, and its answer is the only one that has it."""
    with key_admin.redis() as connection:
        connection.acl_setuser("default", enabled=True, commands=["-exists"])
        try:
            made = key_admin.created()
        finally:
            connection.acl_setuser("default", enabled=True, commands=["+exists"])
    assert projected(key_admin, made) == {}
    key_admin.created()
    assert projected(key_admin, made)["s"] == "active"


def test_it_starts_before_its_stores_do(key_admin, postgres_server, redis_server, tmp_path):
    postgres_server.stop()
    redis_server.stop()
    with started(key_admin.database_url, key_admin, tmp_path / "log") as early:
        unavailable(early.create())
        redis_server.start()
        postgres_server.start()
        until_it_answers(early)
        assert projected(key_admin, early.created())["s"] == "active"


def test_a_database_without_the_schema_is_told_what_to_run(key_admin, empty_database_url, tmp_path):
    with started(empty_database_url, key_admin, tmp_path / "log") as unmigrated:
        assert "relayctl migrate" in unavailable(unmigrated.get(KEYS))


@contextlib.contextmanager
def started(database_url, key_admin, log):
    """Another process, on this database and the same Redis."""
    environment = environment_of(database_url, key_admin.redis_url)
    process = ServedProcess("functions.key_admin.main:application", free_port(), log, **environment)
    process.start()
    url = f"http://127.0.0.1:{process.port}"
    caller = KeyAdmin(url, database_url, key_admin.redis_url, log)
    try:
        yield caller
    finally:
        caller.close()
        process.stop()
