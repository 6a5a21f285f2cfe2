"""`relayctl cleanup`: a task of the function `cleanup`, by hand."""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import click

from cli.admin.address import STORES, running, without_stores
from cli.admin.output import OUTPUTS, Shape, print_items

if TYPE_CHECKING:
    from common.event_function import Worker
    from common.settings import WorkerSettings
    from functions.cleanup.run import Outcome
    from functions.cleanup.turn import Turn

TASKS = (
    "account_health",
    "jobs",
    "key_expiry",
    "leases",
    "notifications",
    "outbox",
    "partitions",
    "projection",
    "reconcile",
    "retention",
)
_COUNTS = Shape("counts", (), ("task", "dry_run", "what", "count"))
EXIT_FAILED = 1
EXIT_WRONG_SETTINGS = 2
EXIT_BUSY = 3
PROGRESS_EVERY_S = 2.0


class _Failed(Exception):
    """The task could not be done; the text says what to do about it."""


class _LastWords(logging.Handler):
    """Why the pool cannot connect, which it says nowhere but in its log."""

    reason = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the first line of what says why."""
        if "failed: " in (line := record.getMessage().partition("\n")[0]):
            self.reason = f" ({line.rpartition('failed: ')[2]})"


@click.command()
@click.argument("task", type=click.Choice(TASKS))
@click.option("--dry-run", is_flag=True, help="Change nothing; count what is due.")
@click.option("--output", type=click.Choice(OUTPUTS), default="table", show_default=True)
def cleanup(task: str, dry_run: bool, output: str) -> None:
    """Run a task of cleanup now, against the stores of the environment.

    \b
    RELAY_DATABASE_URL, RELAY_REDIS_URL   the stores (those of a `relayctl dev` that runs on
                                          RELAY_STATE_DIR)
    RELAY_INSTALLATION                    whose keys in Redis, if it has a name
    RELAY_INTERNAL_SECRET, RELAY_ENCRYPTION_KEYS, OPENAI_API_KEY, ANTHROPIC_API_KEY,
    RELAY_PRICE_BOOK_DIRECTORY            for jobs and account_health: the accounts and
                                          prices, as relay has them
    RELAY_LEDGER_RETENTION_DAYS           what retention keeps; 0 is for ever (0)
    RELAY_ROLLUP_RETENTION_DAYS           (0)
    RELAY_AUDIT_RETENTION_DAYS            (365)
    RELAY_QUARANTINE_RETENTION_DAYS       (90)

    Progress goes to standard error. Ends with 0 when the task is done, 1 when a store is away, 2
    when a setting is wrong, 3 when another run of the task goes on.
    """  # noqa: D301 - \b is click's mark for text it must not rewrap
    from common.identifiers import now_ms
    from common.settings import SettingsError, cleanup_settings
    from common.state.address import InvalidRedisURL
    from common.telemetry import logs
    from functions.cleanup.turn import Turn

    # Standard output has the outcome; what the function logs there is no part of it.
    logs.configure("error", "relayctl")
    started = time.monotonic()
    turn = Turn(now_ms(), dry_run=dry_run)
    environment = store_environment()
    try:
        settings = cleanup_settings(environment, takes_events=False)
        outcome = asyncio.run(_run(settings, task, turn))
    except SettingsError as error:
        _end(f"{error}{without_stores(environment)}", EXIT_WRONG_SETTINGS)
    except InvalidRedisURL as error:
        _end(f"RELAY_REDIS_URL is wrong: {error}", EXIT_WRONG_SETTINGS)
    except _Failed as error:
        _end(f"{task} is not done: {error}", EXIT_FAILED)
    if outcome == "busy":
        _end(
            f"another run of {task} goes on: try again when it is through, in 5 minutes at most",
            EXIT_BUSY,
        )
    duration_ms = int((time.monotonic() - started) * 1000)
    if output == "json":
        said = {"task": task, "dry_run": dry_run, "duration_ms": duration_ms, "done": turn.done}
        click.echo(json.dumps(said, indent=2))
    elif output == "csv":
        given = {"task": task, "dry_run": dry_run}
        counts = [{**given, "what": name, "count": count} for name, count in turn.done.items()]
        print_items(output, _COUNTS, counts)
    else:
        _print_table(task, turn, duration_ms)
    if turn.stopped:
        _end(
            f"{task} stopped in its middle: its lease in Redis was lost. Run it again for the rest",
            EXIT_FAILED,
        )
    if turn.over:
        click.echo(f"relayctl: {task} used up its time: run it again for the rest", err=True)


def store_environment() -> dict[str, str]:
    """The environment; stores that it does not name are those of the `relayctl dev` that runs."""
    from common.settings import inherited

    environment = inherited()
    for name, store in STORES.items():
        if not environment.get(name) and (url := running(store).get("url")):
            environment[name] = str(url)
    return environment


async def _run(settings: "WorkerSettings", task: str, turn: "Turn") -> "Outcome":
    """What became of it. Raises `_Failed`."""
    from common.event_function import Worker

    worker = Worker(settings)
    told = asyncio.create_task(_tell(task, turn))
    try:
        return await _performed(worker, task, turn)
    finally:
        told.cancel()
        await worker.stop()


async def _performed(worker: "Worker", task: str, turn: "Turn") -> "Outcome":
    from common.state.commands import RedisReplyError, RedisUnavailable
    from common.store.database import DatabaseUnavailable
    from functions.cleanup.run import perform

    heard = _LastWords()
    pool = logging.getLogger("psycopg.pool")
    pool.addHandler(heard)
    pool.propagate = False
    try:
        return await perform(worker, task, turn)
    except DatabaseUnavailable as error:
        if "relayctl migrate" in str(error):
            raise _Failed(str(error)) from error
        raise _Failed(
            f"{error}{heard.reason}. See that it runs and that RELAY_DATABASE_URL names it with "
            "its user and password; then run this again."
        ) from error
    except RedisUnavailable as error:
        raise _Failed(
            f"Redis gives no answer ({_bare(error)}). See that it runs and that RELAY_REDIS_URL "
            "names it; then run this again."
        ) from error
    except RedisReplyError as error:
        raise _Failed(
            f"Redis refuses ({_bare(error)}). See that RELAY_REDIS_URL has the right user and "
            "password; then run this again."
        ) from error


async def _tell(task: str, turn: "Turn") -> None:
    """Say every two seconds how far the task is."""
    click.echo(f"{task}: counting what is due" if turn.dry_run else f"{task}: running", err=True)
    while True:
        await asyncio.sleep(PROGRESS_EVERY_S)
        click.echo(f"{task}: {_words(turn.done) or 'nothing yet'}", err=True)


def _words(done: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in done.items())


def _print_table(task: str, turn: "Turn", duration_ms: int) -> None:
    outcome = "due" if turn.dry_run else "done"
    rows: list[tuple[str, Any]] = [(task.upper(), outcome.upper()), *turn.done.items()]
    width = max(len(name) for name, _ in rows)
    figures = max(len(str(count)) for _, count in rows)
    for name, count in rows:
        click.echo(f"{name.ljust(width)}  {str(count).rjust(figures)}")
    click.echo(f"{task}: {outcome} in {duration_ms / 1000:.1f} s", err=True)


def _bare(error: Exception) -> str:
    return str(error).rstrip(".")


def _end(sentence: str, code: int) -> NoReturn:
    click.echo(f"relayctl: {sentence}", err=True)
    sys.exit(code)
