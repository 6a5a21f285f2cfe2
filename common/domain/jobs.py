"""Jobs: requests that go on at their provider after the caller was answered. Pure.

A response in the background, or a batch of messages. Its whole worst case stays reserved until
its provider says what it used, or until its deadline, at which it is charged as its draft says.
"""

from typing import Literal

import msgspec

from common.domain.ids import ulid_time_ms
from common.domain.money import usd_text
from common.domain.prices import PriceBook
from common.domain.usage import Status, Tokens, UsageRecord, UsageSource

JobKind = Literal["response", "message_batch"]
UNPRICED = "unpriced"
# Providers give a batch 24 hours, and no response takes as long; an hour to be asked is added.
JOB_MS_MAX = 25 * 3600 * 1000
# A job whose reservation is over is asked for on, as long as a late settle finds what was charged.
LATE_MS_MAX = 23 * 3600 * 1000
# The next look comes after a tenth of the job's age.
LOOK_MS_MIN, LOOK_MS_MAX = 1_000, 30 * 60_000
_AGE_PARTS = 10
# Half the price (docs.anthropic.com/en/docs/build-with-claude/batch-processing, "Pricing").
_BATCH_DIVISOR = 2


class Job(msgspec.Struct, frozen=True, omit_defaults=True):
    """One open job. `draft` is the record of its request, as its reservation's end would post it.

    `provider_id` is what the provider knows it by; `deadline_ms` (since 1970) ends its reservation.
    `reserved_nano` is what it may cost at most where a hard budget applies, else -1.
    """

    kind: JobKind
    provider_id: str
    deadline_ms: int
    draft: UsageRecord
    reserved_nano: int = -1

    @property
    def request_id(self) -> str:
        """The id of the request that began it, and of its record."""
        return self.draft.id


class JobResult(msgspec.Struct, frozen=True):
    """What an ended job used, as its provider says; `cost_pico` in pico-USD, None without a price.

    `tokens` None: it ended well, and its provider reports no figures.
    """

    status: Status
    finish_cause: str
    tokens: Tokens | None
    cost_pico: int | None = None
    model: str | None = None
    output_estimate: int = 0


def job_cost_pico(kind: JobKind | None, cost_pico: int) -> int:
    """What is paid of a usual cost in pico-USD, rounded up: half of it in a batch."""
    return -(-cost_pico // _BATCH_DIVISOR) if kind == "message_batch" else cost_pico


def next_look_ms(job: Job, now_ms: int) -> int:
    """After how many ms a job that goes on is looked at again."""
    age_ms = now_ms - ulid_time_ms(job.request_id)
    return min(max(age_ms // _AGE_PARTS, LOOK_MS_MIN), LOOK_MS_MAX)


def job_record(job: Job, result: JobResult, prices: PriceBook, now_ms: int) -> UsageRecord:
    """The record of a job that has ended: its draft with what it really used."""
    draft = job.draft
    tokens = result.tokens
    source: UsageSource = "estimated" if tokens is None else "reported"
    if tokens is None:
        # As of every request: what is not reported is estimated from what is there to see.
        tokens = Tokens(draft.tokens.input, min(result.output_estimate, draft.tokens.output))
    model = result.model or draft.model_served or draft.model_requested
    price = prices.find(draft.model_served or draft.model_requested)
    cost = result.cost_pico
    if cost is None and price is not None:
        cost = job_cost_pico(job.kind, price.cost_pico(tokens))
    return msgspec.structs.replace(
        draft,
        model_served=model,
        status=result.status,
        finish_cause=result.finish_cause,
        tokens=tokens,
        usage_source=source,
        cost_usd=usd_text(cost or 0),
        price_version=prices.version if price is not None else UNPRICED,
        latency_ms=now_ms - ulid_time_ms(job.request_id),
    )
