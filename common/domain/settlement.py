"""What a record counts, and how a later figure corrects an earlier one. Pure."""

from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from common.domain.admission import Use
from common.domain.ids import ulid_time_ms
from common.domain.money import nano_ceiling, pico_from_usd, usd_text
from common.domain.usage import UsageRecord

# What may be reserved where no hard budget rests on it.
NOT_BOUNDED = -1


def use_of(record: UsageRecord) -> Use:
    """What a record counts in limits and budgets."""
    return Use(record.tokens.total, nano_ceiling(pico_from_usd(record.cost_usd)))


def adjustment(final: UsageRecord, charged: UsageRecord, made: str) -> UsageRecord:
    """What a late settle adds to the interrupted record that was posted before it.

    `made` is the ULID of the new record, of the time of what it adjusts: so it falls on the same
    periods as in the counters.
    """
    cost_pico = pico_from_usd(final.cost_usd) - pico_from_usd(charged.cost_usd)
    return msgspec.structs.replace(
        final,
        id=made,
        kind="adjustment",
        adjusts=final.id,
        occurred_at=occurred_at(made),
        tokens=final.tokens.minus(charged.tokens),
        searches=final.searches - charged.searches,
        cost_usd=usd_text(cost_pico),
    )


@lru_cache(maxsize=1024)  # a draft has that of its record
def occurred_at(ulid: str) -> str:
    """A ULID's own time in RFC 3339, with milliseconds."""
    second, millisecond = divmod(ulid_time_ms(ulid), 1000)
    return f"{_second_text(second)}.{millisecond:03d}Z"


@lru_cache(maxsize=256)
def _second_text(second: int) -> str:
    """Most records are of a second that was written before; `strftime` costs 5 us."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
