"""The audit trail over HTTP: whole, by page, and by what is asked for."""

from datetime import datetime, timedelta

import pytest

from tests.support.admin_checks import UNKNOWN, fields
from tests.support.key_admin import KEYS

AUDIT, TEAMS = "/internal/audit", "/internal/teams"


@pytest.fixture(scope="module")
def rows(served, _worker_redis):
    """Of two teams and a key, as the trail has them, newest first."""
    _worker_redis.start()
    for name in ("first", "second"):
        made = served.call("POST", TEAMS, json={"name": name}, address="192.0.2.1").json()
        served.call("PATCH", f"{TEAMS}/{made['id']}", json={"description": "d"})
    key = served.created()
    served.call("POST", f"{KEYS}/{key['id']}/revoke")
    found = served.get(AUDIT).json()["items"]
    assert [row["action"] for row in found] == [
        "key.revoke", "key.create", "team.update", "team.create", "team.update", "team.create",
    ]  # fmt: skip
    return found


def ids(key_admin, **query):
    answer = key_admin.get(AUDIT, **query)
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["items"]]


def test_a_row_says_who_did_what_from_where(key_admin, rows):
    row = rows[-1]
    assert {name: value for name, value in row.items() if name not in ("id", "detail")} == {
        "occurred_at": row["occurred_at"], "actor": "master-key", "via": "",
        "action": "team.create",
        "subject_kind": "team", "subject_id": row["subject_id"], "address": "192.0.2.1",
    }  # fmt: skip
    assert row["detail"]["before"] is None
    assert row["detail"]["after"]["name"] == "first"
    assert row["subject_id"] == row["detail"]["after"]["id"]


@pytest.mark.parametrize("name", ["actor", "action", "subject_kind", "subject_id"])
def test_rows_are_filtered(key_admin, rows, name):
    for value in {row[name] for row in rows}:
        expected = [row["id"] for row in rows if row[name] == value]
        assert ids(key_admin, **{name: value}) == expected
    assert ids(key_admin, **{name: "nothing"}) == []


def test_filters_hold_together(key_admin, rows):
    found = ids(key_admin, subject_id=rows[-1]["subject_id"], action="team.update")
    assert found == [rows[-2]["id"]]


def test_bounds_are_times_or_dates_in_utc(key_admin, rows):
    everything = [row["id"] for row in rows]
    newest = datetime.fromisoformat(rows[0]["occurred_at"])
    day = newest.date()
    assert ids(key_admin, since=(day - timedelta(days=1)).isoformat()) == everything
    assert ids(key_admin, since=(day + timedelta(days=1)).isoformat()) == []
    assert ids(key_admin, until=(day - timedelta(days=1)).isoformat()) == []
    # Answers show milliseconds, rows have more.
    later = (newest + timedelta(milliseconds=1)).isoformat()
    assert ids(key_admin, until=later) == everything
    assert ids(key_admin, since=later) == []
    assert rows[0]["id"] in ids(key_admin, since=rows[0]["occurred_at"])
    assert rows[0]["id"] not in ids(key_admin, until=rows[0]["occurred_at"])


@pytest.mark.parametrize("limit", [1, 4, 6])
def test_pages_are_walked_once_each(key_admin, rows, limit):
    walked, cursor = [], {}
    while True:
        page = key_admin.get(AUDIT, limit=limit, **cursor).json()
        assert 0 < len(page["items"]) <= limit
        walked += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert walked == rows


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"), ({"limit": "501"}, "limit"), ({"cursor": "x"}, "cursor"),
        ({"since": "yesterday"}, "since"), ({"until": "2026-02-30"}, "until"),
        ({"actor": "\0"}, "actor"), ({"subject_id": "x" * 1025}, "subject_id"),
        ({"key_id": UNKNOWN}, "key_id"),
    ],
)  # fmt: skip
def test_a_wrong_query_is_named(key_admin, query, field):
    assert fields(key_admin.get(AUDIT, **query)) == [field]
