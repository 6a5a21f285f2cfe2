"""`relayctl reconcile` on real stores, and against the reports of a provider that is there."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from click.testing import CliRunner

from cli import reconcile_command
from cli.main import relayctl
from common import reconciliation
from common.domain.policies import Budget, Limits, Policy
from common.domain.usage import Tokens
from common.identifiers import new_ulid, now_ms
from common.state.projection import put_prices, read_prices
from common.store import ledger, partitions, price_books
from common.store.database import Database
from tests.support.books import PREFIX, Books
from tests.support.echo import EchoProcess
from tests.support.usage_records import make_record

BUDGET = Policy(Limits(requests_per_day=1000), (Budget("total", "100"),))


@pytest.fixture
def run(postgres_url, redis_url, monkeypatch):
    monkeypatch.setattr(reconciliation, "SECOND_LOOK_S", 0.01)
    monkeypatch.setenv("RELAY_DATABASE_URL", postgres_url)
    monkeypatch.setenv("RELAY_REDIS_URL", redis_url)

    async def prepare():
        database = Database(postgres_url)
        async with database.transaction() as connection:
            await partitions.ensure(connection, now_ms())
        await database.close()

    asyncio.run(prepare())

    def invoke(*arguments, stdin=None, code=0):
        result = CliRunner().invoke(relayctl, ["reconcile", *arguments], input=stdin)
        assert result.exit_code == code, result.output
        return result

    return invoke


@pytest.fixture
def with_books(postgres_url, redis_url):
    """Run a coroutine function with both stores, in a loop of its own."""

    def do(work):
        async def wrapped():
            database = Database(postgres_url)
            books = Books(database, redis_url)
            try:
                return await work(books)
            finally:
                await books.close()
                await database.close()

        return asyncio.run(wrapped())

    return do


async def two_keys(books):
    keys = [await books.key(BUDGET) for _ in range(2)]
    for key in keys:
        await books.use(key)
    await books.post()
    return keys


def test_all_agree_and_then_one_is_shown_and_repaired(run, with_books):
    keys = with_books(two_keys)
    assert "all counters agree" in run().stderr
    with_books(lambda books: books.add(f"money:{keys[0].scope}:total", "s", -5_000))
    due = json.loads(run("--dry-run", "--output", "json", code=4).stdout)
    assert due["drifts"] == [
        {
            "scope": keys[0].scope,
            "period": "total",
            "figure": "spent",
            "counted": due["drifts"][0]["counted"],
            "expected": due["drifts"][0]["expected"],
            "difference": "-0.000005000000",
            "outcome": "raised",
        }
    ]
    assert "all counters agree" in run("--level", "team").stderr
    done = run("--scope", f"key:{ulid_of(keys[0])}", "--output", "csv")
    assert done.stdout.splitlines()[1].endswith("raised")
    assert "all counters agree" in run("--dry-run").stderr


def test_what_redis_has_more_is_left_until_it_is_asked_for(run, with_books):
    keys = with_books(two_keys)
    with_books(lambda books: books.add(f"money:{keys[1].scope}:total", "s", 10**9))
    shown = run(code=4)
    assert "1.000000000000" in shown.stdout
    assert "quarantine" in shown.stderr
    assert "lowered" in run("--lower").stdout
    assert "all counters agree" in run().stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scope", "key:nobody"], "no ULID"),
        (["--scope", "planet:x"], "organisation, team:ID, user:ID, key:ID or account:ID"),
        (["--scope", "user:nobody"], "no such scope"),
        (["--scope", "organisation", "--level", "key"], "leave one of them out"),
        (["--after-restore", "--dry-run"], "leave the other options out"),
        (["providers", "openai"], "no admin key"),
        (["providers", "openai", "--day", "2026-01-01", "--to", "2026-01-02"], "not both"),
    ],
)
def test_what_cannot_be_done_is_said(run, arguments, words):
    assert words in run(*arguments, code=2).stderr


def test_after_a_restore_everything_is_made_anew_before_anything_is_admitted(run, with_books):
    """Postgres is older than Redis: a key is gone, another is active again, versions go back."""

    async def before(books):
        keep, gone = await books.key(BUDGET), await books.key(BUDGET)
        for key in (keep, gone):
            await books.use(key)
        await books.post()
        await books.use(keep)  # waits for the ledger
        await books.admit(keep, books.record(keep))
        for name in (f"money:{keep.scope}:total",):
            await books.add(name, "s", -1_000)
        old = await versions(books)
        async with books.database.transaction() as connection:
            await connection.execute(
                "DELETE FROM api_keys WHERE id = %s", [gone.scope.removeprefix("key:")]
            )
            await connection.execute("SELECT setval('projection_versions', 1)")
            await connection.execute("UPDATE api_keys SET version = 1")
            begins = datetime.now(UTC)
            for name in ("first", "second"):
                await price_books.add(connection, new_ulid(), name, {}, begins, "x")
        # What was imported after the backup: of a version that Postgres gives out again.
        await put_prices(books.commands, PREFIX, 10**6, b'["lost"]')
        return keep, old

    async def after(books):
        (row,) = await versions(books)
        return (
            row,
            await books.commands.call("GET", f"{PREFIX}:epoch"),
            await books.commands.call("XLEN", f"{PREFIX}:outbox"),
            await read_prices(books.commands, PREFIX),
            await books.commands.call("HGET", f"{PREFIX}:versions", "prices"),
            [one.name for one in await books_imported(books)],
        )

    async def books_imported(books):
        async with books.database.transaction() as connection:
            return await price_books.imported(connection)

    keep, old = with_books(before)
    done = run("--after-restore")
    (_, version), epoch, waiting, prices, prices_version, names = with_books(after)
    assert version > max(known for _, known in old)
    assert epoch not in (None, b"01EPOCH")
    assert waiting == 0
    assert b"lost" not in prices[1]
    assert int(prices_version) == prices[0] > 10**6
    assert names == ["second", "first"]
    assert done.stdout.count("raised") == 1
    steps = [line for line in done.stderr.splitlines() if line]
    assert steps[0] == "nothing is admitted from now on"
    assert steps[-1] == "requests are admitted again"
    assert "all counters agree" in run().stderr
    open_ones = with_books(lambda books: books.counted(f"money:{keep.scope}:total"))
    assert open_ones["r"] > 0


async def versions(books):
    found = []
    for name in await books.commands.call("KEYS", f"{PREFIX}:key:*"):
        found.append((name, int(await books.commands.call("HGET", name, "v"))))
    return found


def ulid_of(applied):
    from uuid import UUID

    from common.domain.ids import uuid_to_ulid

    return uuid_to_ulid(UUID(applied.scope.removeprefix("key:")))


@pytest.fixture
def echo(tmp_path):
    with EchoProcess(tmp_path) as process:
        yield process


def ask_both(echo):
    for words in (3, 5):
        asked = {"messages": [{"role": "user", "content": f"[[echo words={words} cached=1]] a b"}]}
        asked["max_tokens"] = 100
        headers = {"authorization": "Bearer x"}
        for path, model in (
            ("/v1/chat/completions", "gpt-4o-mini"),
            ("/v1/messages", "claude-sonnet-4-5"),
        ):
            answer = httpx.post(echo.url + path, json={"model": model, **asked}, headers=headers)
            assert answer.status_code == 200, answer.text


SERVED = {"openai": "gpt-4o-mini-2024-07-18", "anthropic": "claude-sonnet-4-5-20250929"}


def records_of(echo):
    """The ledger's rows of what the provider has counted."""
    return [
        make_record(
            provider=one["dialect"],
            endpoint="chat.completions" if one["dialect"] == "openai" else "messages",
            model_served=SERVED[one["dialect"]],
            tokens=Tokens(
                input=one["input_tokens"],
                output=one["output_tokens"],
                cache_read=one["cache_read"],
            ),
            cost_usd="0.000010000000",
        )
        for one in echo.requests()
    ]


