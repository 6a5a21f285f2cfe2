"""Redis never has more rights than Postgres: at no moment of a change, and whatever fails in it."""

import contextlib
import json
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from common.domain.keys import hash_key
from tests.support.admin_checks import unavailable
from tests.support.key_admin import KEYS, new_address

ACCOUNTS = "/internal/accounts"
WAIT_S_MAX = 60.0
# At the commit, and not before: when all of the change is done, in Redis too.
AT_COMMIT = """
CREATE OR REPLACE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    {} RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS at_commit ON audit;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON audit DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION at_commit();
"""
FAIL = "RAISE EXCEPTION 'the commit fails' USING ERRCODE = '57P01';"
WAIT = "PERFORM pg_advisory_xact_lock(4711);"
WAITING = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted"


@contextlib.contextmanager
def at_commit(key_admin, statement):
    key_admin.rows(AT_COMMIT.format(statement))
    try:
        yield
    finally:
        key_admin.rows("DROP TRIGGER at_commit ON audit")


def made(key_admin, **members):
    key = key_admin.created(**members)
    return key, key.pop("key")


def in_redis(key_admin, secret):
    """What Redis lets the secret do."""
    with key_admin.redis() as connection:
        found = connection.hgetall(f"{{relay}}:key:{hash_key(secret)}")
    record = json.loads(found["r"])
    record.pop("version")
    return found["s"], found["x"], record


def account_in_redis(key_admin, account):
    with key_admin.redis() as connection:
        records = json.loads(connection.hget("{relay}:accounts", "r"))
    return next((record for record in records if record["id"] == account["id"]), None)


def patch(key_admin, key, **members):
    return key_admin.call("PATCH", f"{KEYS}/{key['id']}", json=members)


def act(key_admin, key, action):
    return key_admin.call("POST", f"{KEYS}/{key['id']}/{action}")


def during(key_admin, call, look):
    """The call's answer, and what is seen while it waits in its commit."""
    with (
        at_commit(key_admin, WAIT),
        psycopg.connect(key_admin.database_url) as holder,
        ThreadPoolExecutor(1) as pool,
    ):
        holder.execute("SELECT pg_advisory_lock(4711)")
        answer = pool.submit(call)
        end = time.monotonic() + WAIT_S_MAX
        while not key_admin.rows(WAITING):
            assert time.monotonic() < end
            time.sleep(0.01)
        seen = look()
        holder.execute("SELECT pg_advisory_unlock(4711)")
        return answer.result(), seen


