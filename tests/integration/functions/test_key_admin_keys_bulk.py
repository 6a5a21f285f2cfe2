"""Many keys made, changed and revoked by one call of the admin API."""

import pytest

from tests.support.admin_checks import UNKNOWN, fields, problem, trail
from tests.support.key_admin import KEYS

BULK = f"{KEYS}/bulk"


@pytest.fixture
def bulk(key_admin):
    """A call for many keys."""

    def call(method, headers=None, **body):
        return key_admin.call(method, BULK, json=body, headers=headers)

    return call


def test_all_keys_of_a_table_are_made_once(key_admin, bulk):
    key_admin.call("POST", "/internal/teams", json={"name": "bulk makers"})
    rows = [
        {"name": "first", "user_id": "bulk-user", "team": "bulk makers", "tags": ["x"]},
        {"name": "second", "limits": {"requests_per_minute": 5}},
    ]
    made = bulk("POST", {"idempotency-key": "many"}, keys=rows)
    assert made.status_code == 201, made.text
    items = made.json()["items"]
    assert [one["name"] for one in items] == ["first", "second"]
    assert len({one["key"] for one in items}) == 2
    assert bulk("POST", {"idempotency-key": "many"}, keys=rows).json() == made.json()
    found = key_admin.get(KEYS, user_id="bulk-user").json()["items"]
    assert [one["team_id"] for one in found] == [items[0]["team_id"]]
    assert [action for action, *_ in trail(key_admin, items[1]["id"])] == ["key.create"]


def test_one_wrong_row_and_none_is_made(key_admin, bulk):
    rows = [
        {"name": "bulk, not made"},
        {"name": "b", "team": "nobody's team"},
        {"name": "c", "team_id": UNKNOWN, "account_id": UNKNOWN},
    ]
    assert fields(bulk("POST", keys=rows)) == ["keys[1].team", "keys[2].team_id"]
    rows[1:] = [{"name": "", "limits": {"requests_per_minute": 0}}]
    answer = bulk("POST", keys=rows)
    assert fields(answer) == ["keys[1].limits.requests_per_minute", "keys[1].name"]
    assert key_admin.get(KEYS, search="bulk, not made").json()["items"] == []


def test_what_is_to_change_is_shown_first_and_then_done_once(key_admin, bulk):
    limits = {"requests_per_minute": 5, "tokens_per_minute": 7}
    one, other = (key_admin.created(tags=["batch", "old"], limits=limits) for _ in range(2))
    gone = key_admin.created(tags=["batch"])
    key_admin.call("POST", f"{KEYS}/{gone['id']}/revoke").raise_for_status()
    change = {
        "filter": {"tag": "batch"},
        "set": {"limits": {"requests_per_minute": 9}},
        "add_tags": ["new"],
        "remove_tags": ["old"],
    }
    shown = bulk("PATCH", **change, dry_run=True)
    assert shown.status_code == 200, shown.text
    counts = [shown.json()[name] for name in ("changed", "unchanged", "skipped")]
    assert counts == [2, 0, 1]
    assert shown.json()["items"][0]["before"]["tags"] == ["batch", "old"]
    assert shown.json()["items"][0]["after"]["tags"] == ["batch", "new"]
    assert key_admin.get(f"{KEYS}/{one['id']}").json()["tags"] == ["batch", "old"]
    key_admin.call("PATCH", f"{KEYS}/{one['id']}", json={"name": "x"}).raise_for_status()
    seen = {"if-match": shown.headers["etag"]}
    problem(bulk("PATCH", seen, **change), 412)
    seen = {"if-match": bulk("PATCH", **change, dry_run=True).headers["etag"]}
    seen |= {"idempotency-key": "a change"}
    done = bulk("PATCH", seen, **change)
    assert done.status_code == 200, done.text
    assert bulk("PATCH", seen, **change).json() == done.json()
    after = key_admin.get(f"{KEYS}/{other['id']}").json()
    assert after["limits"]["requests_per_minute"] == 9
    assert after["limits"]["tokens_per_minute"] == 7
    actions = [action for action, *_ in trail(key_admin, other["id"])]
    assert actions == ["key.create", "key.update"]
    assert bulk("PATCH", **change).json()["unchanged"] == 2


def test_revoking_many_holds_at_once_and_unknown_keys_are_named(key_admin, bulk):
    ids = [key_admin.created()["id"] for _ in range(3)]
    assert fields(bulk("PATCH", ids=[ids[0], UNKNOWN], revoke=True)) == ["ids[1]"]
    done = bulk("PATCH", ids=ids, revoke=True).json()
    assert done["changed"] == 3
    assert {one["after"]["status"] for one in done["items"]} == {"revoked"}
    statuses = [one["status"] for one in key_admin.get(KEYS, ids=",".join(ids)).json()["items"]]
    assert statuses == ["revoked"] * 3
    assert bulk("PATCH", ids=ids, revoke=True).json()["unchanged"] == 3


def test_a_change_says_which_keys_and_what(key_admin, bulk):
    key_id = key_admin.created()["id"]
    for body in (
        {"revoke": True},
        {"ids": [key_id]},
        {"ids": [key_id], "revoke": True, "add_tags": ["x"]},
        {"ids": [key_id], "set": {"name": "x"}},
        {"ids": [key_id], "set": {"tags": ["x"]}, "add_tags": ["y"]},
    ):
        problem(bulk("PATCH", **body), 422)
    wrong = bulk("PATCH", ids=[key_id], set={"team_id": UNKNOWN}, dry_run=True)
    assert fields(wrong) == ["set.team_id"]
    queue = {"limits": {"queue": {"max_waiting": 1, "timeout_ms": 5}, "concurrency": None}}
    assert bulk("PATCH", ids=[key_id], set=queue).status_code == 422
