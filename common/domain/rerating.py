"""What a record should have cost by a price book, as an adjustment that points to it. Pure.

Nothing is ever edited: the adjustment has no tokens, only the difference in money. Its id is made
of what it corrects and what is known of that by now, so that two runs at once make the same one.
"""

import hashlib
from typing import Literal

import msgspec

from common.domain.ids import ENTROPY_BYTES, encode_ulid, ulid_time_ms
from common.domain.money import nano_ceiling, usd_text
from common.domain.prices import PriceBook
from common.domain.service_tiers import tier_of
from common.domain.usage import Tokens, UsageRecord

UNPRICED = "unpriced"
PRICED_LATER = "priced_later"
REPRICED = "repriced"
BATCHES = frozenset({"batches", "messages.batches"})


class Posted(msgspec.Struct, frozen=True):
    """A usage record with all that was posted to it since.

    `tokens`, `searches` and `cost_pico` are sums; `adjustments` counts those that there are.
    """

    record: UsageRecord
    tokens: Tokens
    searches: int
    cost_pico: int
    adjustments: int
    priced: bool


class Correction(msgspec.Struct, frozen=True):
    """What to post, and by how much the counters of budgets change, in nano-USD."""

    adjustment: UsageRecord
    difference_nano: int
    difference_pico: int


def correction(
    posted: Posted, book: PriceBook
) -> Correction | Literal["unpriced", "own_file"] | None:
    """None where it cost what the book says.

    `unpriced` for what the book has no price of, `own_file` for what a file of the relay's own
    priced, which nobody else knows.
    """
    record = posted.record
    if "@" in record.price_version:
        return "own_file"
    model = record.priced_as or record.model_served or record.model_requested
    price = book.price_of(model, record.discount)
    tier = tier_of(record.service_tier)
    rates = price.rates_for_record(posted.tokens, tier) if price is not None else None
    if rates is None:
        return "unpriced"
    if record.endpoint in BATCHES and posted.priced and not record.unit_prices:
        return None  # long and short requests: what each of them used is not in the record
    unit_prices, cost = rates.priced(posted.tokens, posted.searches)
    if cost == posted.cost_pico and (posted.priced or not posted.tokens.total):
        return None
    adjustment = msgspec.structs.replace(
        record,
        id=_id(posted, cost),
        kind="adjustment",
        adjusts=record.id,
        finish_cause=REPRICED if posted.priced else PRICED_LATER,
        tokens=Tokens(),
        searches=0,
        cost_usd=usd_text(cost - posted.cost_pico),
        price_version=book.version,
        unit_prices=unit_prices,
        latency_ms=None,
        first_token_ms=None,
    )
    return Correction(
        adjustment, nano_ceiling(cost) - nano_ceiling(posted.cost_pico), cost - posted.cost_pico
    )


def _id(posted: Posted, cost: int) -> str:
    known = f"{posted.record.id}:{posted.adjustments}:{posted.cost_pico}:{cost}"
    digest = hashlib.sha256(known.encode()).digest()
    return encode_ulid(ulid_time_ms(posted.record.id), digest[:ENTROPY_BYTES])
