"""Jobs: requests that go on at their provider after the caller was answered. Pure.

A response in the background, or a batch, Anthropic's or OpenAI's. Its whole worst case stays
reserved until its provider says what it used, or until its deadline, at which it is charged as its
draft says.
"""

from typing import Literal

import msgspec

from common.domain.ids import ulid_time_ms
from common.domain.model_prices import ModelPrice
from common.domain.money import usd_text
from common.domain.price_lines import UnitPrices
from common.domain.prices import PriceBook
from common.domain.reported_usage import reported_usage
from common.domain.rerating import UNPRICED
from common.domain.service_tiers import tier_of
from common.domain.settlement import NOT_BOUNDED
from common.domain.usage import Status, Tokens, UsageRecord, UsageSource

JobKind = Literal["response", "message_batch", "batch"]
# Providers give a batch 24 hours, and no response takes as long; an hour to be asked is added.
JOB_MS_MAX = 25 * 3600 * 1000
# A job whose reservation is over is asked for on, as long as a late settle finds what was charged.
LATE_MS_MAX = 23 * 3600 * 1000
# The next look comes after a tenth of the job's age.
LOOK_MS_MIN, LOOK_MS_MAX = 1_000, 30 * 60_000
_AGE_PARTS = 10


class Job(msgspec.Struct, frozen=True, omit_defaults=True):
    """One open job. `draft` is the record of its request, as its reservation's end would post it.

    `provider_id` is what the provider knows it by; `deadline_ms` (since 1970) ends its reservation.
    `reserved_nano` is what it may cost at most where a hard budget applies, else `NOT_BOUNDED`.
    """

    kind: JobKind
    provider_id: str
    deadline_ms: int
    draft: UsageRecord
    reserved_nano: int = NOT_BOUNDED

    @property
    def request_id(self) -> str:
        """The id of the request that began it, and of its record."""
        return self.draft.id


class JobResult(msgspec.Struct, frozen=True):
    """What an ended job used, as its provider says.

    `tokens` None: it ended well, and its provider reports no figures. `service_tier` is how it was
    served, in the provider's words, `searches` are those that it ran, `usage` the figures as they
    came, JSON. `cost_pico` and `unit_prices` are those of a batch, whose requests are priced one by
    one; None where the job is priced as a whole, or there is no price.
    """

    status: Status
    finish_cause: str
    tokens: Tokens | None
    model: str | None = None
    output_estimate: int = 0
    service_tier: str | None = None
    searches: int = 0
    usage: bytes = b""
    cost_pico: int | None = None
    unit_prices: UnitPrices | None = None


def next_look_ms(job: Job, now_ms: int) -> int:
    """After how many ms a job that goes on is looked at again."""
    age_ms = now_ms - ulid_time_ms(job.request_id)
    return min(max(age_ms // _AGE_PARTS, LOOK_MS_MIN), LOOK_MS_MAX)


def job_price(job: Job, prices: PriceBook) -> ModelPrice | None:
    """The price of the job's model, less what its account has off."""
    draft = job.draft
    model = draft.priced_as or draft.model_served or draft.model_requested
    return prices.price_of(model, draft.discount)


def job_record(job: Job, result: JobResult, prices: PriceBook, now_ms: int) -> UsageRecord:
    """The record of a job that has ended: its draft with what it really used."""
    draft = job.draft
    tokens = result.tokens
    source: UsageSource = "estimated" if tokens is None else "reported"
    if tokens is None:
        # As of every request: what is not reported is estimated from what is there to see.
        tokens = Tokens(draft.tokens.input, min(result.output_estimate, draft.tokens.output))
    service_tier = result.service_tier or draft.service_tier
    unit_prices, cost = result.unit_prices, result.cost_pico
    price = job_price(job, prices)
    rates = price.rates_for_record(tokens, tier_of(service_tier)) if price is not None else None
    if cost is None or unit_prices is None:
        unit_prices, cost = rates.priced(tokens, result.searches) if rates is not None else ({}, 0)
    return msgspec.structs.replace(
        draft,
        model_served=result.model or draft.model_served or draft.model_requested,
        status=result.status,
        finish_cause=result.finish_cause,
        tokens=tokens,
        usage_source=source,
        cost_usd=usd_text(cost),
        price_version=prices.version if rates is not None else UNPRICED,
        latency_ms=now_ms - ulid_time_ms(job.request_id),
        service_tier=service_tier,
        searches=result.searches,
        unit_prices=unit_prices,
        reported_usage=reported_usage([result.usage]) if result.usage else None,
    )
