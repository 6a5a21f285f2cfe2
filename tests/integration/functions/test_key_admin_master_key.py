"""Replacing the master key: the old one is accepted for a while, and for no other than that."""

import hmac

import pytest

from common.secrets import derive
from functions.key_admin.api.master_key import OPERATIONS
from tests.support.key_admin import MASTER_KEY, served_key_admin
from tests.support.processes import INTERNAL_SECRET

PATH = OPERATIONS[0].path
KEYS = "/internal/api-keys"


@pytest.fixture(scope="module")
def served(postgres_server, _worker_redis, tmp_path_factory):
    log = tmp_path_factory.mktemp("key_admin") / "log"
    with served_key_admin(postgres_server, _worker_redis, log) as key_admin:
        yield key_admin


@pytest.fixture
def key_admin(served, redis_server):
    served.rows("DELETE FROM master_key_grace")
    return served


def presented(key_admin, key):
    return key_admin.call("GET", KEYS, authorization=f"Bearer {key}").status_code


def test_a_key_with_grace_is_accepted_until_it_ends(key_admin):
    answer = key_admin.call("POST", PATH, json={"minutes": 5})
    assert answer.status_code == 200
    (row,) = key_admin.rows("SELECT * FROM master_key_grace")
    assert MASTER_KEY not in str(row)
    assert len(row["hash"]) == 64
    # As if PROXY_MASTER_KEY were another by now: the hash of that other key stands in the table.
    other = "another master key"
    key_admin.rows("UPDATE master_key_grace SET hash = %s RETURNING 1", keyed(other))
    assert presented(key_admin, other) == 200
    key_admin.rows("UPDATE master_key_grace SET accepted_until = now() RETURNING 1")
    assert presented(key_admin, other) == 401
    assert presented(key_admin, MASTER_KEY) == 200


def test_it_is_on_record_without_the_key(key_admin):
    answer = key_admin.call("POST", PATH)
    assert answer.status_code == 200
    rows = key_admin.rows("SELECT * FROM audit WHERE action = 'master-key.grace'")
    assert rows[-1]["detail"]["after"] == answer.json()
    assert MASTER_KEY not in str(rows)


def test_how_long_is_bounded(key_admin):
    answer = key_admin.call("POST", PATH, json={"minutes": 0})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "minutes"


def keyed(key):
    return hmac.new(derive(INTERNAL_SECRET, "master-key-grace"), key.encode(), "sha256").hexdigest()
