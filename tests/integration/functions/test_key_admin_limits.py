"""Limits and budgets by the admin API: kept, shown, audited, and in Redis before it answers."""

import json
from urllib.parse import quote
from uuid import uuid4

import pytest

from common.domain.ids import ulid_to_uuid
from tests.support.key_admin import KEYS, UNLIMITED

LIMITS = {
    "requests_per_minute": 60, "tokens_per_minute": 1000, "requests_per_day": 500,
    "tokens_per_day": 9000, "concurrency": 3,
    "window": {"minutes": 5, "requests": 100, "tokens": 2000, "usd": "0.50"},
    "queue": {"max_waiting": 5, "timeout_ms": 2000},
}  # fmt: skip
BUDGETS = [
    {"period": "month", "usd": "50.00", "policy": "deny"},
    {"period": "day", "usd": "5", "policy": "clamp"},
    {"period": "day", "usd": "4", "policy": "soft"},
]
CALENDAR = {"timezone": "Asia/Kolkata", "week_starts_on": "sunday", "day_starts_at": 6}
POLICY = {"limits": LIMITS, "budgets": BUDGETS, "calendar": CALENDAR}
NAMES = tuple(UNLIMITED)


def of(answer) -> dict:
    assert answer.status_code in (200, 201), answer.text
    return {name: answer.json()[name] for name in NAMES}


def projected(key_admin, scope):
    with key_admin.redis() as connection:
        found = connection.hgetall(f"{{relay}}:policy:{scope}")
    return found.get("v"), json.loads(found.get("r") or "{}")


def a_team(key_admin):
    answer = key_admin.call("POST", "/internal/teams", json={"name": str(uuid4()), **POLICY})
    team_id = answer.json()["id"]
    return answer, f"/internal/teams/{team_id}", f"team:{ulid_to_uuid(team_id)}"


def a_user(key_admin):
    user_id = f"zoë/{uuid4()}"
    answer = key_admin.call("POST", "/internal/users", json={"id": user_id, **POLICY})
    return answer, f"/internal/users/{quote(user_id, safe='')}", f"user:{user_id}"


def an_organisation(key_admin):
    answer = key_admin.call("PATCH", "/internal/organisation", json=POLICY)
    return answer, "/internal/organisation", "organisation"


@pytest.mark.parametrize("make", [a_team, a_user, an_organisation])
def test_a_level_is_limited_changed_and_freed(key_admin, make):
    answer, path, scope = make(key_admin)
    assert of(answer) == POLICY
    version, record = projected(key_admin, scope)
    assert answer.headers["etag"] == f'"{version}"'
    assert (record["limits"], record["calendar"]) == (LIMITS, CALENDAR)
    changed = key_admin.call("PATCH", path, json={"limits": {"concurrency": 1}})
    assert of(changed) == POLICY | {"limits": UNLIMITED["limits"] | {"concurrency": 1}}
    later, record = projected(key_admin, scope)
    assert int(later) > int(version)
    assert record["limits"] == {"concurrency": 1}
    old = key_admin.call("PATCH", path, json={}, headers={"if-match": answer.headers["etag"]})
    assert old.status_code == 412
    freed = key_admin.call("PATCH", path, json={"limits": None, "budgets": None, "calendar": None})
    assert of(freed) == of(key_admin.get(path)) == UNLIMITED
    assert projected(key_admin, scope)[1] == {}
    (row, *_) = key_admin.rows("SELECT detail FROM audit ORDER BY id DESC LIMIT 1")
    assert row["detail"]["before"]["limits"]["concurrency"] == 1
    assert row["detail"]["after"]["budgets"] == []


@pytest.mark.parametrize("make", [a_team, a_user])
def test_a_level_that_is_deleted_limits_nothing(key_admin, make):
    _, path, scope = make(key_admin)
    assert key_admin.call("DELETE", path).status_code == 204
    assert projected(key_admin, scope)[1] == {}


def test_a_change_of_something_else_leaves_limits_alone(key_admin):
    answer, path, scope = a_team(key_admin)
    before = projected(key_admin, scope)
    assert of(key_admin.call("PATCH", path, json={"description": "d"})) == POLICY
    assert projected(key_admin, scope) == before
    assert answer.json()["description"] == ""


def test_a_key_is_limited_from_its_first_request_and_changed_at_once(key_admin):
    made = key_admin.create(**POLICY)
    assert of(made) == POLICY
    path = f"{KEYS}/{made.json()['id']}"
    changed = key_admin.call("PATCH", path, json={"budgets": BUDGETS[:1]})
    assert of(changed) == of(key_admin.get(path)) == POLICY | {"budgets": BUDGETS[:1]}
    with key_admin.redis() as connection:
        (name,) = [
            key
            for key in connection.scan_iter("{relay}:key:*")
            if json.loads(connection.hget(key, "r"))["id"] == made.json()["id"]
        ]
        found = connection.hgetall(name)
    assert json.loads(found["r"])["policy"]["budgets"] == BUDGETS[:1]
    assert found["u"] == f"user:{made.json()['user_id']}"
    assert found["t"] == ""


def test_redis_away_changes_no_limit(key_admin, redis_server):
    _, path, _ = a_team(key_admin)
    redis_server.stop()
    try:
        answer = key_admin.call("PATCH", path, json={"limits": {"concurrency": 1}})
        assert answer.status_code == 503
    finally:
        redis_server.start()
    assert of(key_admin.get(path)) == POLICY