@pytest.mark.parametrize(
    ("provider", "key"), [("openai", "sk-admin-x"), ("anthropic", "sk-ant-admin01-x")]
)
def test_the_ledger_is_compared_with_the_providers_own_report(run, with_books, echo, provider, key):
    ask_both(echo)

    async def post(books, records):
        async with books.database.transaction() as connection:
            await ledger.insert(connection, records)

    records = records_of(echo)
    first, *others = [one for one in records if one.provider == provider]
    with_books(lambda books: post(books, [one for one in records if one is not first]))
    today = datetime.now(UTC).date()
    since = (today - timedelta(days=40)).isoformat()
    asked = ["providers", provider, "--from", since, "--to", today.isoformat()]
    asked += ["--address", echo.url, "--output", "json", "--admin-key-file", "-"]
    (row,) = json.loads(run(*asked, stdin=key, code=4).stdout)
    assert (row["day"], row["model"]) == (today.isoformat(), SERVED[provider])
    tokens = first.tokens
    assert row["difference"]["input"] == -tokens.input
    assert row["difference"]["cache_read"] == -tokens.cache_read
    assert row["difference"]["output"] == -tokens.output
    assert row["difference"]["requests"] == (-1 if provider == "openai" else None)
    assert row["ledger"]["usd"] == "0.000010000000"
    whole = sum(one.tokens.total for one in (first, *others))
    assert row["report"]["usd"] == f"0.{whole:06d}000000"
    with_books(lambda books: post(books, [first]))
    (row,) = json.loads(run(*asked, stdin=key).stdout)
    assert {row["difference"][name] for name in ("input", "cache_read", "output")} == {0}


def test_the_key_of_a_project_is_no_admin_key(run, echo, monkeypatch):
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-proj-secret")
    refused = run("providers", "openai", "--address", echo.url, code=1)
    assert "needs an admin key" in refused.stderr
    assert "secret" not in refused.output
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-x")
    gone = run("providers", "openai", "--address", "http://127.0.0.1:1", code=1)
    assert "no report of openai" in gone.stderr


def test_the_exit_codes_are_told_apart():
    codes = {
        reconcile_command.EXIT_FAILED,
        reconcile_command.EXIT_WRONG_SETTINGS,
        reconcile_command.EXIT_BUSY,
        reconcile_command.EXIT_DRIFT,
    }
    assert len(codes) == 4
