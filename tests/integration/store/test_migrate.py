"""Migrations against a real Postgres: each once, whole or not at all, and in plain words."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from click.testing import CliRunner

from cli.dev.ports import free_port
from cli.main import relayctl
from common.store import migrate as module
from common.store.migrate import MigrationFailed, migrate, migrations


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = "
            "'public'::regnamespace"
        )
        return {row[0] for row in rows}


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """A directory of its own, in the place of the real migrations."""
    monkeypatch.setattr(module, "migrations", lambda: migrations(tmp_path))
    return tmp_path


def test_it_applies_everything_once(empty_database_url):
    names = [one.name for one in migrations()]
    assert names == sorted(names)
    assert "0001_pre_ledger" in names
    assert migrate(empty_database_url) == names
    assert {"ledger", "api_keys", "quarantine", "schema_migrations"} <= tables(empty_database_url)
    assert migrate(empty_database_url) == []


def test_a_later_migration_is_applied_alone(empty_database_url, directory):
    (directory / "0001_pre_one.sql").write_text("CREATE TABLE one (id int); CREATE TABLE eins ()")
    assert migrate(empty_database_url) == ["0001_pre_one"]
    (directory / "0002_post_two.sql").write_text("CREATE TABLE two (share text DEFAULT '5 %s')")
    assert migrate(empty_database_url) == ["0002_post_two"]
    assert tables(empty_database_url) == {"schema_migrations", "one", "eins", "two"}


def test_a_table_in_use_is_waited_for_while_others_go_on_using_it(
    empty_database_url, directory, monkeypatch
):
    monkeypatch.setattr(module, "LOCK_TIMEOUT_MS", 50)
    monkeypatch.setattr(module, "AGAIN_S", 0.05)
    (directory / "0001_pre_one.sql").write_text("CREATE TABLE one (id int)")
    migrate(empty_database_url)
    (directory / "0002_pre_two.sql").write_text("ALTER TABLE one ADD COLUMN two int")
    with psycopg.connect(empty_database_url) as reader, ThreadPoolExecutor(1) as pool:
        reader.execute("SELECT * FROM one")
        with pytest.raises(MigrationFailed, match="0002_pre_two was undone: a table"):
            migrate(empty_database_url, wait_s=0)
        applying = pool.submit(migrate, empty_database_url)
        for _ in range(5):
            execute(empty_database_url, "INSERT INTO one VALUES (1)")
        assert not applying.done()
        reader.rollback()
        assert applying.result(30) == ["0002_pre_two"]


def test_two_at_once_apply_each_once(empty_database_url):
    together = threading.Barrier(4)

    def run(_: int) -> list[str]:
        together.wait()
        return migrate(empty_database_url)

    with ThreadPoolExecutor(4) as pool:
        applied = sorted(pool.map(run, range(4)))
    assert applied == [[], [], [], [one.name for one in migrations()]]


def test_a_database_of_a_newer_version_is_refused(empty_database_url):
    migrate(empty_database_url)
    execute(empty_database_url, "INSERT INTO schema_migrations VALUES ('9999_pre_later', 'x')")
    with pytest.raises(MigrationFailed, match=r"newer version of Relay \(it has 9999_pre_later\)"):
        migrate(empty_database_url)


def test_a_changed_text_is_refused_before_anything_is_applied(empty_database_url, directory):
    (directory / "0001_pre_one.sql").write_text("CREATE TABLE one ()")
    migrate(empty_database_url)
    (directory / "0001_pre_one.sql").write_text("CREATE TABLE one (id int)")
    (directory / "0002_pre_two.sql").write_text("CREATE TABLE two ()")
    with pytest.raises(MigrationFailed, match="0001_pre_one was applied with another text"):
        migrate(empty_database_url)
    assert tables(empty_database_url) == {"schema_migrations", "one"}


def test_a_failing_migration_leaves_nothing_and_keeps_those_before(empty_database_url, directory):
    (directory / "0001_pre_one.sql").write_text("CREATE TABLE one ()")
    (directory / "0002_pre_two.sql").write_text("CREATE TABLE two (); CREATE TABLE one ()")
    for _ in range(2):
        with pytest.raises(MigrationFailed, match=r"0002_pre_two failed and was undone: .*exists"):
            migrate(empty_database_url)
        assert tables(empty_database_url) == {"schema_migrations", "one"}
    (directory / "0002_pre_two.sql").write_text("CREATE TABLE two ()")
    assert migrate(empty_database_url) == ["0002_pre_two"]


def test_a_file_with_another_name_is_refused(tmp_path):
    (tmp_path / "two.sql").write_text("")
    with pytest.raises(MigrationFailed, match=r"two\.sql is no migration's name"):
        migrations(tmp_path)


def test_a_server_that_is_not_there_is_said_in_a_sentence():
    url = f"postgresql://nobody:secret@127.0.0.1:{free_port()}/relay"
    with pytest.raises(MigrationFailed, match="Postgres cannot be reached: ") as caught:
        migrate(url, wait_s=0)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_it_waits_for_a_server_that_starts(postgres_server, empty_database_url):
    postgres_server.stop()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(migrate, empty_database_url, wait_s=20)
        time.sleep(0.1)
        assert not waiting.done()
        postgres_server.start()
        assert waiting.result() == [one.name for one in migrations()]


@pytest.mark.parametrize("output", ["json", "csv"])
def test_what_the_command_applied_for_programs(empty_database_url, monkeypatch, output):
    monkeypatch.setenv("RELAY_DATABASE_URL", empty_database_url)
    names = [migration.name for migration in migrations()]
    for applied in (names, []):
        result = CliRunner().invoke(relayctl, ["migrate", "--output", output])
        assert result.exit_code == 0, result.output
        if output == "json":
            assert json.loads(result.stdout) == [{"migration": name} for name in applied]
        else:
            assert result.stdout.splitlines() == ["migration", *applied]


def valid_indexes(url: str) -> dict[str, bool]:
    with psycopg.connect(url) as connection:
        return dict(
            connection.execute(
                "SELECT indexrelid::regclass::text, indisvalid FROM pg_index "
                "JOIN pg_class ON pg_class.oid = indrelid "
                "WHERE relnamespace = 'public'::regnamespace AND NOT indisprimary"
            ).fetchall()
        )


def test_indexes_of_partitions_are_made_while_others_write(empty_database_url, directory):
    (directory / "0001_pre_one.sql").write_text(
        "CREATE TABLE many (id int) PARTITION BY RANGE (id);"
        "CREATE TABLE many_a PARTITION OF many FOR VALUES FROM (0) TO (10);"
        "CREATE TABLE many_b PARTITION OF many FOR VALUES FROM (10) TO (20)"
    )
    migrate(empty_database_url)
    (directory / "0002_pre_two.sql").write_text("CREATE INDEX many_by_id ON ONLY many (id)")
    with psycopg.connect(empty_database_url) as writer, ThreadPoolExecutor(1) as pool:
        writer.execute("INSERT INTO many_a VALUES (1)")
        applying = pool.submit(migrate, empty_database_url)
        end = time.monotonic() + 30
        while "many_a_by_id" not in valid_indexes(empty_database_url):
            assert time.monotonic() < end
            assert not applying.done()
        # It waits for the writer, and nobody waits for it.
        execute(empty_database_url, "SET lock_timeout = '20s'; INSERT INTO many VALUES (2), (12)")
        assert not applying.done()
        writer.commit()
        assert applying.result(30) == ["0002_pre_two"]
    expected = dict.fromkeys(("many_by_id", "many_a_by_id", "many_b_by_id"), True)
    assert valid_indexes(empty_database_url) == expected
    # One that was interrupted between two partitions is finished by the next run.
    execute(empty_database_url, "CREATE INDEX many_by_more ON ONLY many (id)")
    assert migrate(empty_database_url) == []
    assert set(valid_indexes(empty_database_url).values()) == {True}
    assert len(valid_indexes(empty_database_url)) == 6


def test_what_was_begun_online_is_done_again(empty_database_url, directory):
    (directory / "0001_pre_one.sql").write_text("CREATE TABLE one AS VALUES (1), (1)")
    (directory / "0002_pre_two.sql").write_text(
        "-- online\nDROP INDEX CONCURRENTLY IF EXISTS by_one;\n"
        "CREATE UNIQUE INDEX CONCURRENTLY by_one ON one (column1);\n"
    )
    with pytest.raises(MigrationFailed, match=r"(?s)0002_pre_two failed: .*; run it again"):
        migrate(empty_database_url)
    assert valid_indexes(empty_database_url) == {"by_one": False}
    execute(empty_database_url, "TRUNCATE one")
    assert migrate(empty_database_url) == ["0002_pre_two"]
    assert valid_indexes(empty_database_url) == {"by_one": True}
    assert migrate(empty_database_url) == []
