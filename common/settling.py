"""Settling: what was used takes the place of what was reserved, once, whoever does it.

The relay does at a request's end, whoever hears of a job's end (`common.job_settlement`) for a job.
"""

import msgspec

from common.domain import usage
from common.domain.account_health import Rest
from common.domain.admission import Settled, SettledLate
from common.domain.ids import ulid_time_ms
from common.domain.rerating import UNPRICED
from common.domain.settlement import NOT_BOUNDED, adjustment, use_of
from common.domain.usage import UsageRecord
from common.identifiers import new_ulid
from common.state.admission import Admission
from common.telemetry import catalogue, logs


class Posted(msgspec.Struct, frozen=True):
    """A record that is in the outbox under that id; `first`: this call put it there."""

    record: UsageRecord
    outbox_id: str
    first: bool


async def settle_record(
    admission: Admission,
    record: UsageRecord,
    *,
    reserved_nano: int,
    append_unleased: bool,
    rules: bytes = b"",
    failed: tuple[str, Rest | None] = ("", None),
) -> Posted | None:
    """Post a final record; where its lease is over, an adjustment of what was charged then.

    `reserved_nano` is what it may cost at most, or `NOT_BOUNDED`; the rest as `Admission.settle`.
    None when nothing was to be posted. May be repeated. Raises `RedisUnavailable`.
    """
    use = use_of(record)
    answer = await admission.settle(
        record.id,
        usage.encode(record),
        use=use,
        rules=rules,
        append_unleased=append_unleased,
        failed=failed,
    )
    if isinstance(answer, SettledLate):
        request_id = record.id
        record = adjustment(record, usage.decode(answer.draft), new_ulid(ulid_time_ms(request_id)))
        answer = await admission.adjust(request_id, usage.encode(record), use=use)
    if not isinstance(answer, Settled):
        return None
    if answer.first:
        _count_used(record)
        if NOT_BOUNDED < reserved_nano < use.nano:
            _report_exceeded(record, reserved_nano, use.nano)
    return Posted(record, answer.outbox_id, answer.first)


def _report_exceeded(record: UsageRecord, reserved_nano: int, spent_nano: int) -> None:
    """A bound that did not hold is posted in full all the same, and never in silence."""
    catalogue.RESERVATION_EXCEEDED.increment(model=record.model_served or record.model_requested)
    logs.log(
        "reservation_exceeded",
        level="warning",
        request_id=record.adjusts or record.id,
        reserved_nano_usd=reserved_nano,
        spent_nano_usd=spent_nano,
    )


def _count_used(record: UsageRecord) -> None:
    """Count a posted record in the metrics."""
    model = record.model_served or record.model_requested
    for name in usage.TOKEN_CLASSES:
        if (count := getattr(record.tokens, name)) > 0:
            catalogue.TOKENS.increment(count, **{"class": name, "model": model})
    if (cost := float(record.cost_usd)) > 0:
        catalogue.COST_USD.increment(cost, model=model)
    if record.price_version == UNPRICED and record.tokens.total:
        catalogue.UNPRICED.increment()
        logs.log("unpriced", level="warning", request_id=record.id, model=model)
