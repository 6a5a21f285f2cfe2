"""What is said of a settled record: its figures in the metrics, and what it was not to be."""

from common.domain import usage
from common.domain.rerating import UNPRICED
from common.domain.usage import UsageRecord
from common.telemetry import catalogue, logs


def report_exceeded(record: UsageRecord, reserved_nano: int, spent_nano: int) -> None:
    """A bound that did not hold is posted in full all the same, and never in silence."""
    catalogue.RESERVATION_EXCEEDED.increment(model=record.model_served or record.model_requested)
    logs.log(
        "reservation_exceeded",
        level="warning",
        request_id=record.adjusts or record.id,
        reserved_nano_usd=reserved_nano,
        spent_nano_usd=spent_nano,
    )


def count_used(record: UsageRecord) -> None:
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
