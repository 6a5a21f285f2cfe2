"""relayctl doctor with real stores, well and unwell."""

import csv
import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import msgspec
import psycopg
import pytest
import redis as redis_py

from cli.dev.ports import free_port
from cli.doctor.accounts import judge_accounts
from cli.doctor.clocks import judge_clocks
from common.domain.accounts import AccountRecord, built_in_account_id
from common.identifiers import now_ms
from common.state.account_failures import AccountFailure
from common.store import partitions
from common.store.database import Database
from tests.support.event_worker import PREFIX
from tests.support.redis_servers import TunedRedis

ACCOUNT = "01M88DHKZTP87GRZWVHJ902JX7"
OPENAI, ANTHROPIC = built_in_account_id("openai"), built_in_account_id("anthropic")
LETTER = """
INSERT INTO dead_letters (id, event_id, event_source, event_type, attributes, body)
VALUES (gen_random_uuid(), 'one', '/s', 't', '{}', '')
"""
QUARANTINED = """
INSERT INTO quarantine (fingerprint, reason, detail, record)
VALUES ('x', 'bad_signature', '', '')
"""
CHANGE = """
INSERT INTO changes (kind, subject, version, made_at)
VALUES ('key', gen_random_uuid(), 1, now() - interval '1 hour')
"""


