"""A receipt, made of a request's rows in the ledger."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from common.domain.policies import AppliedPolicy
from common.domain.receipts import finish_cause_of, lines_of
from common.domain.usage import Tokens
from functions.key_admin.models.receipts import (
    Adjustment,
    AdminReceipt,
    ClientGoneShown,
    LimitShown,
    OutputCap,
    OwnRequest,
    PolicyApplied,
    Price,
    PriceLine,
    Receipt,
)

_ALIKE = (
    *("occurred_at", "endpoint", "dialect", "provider", "model_requested", "model_served"),
    *("status", "error_code", "attempts", "cache_hit", "latency_ms", "first_token_ms"),
    *("usage_source", "reported_usage", "tokens", "tags"),
)
_OF_ADMIN = ("key_id", "user_id", "team_id", "account_id")
_OF_REQUEST = (*("occurred_at", "endpoint", "model_requested", "model_served", "status", "tokens"),)


def receipt_of(rows: Sequence[dict[str, Any]]) -> Receipt:
    """The receipt of a record (the first row) and its adjustments, oldest first."""
    return Receipt(**_members(rows))


def admin_receipt_of(rows: Sequence[dict[str, Any]]) -> AdminReceipt:
    """The same, with whose request it was."""
    return AdminReceipt(**_members(rows), **{name: rows[0][name] for name in _OF_ADMIN})


def own_request(row: dict[str, Any]) -> OwnRequest:
    """A line of the list of a key's requests."""
    return OwnRequest(
        **{name: row[name] for name in _OF_REQUEST},
        request_id=row["id"],
        finish_cause=_finish_cause(row),
        cost_usd=money(row["cost_usd"]),
        balance_usd=money(row["balance_usd"]),
    )


def money(amount: Decimal) -> str:
    """USD as answers write it."""
    return f"{amount:.12f}"


def _members(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    record, corrections = rows[0], rows[1:]
    balance = record["cost_usd"]
    adjustments = []
    for row in corrections:
        balance += row["cost_usd"]
        adjustments.append(_adjustment(row, balance))
    rated = sum((row["cost_usd"] * row["price_multiplier"] for row in rows), Decimal())
    return {name: record[name] for name in _ALIKE} | {
        "request_id": record["id"],
        "finish_cause": _finish_cause(record),
        "finish_detail": record["finish_cause"],
        "price": _price(record),
        "cost_usd": money(record["cost_usd"]),
        "adjustments": adjustments,
        "balance_usd": money(balance),
        "price_multiplier": f"{record['price_multiplier'].normalize():f}",
        "rated_usd": money(rated),
        "policy": _policy(record, gone=any(row["finish_cause"] == "client_gone" for row in rows)),
    }


def _finish_cause(row: dict[str, Any]) -> Any:
    return finish_cause_of(row["status"], row["finish_cause"], row["usage_source"])


def _price(record: dict[str, Any]) -> Price:
    lines = lines_of(
        Tokens(**record["tokens"]),
        record["unit_prices"] or {},
        record["searches"],
        record["cost_usd"],
    )
    return Price(
        version=record["price_version"],
        priced_as=record["priced_as"],
        service_tier=record["service_tier"],
        discount=record["discount"] or "0",
        lines=None
        if lines is None
        else [PriceLine(**msgspec.structs.asdict(line)) for line in lines],
    )


def _adjustment(row: dict[str, Any], balance: Decimal) -> Adjustment:
    names = ("id", "occurred_at", "status", "reported_usage", "tokens", "price_version")
    return Adjustment(
        **{name: row[name] for name in names},
        finish_cause=_finish_cause(row),
        finish_detail=row["finish_cause"],
        cost_usd=money(row["cost_usd"]),
        balance_usd=money(balance),
    )


def _policy(record: dict[str, Any], *, gone: bool) -> PolicyApplied:
    applied = msgspec.convert(record["policy"] or {}, AppliedPolicy)
    chosen, drains = applied.client_gone.chosen, applied.client_gone.chosen.policy == "drain"
    cap = applied.output_cap
    return PolicyApplied(
        limits=[LimitShown(**msgspec.structs.asdict(limit)) for limit in applied.limits],
        reserved_usd=applied.reserved_usd,
        output_cap=None if cap is None else OutputCap(asked=applied.output_cap_asked, sent=cap),
        client_gone=ClientGoneShown(
            policy=chosen.policy,
            drain_seconds=chosen.drain_seconds if drains else None,
            level=applied.client_gone.level,
            applied=gone,
        ),
    )
