"""`relayctl usage receipt`: what one request used and cost, line by line."""

import click

from cli.admin.output import Column, Item, Shape, print_item, print_items, token_fields

SHAPE = Shape(
    "receipt",
    (),
    (
        *("request_id", "occurred_at", "key_id", "user_id", "team_id", "account_id", "provider"),
        *("dialect", "endpoint", "model_requested", "model_served", "status", "finish_cause"),
        *("finish_detail", "error_code", "attempts", "cache_hit", "latency_ms", "first_token_ms"),
        *("usage_source", "reported_usage", *token_fields(), "price.version"),
        *(
            "price.priced_as",
            "price.service_tier",
            "price.discount",
            "price.lines",
            "cost_usd",
            "adjustments",
            "balance_usd",
        ),
        *("price_multiplier", "rated_usd", "policy.limits", "policy.reserved_usd"),
        *("policy.output_cap.asked", "policy.output_cap.sent", "policy.client_gone.policy"),
        *("policy.client_gone.drain_seconds", "policy.client_gone.level"),
        *("policy.client_gone.applied", "tags"),
    ),
)
# What a table has of its own.
_TABLES = ("price.lines", "adjustments", "policy.limits")
LINES = Shape(
    "prices",
    (
        Column("CLASS", "token_class"),
        Column("COUNT", "count", "number"),
        Column("USD EACH", "unit_usd", "money"),
        Column("COST USD", "cost_usd", "money"),
    ),
    (),
)
ADJUSTMENTS = Shape(
    "adjustments",
    (
        Column("ADJUSTED", "occurred_at"),
        Column("ID", "id"),
        Column("PRICES", "price_version"),
        Column("COST USD", "cost_usd", "money"),
        Column("BALANCE USD", "balance_usd", "money"),
    ),
    (),
)
LIMITS = Shape(
    "limits",
    (
        Column("LEVEL", "level"),
        Column("LIMIT", "limit"),
        Column("MOST", "most"),
        Column("POLICY", "policy"),
    ),
    (),
)


def print_receipt(output: str, receipt: Item) -> None:
    """As a table: the fields, then the arithmetic, and what else there is of it."""
    if output != "table":
        print_item(output, SHAPE, receipt)
        return
    fields = [field for field in SHAPE.fields if field not in _TABLES]
    print_item(output, SHAPE._replace(fields=fields), receipt)
    lines: list[Item] = receipt["price"]["lines"] or []
    total = {"token_class": "TOTAL", "count": " ", "unit_usd": None} | {
        "cost_usd": receipt["cost_usd"]
    }
    for shape, items, last in (
        (LINES, lines, total),
        (ADJUSTMENTS, receipt["adjustments"], None),
        (LIMITS, receipt["policy"]["limits"], None),
    ):
        if items:
            click.echo()
            print_items(output, shape, items, last)
