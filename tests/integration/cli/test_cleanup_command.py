"""`relayctl cleanup`: a task by hand, what it says of it, and how it ends."""

import json
import os
import subprocess
import sys

import psycopg
import pytest
import redis

from cli.cleanup_command import EXIT_BUSY, EXIT_FAILED, EXIT_WRONG_SETTINGS, TASKS
from functions.cleanup import run

OLD_LETTER = """
INSERT INTO dead_letters (id, event_id, event_source, event_type, attributes, body, received_at)
VALUES (gen_random_uuid(), 'one', '/s', 't', '{}', '', now() - interval '31 days')
"""


@pytest.fixture
def relayctl(postgres_url, redis_url):
    def call(*arguments, **environment):
        stores = {"RELAY_DATABASE_URL": postgres_url, "RELAY_REDIS_URL": redis_url}
        return subprocess.run(
            [sys.executable, "-m", "cli.main", "cleanup", *arguments],
            # Not the state of a stack that runs in this directory.
            env={**os.environ, "RELAY_STATE_DIR": os.devnull, **stores, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


def test_the_tasks_are_those_of_the_function():
    assert tuple(run.TASKS) == TASKS


@pytest.mark.parametrize("task", TASKS)
def test_every_task_can_be_counted_and_run(relayctl, task):
    for options in (["--dry-run"], []):
        ended = relayctl(task, *options)
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.startswith(task.upper())
        assert ended.stderr.startswith(f"{task}: ")


def test_a_dry_run_counts_and_the_run_does_it(relayctl, postgres_url):
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(OLD_LETTER)
        for options, left in (["--dry-run"], 1), (["--dry-run"], 1), ([], 0):
            ended = relayctl("retention", "--output", "json", *options)
            outcome = json.loads(ended.stdout)
            assert (outcome["task"], outcome["dry_run"]) == ("retention", bool(options))
            assert outcome["done"]["dead_letters"] == 1
            assert connection.execute("SELECT count(*) FROM dead_letters").fetchone() == (left,)
    assert json.loads(relayctl("retention", "--output", "json").stdout)["done"]["dead_letters"] == 0
    lines = relayctl("retention", "--output", "csv", "--dry-run").stdout.splitlines()
    assert lines[0] == "task,dry_run,what,count"
    assert "retention,true,dead_letters,0" in lines


def test_the_settings_are_those_of_the_function(relayctl, postgres_url):
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO quarantine (fingerprint, reason, detail, record, received_at) "
            "VALUES ('', '', '', '', now() - interval '8 days')"
        )
        for days, due in ("9", 0), ("0", 0), ("7", 1):
            ended = relayctl("retention", RELAY_QUARANTINE_RETENTION_DAYS=days)
            assert f"quarantine {due}" in " ".join(ended.stdout.split())
        assert connection.execute("SELECT count(*) FROM quarantine").fetchone() == (0,)


def test_without_stores_of_its_own_it_takes_those_of_the_stack_that_runs(
    relayctl, postgres_url, redis_url, tmp_path
):
    here = {"RELAY_STATE_DIR": str(tmp_path), "RELAY_DATABASE_URL": "", "RELAY_REDIS_URL": ""}
    ended = relayctl("partitions", **here)
    assert ended.returncode == EXIT_WRONG_SETTINGS
    assert f"No `relayctl dev` is written down in {tmp_path}/processes.json" in ended.stderr
    assert "start it" in ended.stderr
    stores = {"postgres": {"url": postgres_url}, "redis": {"url": redis_url}}
    (tmp_path / "processes.json").write_text(json.dumps(stores))
    ended = relayctl("partitions", **here)
    assert ended.returncode == 0, ended.stderr
    assert "made 5" in " ".join(ended.stdout.split())


def test_a_task_that_another_process_is_at_can_be_counted_and_waits(relayctl, redis_url):
    with redis.Redis.from_url(redis_url) as client:
        client.set("{relay}:lock:task-leases", "another")
        ended = relayctl("leases")
        assert (ended.returncode, ended.stdout) == (EXIT_BUSY, "")
        assert "another run of leases goes on: try again" in ended.stderr
        assert relayctl("leases", "--dry-run").returncode == 0
        assert client.get("{relay}:lock:task-leases") == b"another"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RELAY_DATABASE_URL", ""),
        ("RELAY_REDIS_URL", "redis://a:b:c"),
        ("RELAY_LEDGER_RETENTION_DAYS", "soon"),
    ],
)
def test_a_wrong_setting_is_named(relayctl, name, value):
    ended = relayctl("retention", **{name: value})
    assert (ended.returncode, ended.stdout) == (EXIT_WRONG_SETTINGS, "")
    assert name in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("name", "value", "task"),
    [
        ("RELAY_DATABASE_URL", "postgresql://localhost:1/relay", "partitions"),
        ("RELAY_REDIS_URL", "redis://localhost:1/0", "leases"),
    ],
)
def test_a_store_that_is_away_is_named_with_what_to_do(relayctl, name, value, task):
    ended = relayctl(task, **{name: value})
    assert (ended.returncode, ended.stdout) == (EXIT_FAILED, "")
    sentence = ended.stderr.splitlines()[-1]
    assert sentence.startswith(f"relayctl: {task} is not done: ")
    assert "refused" in sentence or "Connect call failed" in sentence
    assert f"See that it runs and that {name} names it" in sentence
    assert "Traceback" not in ended.stderr


def test_an_empty_database_is_to_be_migrated(relayctl, empty_database_url):
    ended = relayctl("partitions", RELAY_DATABASE_URL=empty_database_url)
    assert ended.returncode == EXIT_FAILED
    assert ended.stderr.rstrip().endswith("run `relayctl migrate`")


def test_an_unknown_task_is_refused_with_the_names(relayctl):
    ended = relayctl("nonsense")
    assert ended.returncode == EXIT_WRONG_SETTINGS
    assert all(task in ended.stderr for task in TASKS)
