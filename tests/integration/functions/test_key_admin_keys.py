"""Keys over HTTP, against a real Postgres and Redis."""

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from cli.dev.ports import free_port
from common.domain.ids import is_ulid, ulid_to_uuid, uuid_to_ulid
from common.domain.keys import hash_key
from tests.support.key_admin import (
    KEYS,
    MASTER_KEY,
    OPEN_KEY,
    SILENT,
    UNLIMITED,
    environment_of,
    served_key_admin,
)

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def served(postgres_server, _worker_redis, tmp_path_factory):
    log = tmp_path_factory.mktemp("key_admin") / "log"
    with served_key_admin(postgres_server, _worker_redis, log) as key_admin:
        yield key_admin


@pytest.fixture
def key_admin(served, redis_server):
    """The module's process, with an empty Redis."""
    return served


def projected(key_admin, key):
    """What Redis has of a key's secret."""
    with key_admin.redis() as connection:
        found = connection.hgetall(f"{{relay}}:key:{hash_key(key)}")
    return found and {**found, "r": json.loads(found["r"])}


def audit_rows(key_admin, key_id):
    return key_admin.rows("SELECT * FROM audit WHERE subject_id = %s ORDER BY id", key_id)


def test_a_key_is_made_and_shown_once(key_admin):
    answer = key_admin.create(name="Ops & \N{SNOWMAN}", user_id="alice")
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    made = answer.json()
    assert answer.headers["location"] == f"{KEYS}/{made['id']}"
    assert is_ulid(made["id"])
    key = made.pop("key")
    assert key.startswith("cr_")
    assert len(key) == len("cr_") + 43
    created_at = datetime.fromisoformat(made["created_at"])
    assert abs(created_at - datetime.now(UTC)) < timedelta(seconds=30)
    assert made == {
        "id": made["id"], "name": "Ops & \N{SNOWMAN}", "user_id": "alice", "team_id": None,
        "key_prefix": key[:11], "status": "active", "scopes": [],
        "models": {"allow": [], "deny": []}, **UNLIMITED, **OPEN_KEY, **SILENT, "account_id": None,
        "group_id": None, "tags": [], "expires_at": None, "activation": None,
        "created_at": made["created_at"],
        "updated_at": made["created_at"], "revoked_at": None, "last_used_at": None,
        "old_secret_ends_at": None,
    }  # fmt: skip
    shown = key_admin.get(answer.headers["location"])
    assert (shown.status_code, shown.json()) == (200, made)
    listed = key_admin.get(KEYS, limit=1).json()["items"]
    assert listed == [made]


def test_two_keys_are_two(key_admin):
    first, second = key_admin.created(), key_admin.created()
    assert first["key"] != second["key"]
    assert first["id"] != second["id"]
    # Nobody named: a user of its own each.
    assert is_ulid(first["user_id"])
    assert first["user_id"] != second["user_id"]


def test_everything_that_may_be_sent_is_kept_and_projected(key_admin):
    expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    made = key_admin.created(
        user_id="bob",
        scopes=["chat", "models", "chat"],
        models={"allow": ["gpt-*"], "deny": ["*-mini"]},
        expires_at=expires_at.isoformat(),
        tags=["a", "b c"],
        limits={},
        budgets=[],
        team_id=None,
    )
    assert made["scopes"] == ["chat", "models"]
    assert made["models"] == {"allow": ["gpt-*"], "deny": ["*-mini"]}
    assert made["expires_at"] == expires_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert made["tags"] == ["a", "b c"]
    found = projected(key_admin, made["key"])
    ends = str(int(expires_at.timestamp() * 1000))
    assert (found["s"], found["x"]) == ("active", ends)
    assert found["r"] == {
        "id": made["id"], "user_id": "bob", "name": "a key", "scopes": ["chat", "models"],
        "models_allow": ["gpt-*"], "models_deny": ["*-mini"], "expires_at_ms": int(ends),
        "tags": ["a", "b c"], "version": int(found["v"]),
    }  # fmt: skip


