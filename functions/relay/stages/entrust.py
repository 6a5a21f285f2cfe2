"""Entrust: a job goes on at its provider after its caller was answered, and after this process.

Its reservation then is the job's, until its provider says what it used (`common.job_settlement`).
"""

import asyncio

from common.domain import usage
from common.domain.admission import Draft
from common.domain.ids import ulid_time_ms
from common.domain.jobs import JOB_MS_MAX, Job
from common.domain.refusals import Refused
from common.domain.settlement import NOT_BOUNDED
from common.state.commands import RedisUnavailable
from common.telemetry import logs
from functions.relay.open_request import OpenRequest
from functions.relay.records import draft_now
from functions.relay.reservations import prices_of
from functions.relay.services import Services
from functions.relay.stages.admit import state_unavailable
from functions.relay.stages.settle import RETRY_S_FIRST, RETRY_S_MAX

FIRST_LOOK_MS = 5_000
# How long a caller waits for a Redis that is away; it is tried on without the caller.
WAIT_S_MAX = 10.0


async def charge_worst_case(services: Services, request: OpenRequest) -> None:
    """Before its provider is asked: should this process die, the job may run on unseen.

    Raises `Refused` when that cannot be kept.
    """
    request.job_begun = True
    draft = draft_now(prices_of(services, request), request)
    try:
        lost = await services.admission.renew({request.id: draft})
    except RedisUnavailable as error:
        request.job_begun = False
        raise Refused(state_unavailable()) from error
    if lost:
        request.job_begun = False
        raise Refused(state_unavailable())


async def entrust(services: Services, request: OpenRequest, provider_id: str) -> None:
    """Keep the job with its reservation. Raises `Refused` when that takes too long."""
    if request.parsed is None or request.parsed.job is None:
        raise ValueError("only a job is entrusted")
    draft = draft_now(prices_of(services, request), request)
    job = Job(
        kind=request.parsed.job,
        provider_id=provider_id,
        deadline_ms=ulid_time_ms(request.id) + JOB_MS_MAX,
        draft=usage.decode(draft.record),
        reserved_nano=request.reserved_nano if request.is_bounded else NOT_BOUNDED,
    )
    request.entrusted = True
    keeping = services.run_in_background(_keep_until_done(services, job, draft))
    try:
        async with asyncio.timeout(WAIT_S_MAX):
            await asyncio.shield(keeping)
    except TimeoutError:
        raise Refused(state_unavailable()) from None


async def _keep_until_done(services: Services, job: Job, draft: Draft) -> None:
    services.unsettled.add(job.request_id)
    pause_s = RETRY_S_FIRST
    while True:
        try:
            answer = await services.jobs.entrust(job, draft, FIRST_LOOK_MS)
        except RedisUnavailable as error:
            logs.log("job_delayed", level="warning", request_id=job.request_id, error=str(error))
        else:
            break
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, RETRY_S_MAX)
    services.unsettled.discard(job.request_id)
    if answer != "entrusted":
        logs.log("job_late", level="warning", request_id=job.request_id, answer=answer)