@pytest.fixture
def doctor(postgres_url, redis_url, tmp_path):
    def call(*arguments, code=0, **environment):
        stores = {"RELAY_DATABASE_URL": postgres_url, "RELAY_REDIS_URL": redis_url}
        stores |= {"PROXY_MASTER_KEY": "the master key of these tests"}
        ended = subprocess.run(
            [sys.executable, "-m", "cli.main", "doctor", *arguments],
            env={**os.environ, **stores, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        assert "the master key of these tests" not in ended.stdout
        return ended

    return call


@pytest.fixture
def found(doctor):
    """What is not ok, by check: status and text."""

    def call(code, **environment):
        answer = json.loads(doctor("--output", "json", code=code, **environment).stdout)
        assert answer["healthy"] is (code == 0)
        assert all(check["fix"] for check in answer["checks"] if check["status"] != "ok")
        return {
            check["check"]: (check["status"], f"{check['detail']} -> {check['fix']}")
            for check in answer["checks"]
            if check["status"] != "ok"
        }

    return call


@pytest.fixture
def client(redis_url):
    with redis_py.Redis.from_url(redis_url) as client:
        client.set(f"{PREFIX}:epoch", "01EPOCH")
        yield client


def test_all_is_well(doctor, found, client):
    assert found(0) == {}
    table = doctor("--strict").stdout
    assert "ok       schema" in table
    assert "->" not in table


def test_an_empty_database(doctor, found, client, empty_database_url):
    problems = found(1, RELAY_DATABASE_URL=empty_database_url)
    assert set(problems) == {"schema"}
    assert "relayctl migrate" in problems["schema"][1]
    table = doctor(code=1, RELAY_DATABASE_URL=empty_database_url).stdout
    assert "WRONG    schema" in table
    assert "-> run `relayctl migrate`" in table


def test_a_schema_of_another_version(found, client, postgres_url):
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DELETE FROM schema_migrations WHERE name = '0004_pre_master_key_grace'")
        assert "lacks 0004_pre_master_key_grace" in found(1)["schema"][1]
        connection.execute("INSERT INTO schema_migrations VALUES ('0099_pre_later', 'x')")
        assert "0099_pre_later" in found(1)["schema"][1]


def test_a_redis_that_was_flushed_is_only_a_warning(doctor, found):
    status, text = found(0)["admission"]
    assert status == "warning"
    assert "503" in text
    doctor("--strict", code=1)


def test_a_redis_that_forgets(found, tmp_path):
    options = ("--appendonly", "no", "--maxmemory-policy", "allkeys-lru", "--maxmemory", "800kb")
    with TunedRedis(tmp_path / "forgets", *options) as server:
        problems = found(1, RELAY_REDIS_URL=server.url)
    for check, text in (
        ("eviction", "allkeys-lru"),
        ("persistence", "appendonly yes"),
        ("memory", "of 1"),
    ):
        assert problems[check][0] == "wrong"
        assert text in problems[check][1]


def test_what_waits_for_somebody(found, client, postgres_url):
    client.xadd(f"{PREFIX}:outbox", {"record": "x"}, id=f"{now_ms() - 3_600_000}-0")
    client.zadd(f"{PREFIX}:leases", {"01LEASE": now_ms() - 3_600_000})
    client.hset(f"{PREFIX}:cooldowns", ACCOUNT, now_ms() + 60_000)
    client.hset(f"{PREFIX}:cooldowns", "past", now_ms() - 60_000)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for statement in (LETTER, QUARANTINED, CHANGE):
            connection.execute(statement)
    problems = found(1)
    assert {check: status for check, (status, _) in problems.items()} == {
        "outbox": "wrong",
        "projection": "wrong",
        "leases": "warning",
        "accounts": "warning",
        "quarantine": "warning",
        "dead letters": "warning",
    }
    assert "1 records wait for the ledger, the oldest since 60 min" in problems["outbox"][1]
    assert f"{ACCOUNT} rests until" in problems["accounts"][1]


async def test_partitions_that_cleanup_did_not_make(found, client, postgres_url):
    database = Database(postgres_url)
    async with database.transaction() as connection:
        await partitions.ensure(connection, now_ms(), months_ahead=1)
    await database.close()
    now = datetime.now(UTC)
    month = now.month + 2
    lacking = f"{now.year + (month - 1) // 12}-{(month - 1) % 12 + 1:02}"
    status, text = found(0)["partitions"]
    assert status == "warning"
    assert f"none from {lacking} on" in text


def test_models_without_a_price(found, client, postgres_url):
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for model, age, unpriced in (("own", 1, 3), ("old", 30, 9), ("gpt-4o", 1, 0)):
            connection.execute(
                "INSERT INTO usage_rollups SELECT now() - make_interval(days => %s),"
                " gen_random_uuid(), 'alice', NULL, gen_random_uuid(), 'openai', %s, 'e', 'ok',"
                " 9, 9, 0, 0, 0, 0, 0, 0, 0, 0, %s",
                [age, model, unpriced],
            )
    status, text = found(0)["prices"]
    assert status == "warning"
    assert "stand at $0: own (3) -> " in text
    assert "relayctl prices import" in text


def test_stores_that_are_away(found, client):
    url = f"postgresql://relay:hunter2@127.0.0.1:{free_port()}/relay"
    problems = found(1, RELAY_DATABASE_URL=url)
    assert problems["postgres"][0] == "wrong"
    assert "onnection refused" in problems["postgres"][1]
    assert "hunter2" not in problems["postgres"][1]
    problems = found(1, RELAY_REDIS_URL=f"redis://:hunter2@127.0.0.1:{free_port()}/0")
    assert problems["redis"][0] == "wrong"
    assert "hunter2" not in problems["redis"][1]


def test_addresses_and_passwords_that_are_wrong(found, client, redis_url):
    wrong = redis_url.replace(":", ":not-", 2).replace("redis:not-//", "redis://")
    assert "password" in found(1, RELAY_REDIS_URL=wrong)["redis"][1]
    assert "RELAY_REDIS_URL" in found(1, RELAY_REDIS_URL="redis://x/y")["redis"][1]
    url = "postgresql://relay:100%secret@127.0.0.1/relay"
    assert "secret" not in found(1, RELAY_DATABASE_URL=url)["postgres"][1]


def test_secrets(found, doctor, client):
    assert found(0, PROXY_MASTER_KEY="")["secrets"][0] == "warning"
    assert "16 characters" in found(1, PROXY_MASTER_KEY="short")["secrets"][1]
    assert found(1, RELAY_ENCRYPTION_KEYS="nonsense")["secrets"][0] == "wrong"
    said = doctor(code=2, RELAY_REDIS_URL="").stderr
    assert "RELAY_REDIS_URL is not set" in said
    assert "No `relayctl dev` is written down in .relay/processes.json either: start it" in said
    said = doctor(code=2, RELAY_INSTALLATION="no name").stderr
    assert "relayctl dev" not in said


def test_csv(doctor, client):
    rows = list(csv.DictReader(doctor("--output", "csv").stdout.splitlines()))
    assert set(rows[0]) == {"check", "status", "detail", "fix"}
    assert {"postgres", "redis", "clocks"} <= {row["check"] for row in rows}


def test_the_stores_of_a_running_dev_stack(doctor, client, postgres_url, redis_url, tmp_path):
    (tmp_path / ".relay").mkdir()
    processes = {"postgres": {"url": postgres_url}, "redis": {"url": redis_url}}
    (tmp_path / ".relay" / "processes.json").write_text(json.dumps(processes))
    (tmp_path / ".relay" / "master-key").write_text("the master key of these tests\n")
    environment = {**os.environ}
    for name in ("RELAY_DATABASE_URL", "RELAY_REDIS_URL", "PROXY_MASTER_KEY"):
        environment.pop(name, None)
    environment["RELAY_REDIS_PASSWORD"] = "of another Redis"
    ended = subprocess.run(
        [sys.executable, "-m", "cli.main", "doctor"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "the master key is in .relay/master-key" in ended.stdout


@pytest.mark.parametrize(
    ("ahead_ms", "status"),
    [
        ({"Postgres": 3.0, "Redis": -4.0}, "ok"),
        ({"Postgres": 900.0, "Redis": -900.0}, "warning"),
        ({"Redis": -1_500.0}, "warning"),
        ({"Postgres": 7_000.0, "Redis": 6_900.0}, "wrong"),
    ],
)
def test_clocks(ahead_ms, status):
    finding = judge_clocks(ahead_ms)
    assert finding.status == status
    assert bool(finding.fix) is (status != "ok")


CREDENTIAL = AccountFailure(at_ms=0, reason="upstream_credential", status=401, count=3)
MINE = AccountRecord(ACCOUNT, "mine", "openai", "http://x")
OVERLOADED = AccountFailure(at_ms=0, reason="upstream_overloaded", status=529)


@pytest.mark.parametrize(
    ("account", "failure", "age_ms", "status", "says", "fix"),
    [
        (OPENAI, CREDENTIAL, 600_000, "wrong", "built-in openai is failing", "set OPENAI_API_KEY"),
        (ANTHROPIC, CREDENTIAL, 10**8, "wrong", "built-in anthropic", "set ANTHROPIC_API_KEY"),
        (ACCOUNT, CREDENTIAL, 600_000, "wrong", "401), 3 times in a row, last 10 min ago",
         f"`relayctl accounts update {ACCOUNT}"),
        (ACCOUNT, OVERLOADED, 600_000, "warning", "mine is failing: upstream_overloaded (status",
         "attempt_failed"),
        (ACCOUNT, OVERLOADED, 10**8, "ok", "none rests or fails", ""),
    ],
)  # fmt: skip
def test_accounts_that_fail(account, failure, age_ms, status, says, fix):
    (finding,) = judge_accounts({}, {account: failure}, {ACCOUNT: MINE}, age_ms)
    assert finding.status == status
    assert says in finding.detail
    assert fix in finding.fix
    assert ("relayctl accounts update" in finding.fix) == (account == ACCOUNT and status != "ok")


def test_an_account_that_rests_and_fails_is_one_finding():
    (finding,) = judge_accounts({ACCOUNT: 60_000}, {ACCOUNT: CREDENTIAL}, None, 1_000)
    assert "last 1 s ago; it rests until 00:01:00 UTC" in finding.detail


@pytest.mark.parametrize("stored", [{}, {ACCOUNT: msgspec.structs.replace(MINE, enabled=False)}])
def test_an_account_that_is_gone_or_disabled_is_no_trouble(stored):
    (finding,) = judge_accounts({}, {ACCOUNT: CREDENTIAL}, stored, 1_000)
    assert finding.status == "ok"


def test_an_account_that_ended_is_told():
    ended = msgspec.structs.replace(MINE, expires_at_ms=1_000)
    finding, _ = judge_accounts({}, {}, {ACCOUNT: ended}, 61_000)
    assert finding.status == "warning"
    assert "mine ended 60 s ago" in finding.detail
    assert f"accounts update {ACCOUNT} --expires-at" in finding.fix
    (finding,) = judge_accounts({}, {}, {ACCOUNT: ended}, 999)
    assert finding.status == "ok"


def test_a_sole_account_with_a_wrong_credential(found, client):
    failure = b'{"at_ms":%d,"reason":"upstream_credential","status":401}' % now_ms()
    client.hset(f"{PREFIX}:account-failures", OPENAI, failure)
    status, text = found(1)["accounts"]
    assert status == "wrong"
    assert "OPENAI_API_KEY" in text
