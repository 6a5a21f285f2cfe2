"""Settle: one call closes the lease and puts the record into the outbox.

It runs apart from the request, so that neither a caller who left nor a Redis that is away for a
while can stop it; it is repeated until it is done or the process ends (then the lease expires
and the draft is posted instead).
"""

import asyncio

import msgspec

from common.domain import usage
from common.domain.admission import Settled, SettledLate, Skipped
from common.domain.rerating import UNPRICED
from common.domain.usage import Status, UsageRecord
from common.state.commands import RedisUnavailable
from common.telemetry import catalogue, logs
from functions.relay.open_request import OpenRequest
from functions.relay.records import adjustment, final_record
from functions.relay.reservations import held_rules, is_bounded, prices_of, use_of
from functions.relay.services import Services

RETRY_S_FIRST = 0.05
RETRY_S_MAX = 2.0


def settle(
    services: Services, request: OpenRequest, status: Status, finish_cause: str
) -> asyncio.Task[None]:
    """Start to settle an admitted request that is over."""
    record = final_record(prices_of(services, request), request, status, finish_cause)
    if record.usage_source == "reported" and status == "ok":
        services.estimates.learn(request, record.tokens)
    services.unsettled.add(request.id)
    return services.run_in_background(_settle_until_done(services, request, record))


async def _settle_until_done(services: Services, request: OpenRequest, record: UsageRecord) -> None:
    pause_s = RETRY_S_FIRST
    while True:
        try:
            await _settle(services, request, record)
        except RedisUnavailable as error:
            logs.log("settle_delayed", level="warning", request_id=record.id, error=str(error))
        else:
            services.unsettled.discard(request.id)
            return
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, RETRY_S_MAX)


async def _settle(services: Services, request: OpenRequest, record: UsageRecord) -> None:
    use = use_of(record)
    answer = await services.admission.settle(
        record.id,
        usage.encode(record),
        use=use,
        rules=held_rules(request),
        append_unleased=request.admitted,
        cooldown=request.cooldown,
    )
    if isinstance(answer, SettledLate):
        record = adjustment(record, usage.decode(answer.draft))
        answer = await services.admission.adjust(request.id, usage.encode(record), use=use)
        logs.log("settled_late", level="warning", request_id=request.id)
    if isinstance(answer, Skipped):
        return
    if isinstance(answer, Settled) and answer.first:
        _count(record)
        if is_bounded(request) and use.nano > request.reserved_nano:
            _report_exceeded(request, record, use.nano)
    if isinstance(answer, Settled) and services.emitter is not None:
        services.emitter.add(_event_object(services, record, answer.outbox_id))


def _event_object(services: Services, record: UsageRecord, outbox_id: str) -> dict[str, object]:
    from common.domain.signature import SIGNATURE_MEMBER, sign

    made: dict[str, object] = msgspec.to_builtins(record)
    made["outbox_id"] = outbox_id
    made[SIGNATURE_MEMBER] = sign(made, services.events_key)
    return made


def _count(record: UsageRecord) -> None:
    model = record.model_served or record.model_requested
    for name in usage.TOKEN_CLASSES:
        if count := getattr(record.tokens, name):
            catalogue.TOKENS.increment(count, **{"class": name, "model": model})
    catalogue.COST_USD.increment(float(record.cost_usd), model=model)
    if record.price_version == UNPRICED and record.tokens.total:
        catalogue.UNPRICED.increment()
        logs.log("unpriced", level="warning", request_id=record.id, model=model)


def _report_exceeded(request: OpenRequest, record: UsageRecord, nano: int) -> None:
    """A bound that did not hold is posted in full all the same, and never in silence."""
    catalogue.RESERVATION_EXCEEDED.increment(model=record.model_served or record.model_requested)
    logs.log(
        "reservation_exceeded",
        level="warning",
        request_id=record.id,
        reserved_nano_usd=request.reserved_nano,
        spent_nano_usd=nano,
    )
