"""What a late settle posts beside the record that its lease's end has left."""

from datetime import UTC, datetime

from common.domain.ids import ulid_time_ms
from common.domain.settlement import adjustment
from common.identifiers import new_ulid
from tests.support.usage_records import make_record, ulid_at


def test_an_adjustment_is_of_the_time_of_what_it_adjusts():
    """So that it falls on the same periods in the ledger as on the counters."""
    final = make_record(id=ulid_at(datetime(2026, 11, 25, 23, 59, 59, tzinfo=UTC)))
    made = adjustment(
        final, make_record(id=final.id, cost_usd="0.000001000000"), new_ulid(ulid_time_ms(final.id))
    )
    assert made.id != final.id
    assert made.adjusts == final.id
    assert ulid_time_ms(made.id) == ulid_time_ms(final.id)
    assert made.occurred_at == final.occurred_at == "2026-11-25T23:59:59.000Z"
    assert made.cost_usd == "0.000007550000"
