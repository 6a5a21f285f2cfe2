"""Whether a usage record may enter the ledger: what its columns can hold, and what makes sense."""

import operator
from typing import Any

import msgspec

from common.domain import usage
from common.domain.ids import InvalidId, ulid_time_ms
from common.domain.money import InvalidAmount, pico_from_usd
from common.domain.usage import TOKEN_CLASSES, TOKENS_MAX, UsageRecord

# Counts and durations far beyond what any request can have, and well within the columns.
MILLISECONDS_MAX = 2**31 - 1
USD_PICO_MAX = 10**7 * 10**12
CHARACTERS_MAX = 1024
TAGS_MAX = 100
SEARCHES_MAX = 10**6
CLASSES_MAX = 32
# Of the members that are kept as JSON, for all levels' limits and the largest usage object.
JSON_BYTES_MAX = 64 * 1024
# How far a record's time may lie ahead of ours: clocks differ, but not by a day.
AHEAD_MS_MAX = 24 * 3600 * 1000

_IDS = ("id", "key_id", "account_id")
_OPTIONAL_IDS = ("adjusts", "team_id")
_TEXTS = (
    "user_id",
    "provider",
    "dialect",
    "endpoint",
    "model_requested",
    "model_served",
    "finish_cause",
    "price_version",
    "client",
    "error_code",
    "service_tier",
    "discount",
    "priced_as",
)
_all_texts = operator.attrgetter(*_TEXTS)


class NotPostable(ValueError):
    """The ledger cannot take the record; the text says which member is why."""


def read_record(value: Any) -> UsageRecord:
    """A record from a decoded JSON object. Raises `NotPostable`."""
    try:
        return usage.from_object(value)
    except msgspec.ValidationError as error:
        raise NotPostable(str(error)) from None


def check_record(record: UsageRecord, now_ms: int) -> None:
    """Raises `NotPostable` for what no honest relay writes, so that one record cannot stop many."""
    _check_ids(record)
    if ulid_time_ms(record.id) > now_ms + AHEAD_MS_MAX:
        raise NotPostable("id: its time is more than a day ahead")
    if (record.kind == "adjustment") != (record.adjusts is not None):
        raise NotPostable("adjusts: belongs to adjustments, and only to them")
    for name in TOKEN_CLASSES:
        count = getattr(record.tokens, name)
        if abs(count) > TOKENS_MAX or (count < 0 and record.kind == "usage"):
            raise NotPostable(f"tokens.{name}: {count}")
    _check_cost(record)
    _check_prices(record)
    _check_texts(record)
    _check_json(record)
    for name in ("latency_ms", "first_token_ms", "attempts", "redactions"):
        number = getattr(record, name)
        if number is not None and not 0 <= number <= MILLISECONDS_MAX:
            raise NotPostable(f"{name}: {number}")


def _check_ids(record: UsageRecord) -> None:
    for name in (*_IDS, *_OPTIONAL_IDS):
        value = getattr(record, name)
        if value is None and name in _OPTIONAL_IDS:
            continue
        try:
            ulid_time_ms(value)
        except InvalidId as error:
            raise NotPostable(f"{name}: {error}") from None


def _check_cost(record: UsageRecord) -> None:
    try:
        cost_pico = pico_from_usd(record.cost_usd)
    except InvalidAmount as error:
        raise NotPostable(f"cost_usd: {error}") from None
    if abs(cost_pico) > USD_PICO_MAX or (cost_pico < 0 and record.kind == "usage"):
        raise NotPostable(f"cost_usd: {record.cost_usd}")


def _check_prices(record: UsageRecord) -> None:
    if abs(record.searches) > SEARCHES_MAX or (record.searches < 0 and record.kind == "usage"):
        raise NotPostable(f"searches: {record.searches}")
    if len(record.unit_prices) > CLASSES_MAX:
        raise NotPostable(f"unit_prices: more than {CLASSES_MAX}")
    for name, price in record.unit_prices.items():
        _check_text("unit_prices", name)
        if not 0 <= price <= USD_PICO_MAX:
            raise NotPostable(f"unit_prices: {name[:40]}: {price}")


def _check_json(record: UsageRecord) -> None:
    for name in ("reported_usage", "policy"):
        value = getattr(record, name)
        if value is None:
            continue
        encoded = msgspec.json.encode(value)
        if len(encoded) > JSON_BYTES_MAX:
            raise NotPostable(f"{name}: longer than {JSON_BYTES_MAX} bytes")
        # Nor is there one in a jsonb.
        if b"\\u0000" in encoded:
            raise NotPostable(f"{name}: contains a NUL")


def _check_texts(record: UsageRecord) -> None:
    if len(record.tags) > TAGS_MAX:
        raise NotPostable(f"tags: more than {TAGS_MAX}")
    texts = _all_texts(record)
    together = "".join([text for text in (*texts, *record.tags) if text is not None])
    if len(together) <= CHARACTERS_MAX and "\0" not in together:
        return  # so each of them is good: the way of all but a few, at a fifth of the time
    for name, text in zip(_TEXTS, texts, strict=True):
        _check_text(name, text)
    for tag in record.tags:
        _check_text("tags", tag)


def _check_text(name: str, text: str | None) -> None:
    if text is None:
        return
    if len(text) > CHARACTERS_MAX:
        raise NotPostable(f"{name}: longer than {CHARACTERS_MAX} characters")
    # Postgres holds no NUL in a text.
    if "\0" in text:
        raise NotPostable(f"{name}: contains a NUL")
