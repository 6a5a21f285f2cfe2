"""Settling jobs from what their providers say: by the task of `cleanup`, or at a caller's read.

Whoever comes first settles. Until the provider's whole result is read nothing is posted, and then
one call puts one record in the place of what the job reserved: so a process that dies in the
middle, two at once, or one twice leave the same totals.
"""

from collections.abc import Callable
from typing import Literal

from common.accounts import UsableAccount
from common.dialects.job_readers import JOBS
from common.dialects.jobs import JobReader, JobState, UnreadableResults
from common.domain.ids import ulid_time_ms
from common.domain.jobs import Job, JobResult, job_price, job_record
from common.domain.prices import PriceBook
from common.identifiers import now_ms
from common.providers import PROVIDERS
from common.providers.base import Ask
from common.providers.headers import ANTHROPIC_VERSION
from common.providers.http import Exchange, UpstreamClient, UpstreamFailed
from common.settling import Posted, settle_record
from common.state.admission import Admission
from common.state.jobs import Jobs
from common.telemetry import logs

STATE_TIMEOUT_MS = 30_000
# A file of a hundred thousand results, slowly.
RESULTS_TIMEOUT_MS = 180_000

Outcome = Literal["settled", "open", "unreachable"]


class JobSettlement:
    """Asks providers about jobs and settles them. All raise `RedisUnavailable`."""

    def __init__(
        self,
        admission: Admission,
        jobs: Jobs,
        upstream: UpstreamClient,
        prices_at: Callable[[int], PriceBook],
    ) -> None:
        """`prices_at` gives the prices of a moment in ms since 1970."""
        self._admission = admission
        self._jobs = jobs
        self._upstream = upstream
        self._prices_at = prices_at

    async def collect(
        self, job: Job, account: UsableAccount, *, dry_run: bool = False
    ) -> tuple[Outcome, Posted | None]:
        """Ask the account what became of a job, and settle it if it has ended.

        With `dry_run` it is only asked. What another one settled meanwhile has no `Posted`.
        """
        reader = JOBS[job.kind]
        try:
            state = await self._state(job, account, reader)
            if not state.ended:
                return "open", None
            result = state.result or await self._results(job, account, reader, state)
        except (UpstreamFailed, UnreadableResults) as error:
            logs.log(
                "job_unreachable",
                level="warning",
                request_id=job.request_id,
                account_id=account.id,
                error=str(error),
            )
            return "unreachable", None
        if dry_run:
            return "settled", None
        return "settled", await self.settle(job, result)

    async def collect_shown(self, job: Job, body: bytes) -> tuple[JobState | None, Posted | None]:
        """Settle a job that a provider's answer shows to have ended, where that says all."""
        state = JOBS[job.kind].read_state(body)
        if state is None or state.result is None:
            return state, None
        return state, await self.settle(job, state.result)

    async def settle(self, job: Job, result: JobResult) -> Posted | None:
        """Post what a job used, once; None when that was done before."""
        record = job_record(job, result, self._prices(job), now_ms())
        posted = await settle_record(
            self._admission, record, reserved_nano=job.reserved_nano, append_unleased=False
        )
        await self._jobs.forget(job.request_id)
        return posted if posted is not None and posted.first else None

    async def _results(
        self, job: Job, account: UsableAccount, reader: JobReader, state: JobState
    ) -> JobResult:
        results = reader.results(job_price(job, self._prices(job)))
        exchange = self._exchange(
            job, account, state.results_path or reader.results_path, RESULTS_TIMEOUT_MS
        )
        try:
            await self._open(exchange)
            while (chunk := await exchange.read_chunk()) is not None:
                results.feed(chunk)
        finally:
            await exchange.close()
        return results.end()

    def _prices(self, job: Job) -> PriceBook:
        """Those that held when it was admitted: its bound was made with them."""
        return self._prices_at(ulid_time_ms(job.request_id))

    async def _state(self, job: Job, account: UsableAccount, reader: JobReader) -> JobState:
        exchange = self._exchange(job, account, reader.path, STATE_TIMEOUT_MS)
        try:
            await self._open(exchange)
            state = reader.read_state(await exchange.read_all())
        finally:
            await exchange.close()
        if state is None:
            raise UnreadableResults("the provider answered with something else than the job")
        return state

    async def _open(self, exchange: Exchange) -> None:
        await exchange.open()
        if exchange.status != 200:
            raise UnreadableResults(f"{exchange.provider} answered with status {exchange.status}")

    def _exchange(self, job: Job, account: UsableAccount, path: str, timeout_ms: int) -> Exchange:
        provider = PROVIDERS[account.provider]
        headers = [("accept-encoding", "identity"), ("x-client-request-id", job.request_id)]
        if account.provider == "anthropic":
            headers.append(("anthropic-version", ANTHROPIC_VERSION))
        path = path.replace("{id}", job.provider_id)
        call = provider.call(account, Ask("", "", headers=headers, path=path, method="GET"))
        return self._upstream.call(call, account.provider, timeout_ms=timeout_ms)
