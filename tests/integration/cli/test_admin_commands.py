"""relayctl against the real key_admin: a session from the first key to the usage report."""

import asyncio
import csv
import io
import json
import os
import subprocess
import sys

import pytest

from common.identifiers import now_ms
from common.posting import arrival_from_event, arrival_from_outbox, post
from common.state.client import RedisPyCommands
from common.state.outbox import Outbox, OutboxEntry
from common.store import partitions
from common.store.database import Database
from tests.support.key_admin import MASTER_KEY, served_key_admin
from tests.support.usage_records import EVENTS_KEY, make_record, signed

SECRET = "sk-the-providers-own-secret"
UNKNOWN = "01ARYZ6S41TSV4RRFFQ69G5FAW"


@pytest.fixture(scope="module")
def served(postgres_server, _worker_redis, tmp_path_factory):
    log = tmp_path_factory.mktemp("key_admin") / "log"
    with served_key_admin(postgres_server, _worker_redis, log) as key_admin:
        yield key_admin


@pytest.fixture
def relayctl(served, redis_server):
    """Runs a command in a process of its own; everything it prints is kept in `said`."""
    said = []

    def run(*arguments, code=0, stdin="", key=MASTER_KEY):
        environment = os.environ | {"RELAY_URL": served.url, "PROXY_MASTER_KEY": key}
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            input=stdin,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        said.append(done.stdout + done.stderr)
        assert done.returncode == code, done.stderr
        return done

    run.said = said
    yield run
    redis_server.start()


def json_of(done):
    return json.loads(done.stdout)


def arrive(key_admin, *records):
    """Bring usage records as usage_aggregation does."""

    async def work():
        database = Database(key_admin.database_url)
        commands = RedisPyCommands.from_url(key_admin.redis_url)
        async with database.transaction() as connection:
            await partitions.ensure(connection, now_ms())
        arrivals = [arrival_from_event(signed(record), EVENTS_KEY) for record in records]
        posted = await post(database, Outbox(commands, "{relay}"), arrivals)
        await database.close()
        await commands.close()
        return posted

    return asyncio.run(work())


def test_a_session(served, relayctl):
    team = json_of(relayctl("teams", "create", "--name", "Research", "--output", "json"))
    relayctl("users", "create", "alice", "--team-id", team["id"], "--email", "alice@example.com")
    made = json_of(
        relayctl(
            *("keys", "create", "--name", "notebook", "--user-id", "alice", "--team-id"),
            *(team["id"], "--deny", "gpt-4*", "--output", "json"),
        )
    )
    assert made["key"].startswith(made["key_prefix"][:3])
    relayctl("keys", "update", made["id"], "--allow", "gpt-*", "--tag", "a b")
    shown = json_of(relayctl("keys", "show", made["id"], "--output", "json"))
    assert shown["models"] == {"allow": ["gpt-*"], "deny": ["gpt-4*"]}
    assert shown["tags"] == ["a b"]
    table = relayctl("keys", "list", "--user-id", "alice").stdout.splitlines()
    assert table[0].split()[:3] == ["ID", "NAME", "USER"]
    assert table[1].split()[:3] == [made["id"], "notebook", "alice"]

    rotated = json_of(relayctl("keys", "rotate", made["id"], "--grace-s", "0", "--output", "json"))
    assert rotated["key"] != made["key"]
    relayctl("keys", "revoke", made["id"])
    assert (
        json_of(relayctl("keys", "restore", made["id"], "--output", "json"))["status"] == "active"
    )

    record = make_record(key_id=made["id"], team_id=team["id"])
    other = make_record(user_id="\x1b[2Jbob", cost_usd="1.500000000000", model_served="gpt-4o")
    assert arrive(served, record, other).quarantined == 0
    sums = relayctl("usage", "sums", "--group-by", "model,day", "--tz", "Europe/Berlin").stdout
    assert [line.split()[0] for line in sums.splitlines()] == [
        *("MODEL", "gpt-4o", "gpt-4o-mini-2024-07-18", "TOTAL"),
    ]
    assert [line.split()[-1] for line in sums.splitlines()[1:]] == [
        *("1.50000000", "0.00000855", "1.50000855"),
    ]
    rows = relayctl("usage", "records", "--user-id", "alice", "--all", "--output", "csv").stdout
    (row,) = csv.DictReader(io.StringIO(rows))
    assert (row["id"], row["tokens.output"]) == (record.id, "12")
    assert row["cost_usd"] == "0.000008550000"
    board = relayctl("usage", "leaderboard", "--by", "user").stdout
    assert "\x1b" not in board
    assert board.splitlines()[2].split()[:2] == ["2", "alice"]

    trail = json_of(relayctl("audit", "list", "--subject-id", made["id"], "--output", "json"))
    assert [row["action"] for row in trail] == [
        *("key.restore", "key.revoke", "key.rotate", "key.update", "key.create"),
    ]
    assert MASTER_KEY not in "".join(relayctl.said)


