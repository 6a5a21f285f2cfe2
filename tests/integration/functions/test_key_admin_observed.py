"""What the admin API tells of a running Relay: timings, use of limits, spend, the stores."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.support.key_admin import KEYS
from tests.support.usage_records import make_record, post_records, ulid_at


def items(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def test_percentiles_are_of_what_was_served(key_admin):
    key_id = key_admin.created()["id"]
    now = datetime.now(UTC)
    failed = {"status": "error", "latency_ms": 1, "first_token_ms": None}
    post_records(
        key_admin.database_url,
        *(
            make_record(
                id=ulid_at(now),
                key_id=key_id,
                latency_ms=100 * (number + 1),
                first_token_ms=None,
                cache_hit=number == 0,
            )
            for number in range(10)
        ),
        make_record(id=ulid_at(now), key_id=key_id, **failed),
        make_record(id=ulid_at(now - timedelta(days=2)), key_id=key_id, latency_ms=9),
    )
    since = (now - timedelta(hours=1)).isoformat()
    answer = key_admin.get("/internal/usage/timings", key_id=key_id, since=since).json()
    assert (answer["requests"], answer["failures"], answer["cache_hits"]) == (11, 1, 1)
    assert answer["tokens"] == 11 * 21
    assert answer["latency_ms"] == {"p50": 500, "p90": 900, "p99": 1000}
    assert answer["first_token_ms"] is None
    assert answer["sampled"] is False
    until = (now - timedelta(days=9)).isoformat()
    assert key_admin.get("/internal/usage/timings", until=until).json()["requests"] == 0


def test_a_keys_limits_are_told_with_those_of_the_levels_above(key_admin):
    budget = [{"period": "month", "usd": "5", "policy": "deny"}]
    team = key_admin.call("POST", "/internal/teams", json={"name": "limited", "budgets": budget})
    team_id = team.json()["id"]
    limits = {"requests_per_minute": 60}
    key = key_admin.created(team_id=team_id, limits=limits)
    told = items(key_admin.get("/internal/limits", key_id=key["id"]))
    assert [one["level"] for one in told] == ["team", "key"]
    (of_team,), (of_key,) = (one["use"] for one in told)
    assert (of_team["limit"], of_team["most"], of_team["policy"]) == (
        *("budget.month", "5.000000000000", "deny"),
    )
    assert (of_key["limit"], of_key["most"], of_key["used"]) == ("requests_per_minute", 60, 0)
    with psycopg.connect(key_admin.database_url) as connection:
        connection.execute(
            "INSERT INTO teams (id, name, version) "
            "SELECT gen_random_uuid(), 'no limits ' || n, 1 FROM generate_series(1, 250) AS n"
        )
    # Those without any are not counted among the teams that are shown at most.
    assert [one["id"] for one in items(key_admin.get("/internal/limits"))] == [team_id]
    with psycopg.connect(key_admin.database_url) as connection:
        connection.execute("DELETE FROM teams WHERE name LIKE 'no limits %'")
    assert items(key_admin.get("/internal/limits", user_id=key["user_id"])) == []
    missing = key_admin.get("/internal/limits", key_id=team_id)
    assert missing.status_code == 404


def test_spend_of_many_keys(key_admin):
    used, idle = key_admin.created()["id"], key_admin.created()["id"]
    post_records(key_admin.database_url, make_record(key_id=used, cost_usd="0.25"))
    told = items(key_admin.get("/internal/spend", key_ids=f"{idle},{used}"))
    assert [one["key_id"] for one in told] == [idle, used]
    assert [one["month"] for one in told] == ["0.000000000000", "0.250000000000"]
    assert key_admin.get("/internal/spend").status_code == 422


def test_the_stores_condition(key_admin):
    told = key_admin.get("/internal/condition").json()
    assert told["postgres"]["migrations_missing"] == []
    assert told["redis"]["outbox"] == 0
    with key_admin.redis() as redis:
        redis.xadd("{relay}:outbox", {"r": "{}"})
    assert key_admin.get("/internal/condition").json()["redis"]["outbox"] == 1


def test_without_redis_the_rest_is_told(key_admin, redis_server):
    key_id = key_admin.created(limits={"concurrency": 1})["id"]
    redis_server.stop()
    told = key_admin.get("/internal/condition").json()
    assert told["redis"] is None
    assert told["postgres"]["migrations"] > 0
    (level,) = items(key_admin.get("/internal/limits", key_id=key_id))
    assert level["use"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"search": "GAMMA"}, ["gamma ray"]),
        ({"search": "someone"}, ["alpha", "Beta"]),
        ({"search": "someone", "sort": "name"}, ["alpha", "Beta"]),
        ({"search": "someone", "sort": "oldest"}, ["Beta", "alpha"]),
        ({"tag": "%"}, ["gamma ray"]),
        ({"search": "%"}, []),
    ],
)
def test_keys_are_searched_and_sorted(key_admin, query, found):
    if not items(key_admin.get(KEYS, search="gamma ray")):
        key_admin.created(name="Beta", user_id="someone")
        key_admin.created(name="alpha", user_id="someone")
        key_admin.created(name="gamma ray", tags=["%"])
    assert [one["name"] for one in items(key_admin.get(KEYS, **query))] == found
    paged, cursor = [], None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = key_admin.get(KEYS, limit=1, **query, **more).json()
        paged += [one["name"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert paged == found


def test_a_key_is_found_by_itself_and_by_its_id(key_admin):
    key = key_admin.created(name="by itself")
    for search in (key["key"], key["key_prefix"], key["id"]):
        assert [one["id"] for one in items(key_admin.get(KEYS, search=search))] == [key["id"]]
    other = key_admin.created()["id"]
    found = items(key_admin.get(KEYS, ids=f"{other},{key['id']}"))
    assert {one["id"] for one in found} == {other, key["id"]}
