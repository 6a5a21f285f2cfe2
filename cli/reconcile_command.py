"""`relayctl reconcile`: counters against the ledger, and the ledger against providers' reports."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NoReturn

import click

from cli.admin.address import without_stores
from cli.admin.output import OUTPUTS, Column, Shape, print_items
from cli.cleanup_command import store_environment

if TYPE_CHECKING:
    from common.domain.policies import Level
    from common.domain.reconciliation import Drift
    from common.event_function import Worker
    from common.reconciliation import Outcome

LEVELS = ("organisation", "team", "user", "key", "account")
EXIT_FAILED = 1
EXIT_WRONG_SETTINGS = 2
EXIT_BUSY = 3
EXIT_DRIFT = 4
_SCOPES = "organisation, team:ID, user:ID, key:ID or account:ID"
_FIELDS = ("scope", "period", "figure", "counted", "expected", "difference", "outcome")
_DRIFTS = Shape("drifts", tuple(Column(name.upper(), name) for name in _FIELDS), _FIELDS)


@click.group(invoke_without_command=True)
@click.option("--dry-run", is_flag=True, help="Change nothing; show what differs.")
@click.option("--level", type=click.Choice(LEVELS), help="Only this level.")
@click.option("--scope", metavar="LEVEL:ID", help="Only this one, e.g. team:01K… or user:alice.")
@click.option("--lower", is_flag=True, help="Also lower counters that have more than the ledger.")
@click.option(
    "--after-restore",
    is_flag=True,
    help="A store was restored: admit nothing until keys and counters are made anew.",
)
@click.option("--output", type=click.Choice(OUTPUTS), default="table", show_default=True)
@click.pass_context
def reconcile(
    ctx: click.Context,
    dry_run: bool,
    level: "Level | None",
    scope: str | None,
    lower: bool,
    after_restore: bool,
    output: str,
) -> None:
    """Compare the counters of budgets in Redis with the ledger, and repair them.

    Safe while traffic runs. What Redis has less than the ledger is raised. What it has more is only
    shown: it may be usage that the ledger lost or keeps in quarantine; `--lower` takes it away.

    \b
    RELAY_DATABASE_URL, RELAY_REDIS_URL   the stores (those of a `relayctl dev` that runs on
                                          RELAY_STATE_DIR)
    RELAY_INSTALLATION                    whose keys in Redis, if it has a name

    Ends with 0 when all agree (now), 1 when a store is away, 2 when a setting is wrong, 3 when
    another reconciliation goes on, 4 when counters differ and were left so.
    """  # noqa: D301 - \b is click's mark for text it must not rewrap
    if ctx.invoked_subcommand is not None:
        return
    if after_restore and (dry_run or level or scope):
        raise click.UsageError("--after-restore is for everything: leave the other options out")
    if level and scope:
        raise click.UsageError("--level and --scope: leave one of them out")

    async def work(worker: "Worker") -> "list[tuple[str, Drift]]":
        if after_restore:
            return await _restore(worker, lower)
        chosen = _parse_scope(scope) if scope else (level, None)
        return await _compare(worker, *chosen, dry_run=dry_run, lower=lower)

    found = with_worker(work)
    _print(found, output, dry_run)
    sys.exit(EXIT_DRIFT if any(outcome == "left" or dry_run for outcome, _ in found) else 0)


def with_worker(work: "Callable[[Worker], Awaitable[Any]]") -> Any:
    """Do it with the stores of the environment; whatever stops it ends the process in words."""
    from common.reconciliation import CutBusy
    from common.settings import SettingsError, worker_settings
    from common.state.address import InvalidRedisURL
    from common.state.commands import RedisReplyError, RedisUnavailable
    from common.state.cut import CutLost, OutboxTooDeep
    from common.store.database import DatabaseUnavailable
    from common.telemetry import logs

    # Standard output has the outcome; what functions log there is no part of it.
    logs.configure("error", "relayctl")
    environment = store_environment()
    try:
        return asyncio.run(_with_worker(worker_settings(environment, takes_events=False), work))
    except SettingsError as error:
        end(f"{error}{without_stores(environment)}", EXIT_WRONG_SETTINGS)
    except InvalidRedisURL as error:
        end(f"RELAY_REDIS_URL is wrong: {error}", EXIT_WRONG_SETTINGS)
    except CutBusy:
        end("another reconciliation goes on: try again in a minute", EXIT_BUSY)
    except CutLost:
        end("disturbed by changes of budgets, or a flushed Redis: run it again", EXIT_BUSY)
    except OutboxTooDeep:
        end(
            "too many records wait for the ledger: run `relayctl cleanup outbox`, then this again",
            EXIT_FAILED,
        )
    except (DatabaseUnavailable, RedisUnavailable, RedisReplyError) as error:
        end(f"{error}. See that it runs, then run this again; nothing is half done", EXIT_FAILED)


async def _with_worker(settings: Any, work: "Callable[[Worker], Awaitable[Any]]") -> Any:
    from common.event_function import Worker

    worker = Worker(settings)
    try:
        return await work(worker)
    finally:
        await worker.stop()


async def _compare(
    worker: "Worker", level: "Level | None", subject: str | None, *, dry_run: bool, lower: bool
) -> "list[tuple[str, Drift]]":
    from common.reconciliation import pages
    from common.reconciliation import reconcile as compare
    from common.store import reconciliation

    found: list[tuple[str, Drift]] = []
    looked = 0
    for one in (level,) if level else reconciliation.LEVELS:
        async for page in pages(worker.database, one, subject):
            outcome = await compare(
                worker.database, worker.redis, worker.prefix, page, dry_run=dry_run, lower=lower
            )
            found += _named(outcome)
            looked += len(page)
            click.echo(f"{looked} scopes looked at, {len(found)} figures differ", err=True)
    if subject is not None and not looked:
        end("nothing to look at: there is no such scope, or it has no budget and no daily limit", 2)
    return found


async def _restore(worker: "Worker", lower: bool) -> "list[tuple[str, Drift]]":
    from common.restoring import after_restore

    outcome = await after_restore(
        worker.database, worker.redis, worker.prefix, lower=lower, tell=_progress
    )
    return _named(outcome)


def _named(outcome: "Outcome") -> "list[tuple[str, Drift]]":
    """Each figure with what becomes of it."""
    return [
        *(("raised", drift) for drift in outcome.raised),
        *(("lowered", drift) for drift in outcome.lowered),
        *(("left", drift) for drift in outcome.left),
    ]


def _progress(sentence: str) -> None:
    click.echo(sentence, err=True)


def _parse_scope(scope: str) -> "tuple[Level, str]":
    from common.domain.ids import InvalidId, ulid_to_uuid

    level, _, subject = scope.partition(":")
    if level == "organisation" and not subject:
        return "organisation", "organisation"
    if level in ("team", "key", "account"):
        try:
            return level, str(ulid_to_uuid(subject))  # type: ignore[return-value] # one of these
        except InvalidId as error:
            raise click.UsageError(f"--scope {scope}: {error}") from None
    if level != "user" or not subject:
        raise click.UsageError(f"--scope {scope}: write {_SCOPES}")
    return "user", subject


def _print(found: "list[tuple[str, Drift]]", output: str, dry_run: bool) -> None:
    rows = [_row(outcome, drift) for outcome, drift in found]
    if output == "json":
        click.echo(json.dumps({"dry_run": dry_run, "drifts": rows}, indent=2))
    elif rows or output == "csv":
        print_items(output, _DRIFTS, rows)
    else:
        click.echo("all counters agree with the ledger", err=True)
    if any(outcome == "left" for outcome, _ in found):
        click.echo(
            "relayctl: Redis has more than the ledger where it says `left`: see `relayctl "
            "quarantine list` and docs/operations.md; --lower takes it away",
            err=True,
        )


def _row(outcome: str, drift: "Drift") -> dict[str, str]:
    return {
        "scope": drift.counter.scope,
        "period": drift.counter.span.id,
        "figure": drift.figure,
        "counted": drift.written(drift.counted),
        "expected": drift.written(drift.expected),
        "difference": drift.written(drift.difference),
        "outcome": outcome,
    }


def end(sentence: str, code: int) -> NoReturn:
    """Say why on standard error and end the process."""
    click.echo(f"relayctl: {sentence}", err=True)
    sys.exit(code)