def test_an_accounts_key_is_taken_and_never_seen_again(relayctl):
    made = json_of(
        relayctl(
            *("accounts", "create", "--name", "main", "--provider", "openai", "--api-key-file"),
            *("-", "--model", "gpt-*", "--model", "best=gpt-4o", "--output", "json"),
            stdin=f"{SECRET}\n",
        )
    )
    assert made["models"] == {"gpt-*": "gpt-*", "best": "gpt-4o"}
    relayctl("accounts", "update", made["id"], "--weight", "3", "--disabled")
    shown = json_of(relayctl("accounts", "show", made["id"], "--output", "json"))
    assert (shown["weight"], shown["enabled"]) == (3, False)
    assert shown["credential_key_id"] == made["credential_key_id"]
    refused = relayctl("accounts", "update", made["id"], "--priority", "1001", code=1)
    assert "priority (--priority): Input should be less than or equal to 1000" in refused.stderr
    relayctl("accounts", "delete", made["id"])
    assert made["id"] not in relayctl("accounts", "list", "--all").stdout
    assert SECRET not in "".join(relayctl.said)


def test_an_account_of_another_provider_is_made_drained_and_asked(relayctl, tmp_path):
    file = tmp_path / "aws.json"
    file.write_text(json.dumps({"access_key_id": "AKIA", "secret_access_key": SECRET}))
    made = json_of(
        relayctl(
            *(
                "accounts",
                "create",
                "--name",
                "aws",
                "--provider",
                "bedrock",
                "--region",
                "eu-west-1",
            ),
            *(
                "--base-url",
                "http://127.0.0.1:9",
                "--credential-file",
                str(file),
                "--model",
                "nova",
            ),
            *(
                "--tag",
                "eu",
                "--header",
                "X-Team=a",
                "--egress-proxy-file",
                "-",
                "--output",
                "json",
            ),
            stdin=f"http://u:{SECRET}@127.0.0.1:9\n",
        )
    )
    assert (made["tags"], made["extra_headers"]) == (["eu"], {"x-team": "a"})
    assert made["egress_proxy"] == "http://127.0.0.1:9"
    relayctl("accounts", "update", made["id"], "--drained", "--no-egress-proxy")
    shown = json_of(relayctl("accounts", "show", made["id"], "--output", "json"))
    assert (shown["schedulable"], shown["egress_proxy"]) == (False, None)
    said = relayctl("accounts", "test", "aws", code=1).stdout
    assert "asks http://127.0.0.1:9/model/nova/converse-stream for nova (bedrock.converse)" in said
    assert "it does not work: bedrock could not be reached" in said
    assert "no account named 'gone'" in relayctl("accounts", "test", "gone", code=1).stderr
    assert json_of(relayctl("accounts", "rewrap", "--output", "json"))["failed"] == []
    relayctl("accounts", "delete", made["id"])
    assert SECRET not in "".join(relayctl.said)