CHANGES = {
    "disable": lambda admin, key: patch(admin, key, status="disabled"),
    "narrow": lambda admin, key: patch(admin, key, scopes=["chat"]),
    "widen": lambda admin, key: patch(admin, key, scopes=["chat", "responses", "images"]),
    "both": lambda admin, key: patch(
        admin, key, name="both", scopes=["chat", "images"], models={"allow": ["*"], "deny": ["o3"]}
    ),
    "revoke": lambda admin, key: act(admin, key, "revoke"),
    "rotate": lambda admin, key: act(admin, key, "rotate"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_when_the_commit_fails_redis_has_what_holds(key_admin, change):
    key, secret = made(key_admin, scopes=["chat", "responses"], models={"allow": ["gpt-*"]})
    before = in_redis(key_admin, secret)
    with at_commit(key_admin, FAIL):
        assert "nothing was changed" in unavailable(CHANGES[change](key_admin, key))
        assert in_redis(key_admin, secret) == before
    with key_admin.redis() as connection:
        assert not connection.exists("{relay}:ahead")
    assert key_admin.rows("SELECT * FROM changes") == []
    # And what comes then is not held back by the version that was never committed.
    assert CHANGES[change](key_admin, key).status_code in (200, 201)
    assert in_redis(key_admin, secret) != before


def test_when_the_commit_of_a_restore_fails_the_key_stays_revoked_all_the_while(key_admin):
    key, secret = made(key_admin)
    assert act(key_admin, key, "revoke").status_code == 200
    revoked = in_redis(key_admin, secret)
    with at_commit(key_admin, FAIL):
        unavailable(act(key_admin, key, "restore"))
        assert in_redis(key_admin, secret) == revoked
    restored, meanwhile = during(
        key_admin, lambda: act(key_admin, key, "restore"), lambda: in_redis(key_admin, secret)
    )
    assert restored.status_code == 200
    assert (meanwhile, in_redis(key_admin, secret)[0]) == (revoked, "active")


def test_until_the_commit_redis_has_what_both_allow(key_admin):
    key, secret = made(key_admin, scopes=["chat", "responses"], models={"allow": ["gpt-*"]})
    answer, (status, _, meanwhile) = during(
        key_admin,
        lambda: CHANGES["both"](key_admin, key),
        lambda: in_redis(key_admin, secret),
    )
    assert status == "active"
    assert (meanwhile["name"], meanwhile["scopes"]) == ("a key", ["chat"])
    assert meanwhile["models_allow"] == ["gpt-*"]
    assert meanwhile["models_allow_too"] == ["*"]
    assert meanwhile["models_deny"] == ["o3"]
    _, _, after = in_redis(key_admin, secret)
    assert answer.status_code == 200
    assert (after["name"], after["scopes"]) == ("both", ["chat", "images"])
    assert "models_allow_too" not in after
    # The answer's version is the one that holds.
    shown = key_admin.get(f"{KEYS}/{key['id']}")
    assert shown.headers["etag"] == answer.headers["etag"]


@pytest.mark.parametrize("change", ["disable", "revoke"])
def test_what_is_taken_away_is_gone_before_it_is_committed(key_admin, change):
    key, secret = made(key_admin)
    answer, (status, *_) = during(
        key_admin, lambda: CHANGES[change](key_admin, key), lambda: in_redis(key_admin, secret)
    )
    assert answer.status_code == 200
    assert status == {"disable": "disabled", "revoke": "revoked"}[change]


def test_what_is_given_needs_redis_only_afterwards(key_admin, redis_server):
    key, secret = made(key_admin, scopes=["chat"])
    assert patch(key_admin, key, status="disabled").status_code == 200
    redis_server.stop()
    assert act(key_admin, key, "restore").json()["status"] == "active"
    assert patch(key_admin, key, scopes=[], name="more").json()["scopes"] == []
    redis_server.start()
    assert in_redis(key_admin, secret)[0] == "disabled"
    key_admin.created()
    status, _, record = in_redis(key_admin, secret)
    assert (status, record["name"]) == ("active", "more")


def an_account(key_admin, **members):
    body = {"name": new_address(), "provider": "openai", "credential": {"api_key": "sk-x"}}
    answer = key_admin.call("POST", ACCOUNTS, json=body | members)
    assert answer.status_code == 201, answer.text
    return answer.json()


def change_account(key_admin, account, **members):
    return key_admin.call("PATCH", f"{ACCOUNTS}/{account['id']}", json=members)


ACCOUNT_CHANGES = {
    "disable": {"enabled": False},
    "both": {"models": {"o3": "o3"}, "max_concurrency": 9},
    "credential": {"credential": {"api_key": "sk-y"}, "name": "renamed"},
    "widen": {"models": {}, "max_concurrency": 0},
}


@pytest.mark.parametrize("change", [*ACCOUNT_CHANGES, "delete"])
def test_when_the_commit_of_an_account_fails_redis_has_what_holds(key_admin, change):
    models = {"gpt-4o": "gpt-4o", "o3": "o3"}
    account = an_account(key_admin, models=models, max_concurrency=3)
    before = account_in_redis(key_admin, account)

    def call():
        if change == "delete":
            return key_admin.call("DELETE", f"{ACCOUNTS}/{account['id']}")
        return change_account(key_admin, account, **ACCOUNT_CHANGES[change])

    with at_commit(key_admin, FAIL):
        unavailable(call())
        assert account_in_redis(key_admin, account) == before
    answer, meanwhile = during(key_admin, call, lambda: account_in_redis(key_admin, account))
    assert answer.status_code in (200, 204)
    after = account_in_redis(key_admin, account)
    assert after != before
    expected = {
        "disable": {**before, "enabled": False},
        "both": {**before, "models_too": {"o3": "o3"}},
        "credential": before,
        "widen": before,
        "delete": None,
    }
    assert meanwhile == expected[change]


def test_two_accounts_that_change_at_once_lose_nothing_of_each_other(key_admin):
    one, other = an_account(key_admin), an_account(key_admin)
    with ThreadPoolExecutor(2) as pool:
        for enabled in (False, True) * 5:
            answers = pool.map(
                lambda each, value=enabled: change_account(key_admin, each, enabled=value),
                (one, other),
            )
            assert [answer.status_code for answer in answers] == [200, 200]
            found = [account_in_redis(key_admin, each) for each in (one, other)]
            assert [each.get("enabled", True) for each in found] == [enabled] * 2