def test_a_fresh_redis_gets_every_key_and_then_the_epoch(key_admin, redis_server):
    old = key_admin.created()
    redis_server.flush()
    assert projected(key_admin, old["key"]) == {}
    new = key_admin.created()
    with key_admin.redis() as connection:
        assert is_ulid(connection.get("{relay}:epoch"))
        assert connection.ttl("{relay}:epoch") == -1
        assert connection.exists("{relay}:lock:rebuild") == 0
    for made in (old, new):
        assert projected(key_admin, made["key"])["r"]["id"] == made["id"]
    assert key_admin.rows("SELECT * FROM changes") == []


def test_the_epoch_stays_while_redis_does(key_admin):
    with key_admin.redis() as connection:
        key_admin.created()
        epoch = connection.get("{relay}:epoch")
        key_admin.created()
        assert connection.get("{relay}:epoch") == epoch


def test_the_database_has_the_hash_and_nowhere_the_key(key_admin):
    made = key_admin.created()
    secrets = key_admin.rows(
        "SELECT * FROM api_key_secrets WHERE key_id = %s", ulid_to_uuid(made["id"])
    )
    assert [row["hash"] for row in secrets] == [hash_key(made["key"])]
    tables = key_admin.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert len(tables) > 5
    texts = [
        row["text"]
        for table in tables
        for row in key_admin.rows(f'SELECT t::text AS text FROM "{table["tablename"]}" AS t')
    ]
    assert any(hash_key(made["key"]) in text for text in texts)
    secret = made["key"].removeprefix("cr_")
    assert not any(secret in text or secret.encode().hex() in text for text in texts)
    with key_admin.redis() as connection:
        assert not any(secret in name for name in connection.scan_iter())


def test_who_made_and_revoked_it_is_on_record(key_admin):
    answer = key_admin.call("POST", KEYS, json={"name": "n", "user_id": "u"}, address="192.0.2.7")
    made = answer.json()
    revoked = key_admin.call("POST", f"{KEYS}/{made['id']}/revoke", address="192.0.2.8")
    common = {"actor": "master-key", "via": "", "subject_kind": "key", "subject_id": made["id"]}
    expected = [
        (answer, "key.create", "192.0.2.7", "active"),
        (revoked, "key.revoke", "192.0.2.8", "revoked"),
    ]
    found = audit_rows(key_admin, made["id"])
    assert len(found) == 2
    for row, (said, action, address, status) in zip(found, expected, strict=True):
        assert uuid_to_ulid(row.pop("id")) == said.headers["x-request-id"]
        assert abs(row.pop("occurred_at") - datetime.now(UTC)) < timedelta(seconds=30)
        detail = row.pop("detail")
        assert (detail["after"]["name"], detail["after"]["status"]) == ("n", status)
        assert (detail["before"] is None) == (action == "key.create")
        assert made["key"] not in str(detail)
        assert row == {**common, "action": action, "address": address}


def test_pages_are_walked_once_each_newest_first(key_admin):
    mine = [key_admin.created(user_id="walker")["id"] for _ in range(7)]
    key_admin.created(user_id="somebody else")
    walked, sizes, cursor = [], [], {}
    while True:
        page = key_admin.get(KEYS, limit=3, user_id="walker", **cursor).json()
        sizes.append(len(page["items"]))
        walked += [item["id"] for item in page["items"]]
        assert len(walked) <= len(mine)
        assert not any("key" in item for item in page["items"])
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert walked == sorted(mine, reverse=True)
    assert sizes == [3, 3, 1]


def test_a_page_that_is_just_full_is_the_last(key_admin):
    for _ in range(2):
        key_admin.created(user_id="full")
    page = key_admin.get(KEYS, limit=2, user_id="full").json()
    assert (len(page["items"]), page["next_cursor"]) == (2, None)


def test_lists_are_filtered(key_admin):
    kept, gone = (key_admin.created(user_id="filtered")["id"] for _ in range(2))
    key_admin.call("POST", f"{KEYS}/{gone}/revoke")

    def ids(**query):
        return [item["id"] for item in key_admin.get(KEYS, **query).json()["items"]]

    assert ids(user_id="filtered", status="active") == [kept]
    assert ids(user_id="filtered", status="revoked") == [gone]
    assert ids(user_id="filtered", status="disabled") == []
    assert sorted(ids(user_id="filtered")) == sorted([kept, gone])
    assert ids(user_id="nobody") == []
    assert kept in ids(limit=500)


