"""What tests of key_admin look at again and again: problems, the trail, what is kept."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg

from common.domain.ids import is_ulid
from tests.support.key_admin import KeyAdmin

UNKNOWN = "01ARYZ6S41TSV4RRFFQ69G5FAV"
WAIT_S_MAX = 60.0
_BLOCKED = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem that an answer is, with what every problem has."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said: dict[str, Any] = answer.json()
    assert said["status"] == status
    assert said["title"]
    assert said["detail"]
    assert is_ulid(said["request_id"])
    assert said["request_id"] == answer.headers["x-request-id"]
    return said


def fields(answer: httpx.Response) -> list[str]:
    """The fields that a 422 names, each with a message."""
    said = problem(answer, 422)
    assert all(error["message"] and set(error) == {"field", "message"} for error in said["errors"])
    found = [error["field"] for error in said["errors"]]
    assert all(field in said["detail"] for field in found)
    return found


def unavailable(answer: httpx.Response) -> str:
    """The detail of a 503."""
    said = problem(answer, 503)
    assert 1 <= int(answer.headers["retry-after"]) <= 10
    return str(said["detail"])


def trail(key_admin: KeyAdmin, subject_id: str) -> list[tuple[str, Any, Any]]:
    """What the audit trail has of a subject, oldest first: action, before, after."""
    rows = key_admin.rows("SELECT * FROM audit WHERE subject_id = %s ORDER BY id", subject_id)
    return [(row["action"], row["detail"]["before"], row["detail"]["after"]) for row in rows]


def kept(key_admin: KeyAdmin, *tables: str) -> dict[str, list[str]]:
    """The rows of these tables as text, or of all; bytes are hexadecimal digits in it."""
    with psycopg.connect(key_admin.database_url) as connection:
        every = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        names = tables or [name for (name,) in connection.execute(every)]
        return {
            name: [text for (text,) in connection.execute(f'SELECT t::text FROM "{name}" AS t')]
            for name in names
        }


def in_redis(key_admin: KeyAdmin) -> str:
    """All names and values of Redis as text."""
    with key_admin.redis() as connection:
        reads = {
            "string": connection.get,
            "hash": connection.hgetall,
            "zset": lambda name: connection.zrange(name, 0, -1, withscores=True),
            "stream": connection.xrange,
            "set": connection.smembers,
        }
        names = sorted(connection.scan_iter())
        return "\n".join(f"{name} {reads[connection.type(name)](name)}" for name in names)


def assert_nowhere(key_admin: KeyAdmin, *secrets: str) -> None:
    """No store has one of these readably, nor has the log."""
    places = {"Redis": in_redis(key_admin), "the log": key_admin.log.read_text()}
    places |= {name: "\n".join(rows) for name, rows in kept(key_admin).items()}
    for place, text in places.items():
        for secret in secrets:
            assert secret not in text, place
            assert secret.encode().hex() not in text, place


def overtaken(
    key_admin: KeyAdmin, table: str, row_id: str, call: Callable[[], httpx.Response]
) -> httpx.Response:
    """The answer of a call whose row another one changes just after it was read."""
    change = "version = nextval('projection_versions')"
    return waited_for(key_admin, f"UPDATE {table} SET {change} WHERE id::text = %s", row_id, call)


def waited_for(
    key_admin: KeyAdmin, statement: str, row_id: str, call: Callable[[], httpx.Response]
) -> httpx.Response:
    """The answer of a call that waits for another one's row, which `statement` changes."""
    with ThreadPoolExecutor(1) as pool, psycopg.connect(key_admin.database_url) as connection:
        assert connection.execute(statement.encode(), [row_id]).rowcount == 1
        answer = pool.submit(call)
        end = time.monotonic() + WAIT_S_MAX
        while not key_admin.rows(_BLOCKED, connection.info.dbname):
            assert time.monotonic() < end, "nothing waits for the row"
            time.sleep(0.01)
        connection.commit()
        return answer.result()
