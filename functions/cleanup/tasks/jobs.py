"""Responses in the background and batches: settled as soon as their providers say what they used.

Jobs are looked at the longest overdue first, a few at once; one that goes on is looked at again
after a tenth of its age. One that cannot be asked for keeps what it reserved until its deadline,
and is then charged as its draft says; for a day more an answer is posted as an adjustment.
"""

import asyncio

from common.accounts import UsableAccount
from common.domain.jobs import Job
from common.domain.price_history import DatedBook, PriceHistory
from common.domain.prices import InvalidPriceBook
from common.event_function import Worker
from common.job_settlement import JobSettlement, Outcome
from common.price_book import imported_books, overridden_price_book
from common.providers.http import UpstreamClient
from common.state.admission import Admission
from common.state.commands import RedisUnavailable
from common.state.jobs import Jobs
from common.state.projection import read_prices
from common.telemetry import catalogue, logs
from functions.cleanup.known_accounts import known_accounts
from functions.cleanup.turn import Turn

AT_ONCE = 8
# A look at a job puts off the next one: so each is asked for once a turn.
LOOKS_MAX = 5_000


async def run(worker: Worker, turn: Turn) -> dict[str, int]:
    """Look at all jobs that are due. Raises `RedisUnavailable`."""
    done = turn.counts("settled", "open", "unreachable")
    jobs = Jobs(worker.redis, worker.prefix)
    upstream = UpstreamClient()
    settlement = JobSettlement(
        Admission(worker.redis, worker.prefix),
        jobs,
        upstream,
        (await _prices(worker)).at,
    )
    try:
        looks = 0
        while not turn.over and looks < LOOKS_MAX:
            # A dry run leaves where they stand those that it has seen.
            found = await jobs.due(turn.now_ms, AT_ONCE, after=looks if turn.dry_run else 0)
            if not found:
                break
            looks += len(found)
            # Read again each time: an account may be changed meanwhile. One that is switched off
            # counts, too: what was begun is settled.
            accounts = await known_accounts(worker)
            looked = [_look_at(settlement, jobs, job, accounts, turn) for job in found]
            await asyncio.gather(*looked)
    finally:
        await upstream.close()
    if not turn.dry_run:
        catalogue.JOBS_OPEN.set(await jobs.count())
    return done


async def _prices(worker: Worker) -> PriceHistory:
    """As `relay` has them."""
    own = DatedBook(0, overridden_price_book(worker.settings.price_book_directory))
    version, books = await read_prices(worker.redis, worker.prefix)
    try:
        return PriceHistory([own], imported_books(books))
    except InvalidPriceBook as error:
        logs.log("price_book_refused", level="error", version=version, error=str(error))
        return PriceHistory([own], [])


async def _look_at(
    settlement: JobSettlement,
    jobs: Jobs,
    job: Job,
    accounts: dict[str, UsableAccount],
    turn: Turn,
) -> None:
    account = accounts.get(job.draft.account_id)
    outcome: Outcome = "unreachable"
    posted = None
    if account is not None:
        try:
            outcome, posted = await settlement.collect(job, account, dry_run=turn.dry_run)
        except RedisUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - one job must not hold up all that come after it
            logs.log("job_failed", level="error", request_id=job.request_id, error=repr(error))
    if turn.dry_run or outcome != "settled" or posted is not None:
        turn.done[outcome] += 1
    if not turn.dry_run:
        catalogue.JOBS_LOOKS.increment(type=job.kind, result=outcome)
        if outcome != "settled":
            await jobs.postpone(job, turn.now_ms)