def test_a_key_that_is_over_says_so(key_admin):
    made = key_admin.created(expires_at=(datetime.now(UTC) + timedelta(days=1)).isoformat())
    past = "UPDATE api_keys SET expires_at = now() - interval '1 s' WHERE id = %s"
    key_admin.rows(past, ulid_to_uuid(made["id"]))
    assert key_admin.get(f"{KEYS}/{made['id']}").json()["status"] == "expired"
    revoked = key_admin.call("POST", f"{KEYS}/{made['id']}/revoke").json()
    assert revoked["status"] == "revoked"


def test_revoking_is_final_and_once(key_admin):
    made = key_admin.created()
    path = f"{KEYS}/{made['id']}/revoke"
    first = key_admin.call("POST", path)
    assert first.status_code == 200
    shown = first.json()
    assert shown["status"] == "revoked"
    assert datetime.fromisoformat(shown["revoked_at"]) >= datetime.fromisoformat(made["created_at"])
    after_first = projected(key_admin, made["key"])
    assert after_first["s"] == "revoked"
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda _: key_admin.call("POST", path), range(4)))
    assert [(one.status_code, one.json()) for one in again] == [(200, shown)] * 4
    # Written again with a newer version: revoking wins over whatever Redis may have.
    after_all = projected(key_admin, made["key"])
    assert after_all["s"] == "revoked"
    assert int(after_all["v"]) > int(after_first["v"])
    actions = [row["action"] for row in audit_rows(key_admin, made["id"])]
    assert actions == ["key.create", "key.revoke"]


def test_revoked_by_many_at_once_it_is_on_record_once(key_admin):
    made = key_admin.created()
    path = f"{KEYS}/{made['id']}/revoke"
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: key_admin.call("POST", path), range(6)))
    assert {one.status_code for one in answers} == {200}
    assert len({one.json()["revoked_at"] for one in answers}) == 1
    actions = [row["action"] for row in audit_rows(key_admin, made["id"])]
    assert actions == ["key.create", "key.revoke"]


def test_deleting_revokes_and_the_key_stays_listed(key_admin):
    made = key_admin.created(user_id="deleted")
    for _ in range(2):
        answer = key_admin.call("DELETE", f"{KEYS}/{made['id']}")
        assert (answer.status_code, answer.content) == (204, b"")
        assert "content-length" not in answer.headers
    assert projected(key_admin, made["key"])["s"] == "revoked"
    (listed,) = key_admin.get(KEYS, user_id="deleted").json()["items"]
    assert (listed["id"], listed["status"]) == (made["id"], "revoked")


def test_revoking_in_a_redis_that_lost_everything_refuses_the_key_there(key_admin, redis_server):
    made, other = key_admin.created(), key_admin.created()
    redis_server.flush()
    assert key_admin.call("DELETE", f"{KEYS}/{made['id']}").status_code == 204
    assert projected(key_admin, made["key"])["s"] == "revoked"
    assert projected(key_admin, other["key"])["s"] == "active"


def test_under_the_functions_framework(key_admin, tmp_path):
    port = free_port()
    command = [
        str(ROOT / ".venv/bin/functions-framework"), "--target", "key_admin",
        "--source", "functions/key_admin/main.py", "--asgi", "--port", str(port),
    ]  # fmt: skip
    environment = environment_of(key_admin.database_url, key_admin.redis_url)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(url, process, tmp_path / "log")
        headers = {"authorization": f"Bearer {MASTER_KEY}"}
        answer = httpx.post(url + KEYS, headers=headers, json={"name": "portable"}, timeout=20)
        assert answer.status_code == 201, answer.text
        assert projected(key_admin, answer.json()["key"])["s"] == "active"
        shown = key_admin.get(answer.headers["location"]).json()
        assert shown["name"] == "portable"
        (row,) = audit_rows(key_admin, shown["id"])
        assert uuid_to_ulid(row["id"]) == answer.headers["x-request-id"]
        assert httpx.put(url + KEYS, headers=headers).status_code == 405
        assert httpx.delete(url + answer.headers["location"], headers=headers).status_code == 204
        assert httpx.post(url + KEYS, json={"name": "x"}).status_code == 401
    finally:
        process.terminate()
        process.wait(20)


def wait_for(url, process, log):
    end = time.monotonic() + 20
    while True:
        try:
            if httpx.get(url + "/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)