def test_pages_are_fetched_to_the_end(relayctl, served):
    for number in range(3):
        relayctl("users", "create", f"paged-{number}")
    first = relayctl("users", "list", "--limit", "1")
    assert len(first.stdout.splitlines()) == 2
    assert "there are more" in first.stderr
    every = json_of(relayctl("users", "list", "--all", "--output", "json"))
    assert {f"paged-{number}" for number in range(3)} <= {user["id"] for user in every}
    (count,) = served.rows("SELECT count(*) AS users FROM users")
    assert len(every) == count["users"]
    relayctl("users", "delete", "paged-0")
    refused = relayctl("users", "show", "paged-0", code=1)
    assert "There is no user with the id 'paged-0'." in refused.stderr
    assert "request_id: " in refused.stderr


def test_the_same_command_twice_makes_one_key(relayctl):
    command = ("keys", "create", "--name", "once", "--idempotency-key", "k-1", "--output", "json")
    assert json_of(relayctl(*command)) == json_of(relayctl(*command))


def test_a_new_master_key(relayctl):
    new = relayctl("master-key", "rotate", "--to", "-", "--minutes", "1").stdout.strip()
    assert len(new) == 64
    (row,) = json_of(relayctl("audit", "list", "--action", "master-key.grace", "--output", "json"))
    assert new not in json.dumps(row)
    refused = relayctl("master-key", "rotate", "--to", "-", "--minutes", "0", code=1)
    assert "minutes (--minutes): " in refused.stderr
    assert refused.stdout == ""


def test_a_wrong_master_key(relayctl):
    refused = relayctl("keys", "list", code=1, key="not the master key")
    assert "The master key is wrong." in refused.stderr


def test_fields_at_fault_are_named_with_their_options(relayctl):
    refused = relayctl(
        "keys", "create", "--name", "a", "--expires-at", "2020-01-01T00:00:00Z", code=1
    )
    assert "expires_at (--expires-at): must lie in the future" in refused.stderr
    refused = relayctl("usage", "sums", "--group-by", "color", code=1)
    assert "group_by (--group-by): 'color' is no grouping: there are model" in refused.stderr
    refused = relayctl("usage", "sums", "--tz", "Mars", code=1)
    assert "tz (--tz): must be a time zone" in refused.stderr


def test_a_store_that_is_away(relayctl, redis_server):
    made = json_of(relayctl("keys", "create", "--name", "a", "--output", "json"))
    redis_server.stop()
    away = relayctl("keys", "revoke", made["id"], "--retries", "1", code=3)
    assert "answered 503" in away.stderr
    assert "try 2 of 2 in 2 s" in away.stderr
    redis_server.start()
    assert "revoked" in relayctl("keys", "revoke", made["id"]).stdout


def test_the_quarantine(served, relayctl):
    async def arrive_broken():
        database = Database(served.database_url)
        commands = RedisPyCommands.from_url(served.redis_url)
        arrivals = [arrival_from_outbox(OutboxEntry("1-1", b"no record"))]
        await post(database, Outbox(commands, "{relay}"), arrivals)
        await database.close()
        await commands.close()

    asyncio.run(arrive_broken())
    (found,) = json_of(relayctl("quarantine", "list", "--output", "json"))
    assert found["record"] == "no record"
    refused = relayctl("quarantine", "retry", "--all", code=1)
    assert "The ledger still cannot take it" in refused.stderr
    assert found["id"] in refused.stdout
    refused = relayctl("quarantine", "retry", "00", code=1)
    assert "There is no record" in refused.stderr


def test_dead_letters(relayctl):
    assert relayctl("dead-letters", "list").stdout == "no dead letters\n"
    refused = relayctl("dead-letters", "retry", UNKNOWN, code=1)
    assert "set K_SINK to its address" in refused.stderr
