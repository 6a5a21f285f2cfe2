"""`/internal/usage/records.csv`: the ledger's rows as a table, of any size, streamed."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime

from starlette.responses import Response, StreamingResponse

from common.domain.roles import READ_TEAMS
from common.domain.usage import TOKEN_CLASSES
from common.store import usage
from common.store.usage import Filters
from functions.key_admin.api.usage import filters_of
from functions.key_admin.models.fields import written
from functions.key_admin.models.usage import ExportQuery, Record
from functions.key_admin.operation import Call, Operation
from functions.key_admin.services import Services

ROWS_AT_ONCE = 1000
# `reported_usage` and what held for a request are the receipt's; objects are no cells.
COLUMNS = (
    *("id", "kind", "adjusts", "occurred_at", "key_id", "user_id", "team_id", "account_id"),
    *("provider", "dialect", "endpoint", "model_requested", "model_served", "status"),
    *("finish_cause", "error_code"),
    *TOKEN_CLASSES,
    *("usage_source", "cost_usd", "rated_usd", "price_multiplier", "price_version", "priced_as"),
    *("discount", "service_tier", "searches", "latency_ms", "first_token_ms", "attempts"),
    *("cache_hit", "redactions", "client", "tags"),
)
# What spreadsheets would run as a formula.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


async def export(call: Call) -> Response:
    """Newest first, read page by page: its cost in memory is a page's, whatever its length."""
    query = call.sent(ExportQuery)
    rows = _rows(call.services, filters_of(call, query), query.model_requested)
    headers = {
        "cache-control": "no-store",
        "content-disposition": 'attachment; filename="relay-requests.csv"',
        "x-accel-buffering": "no",
    }
    return StreamingResponse(rows, media_type="text/csv", headers=headers)


async def _rows(
    parts: Services, filters: Filters, model_requested: str | None
) -> AsyncIterator[bytes]:
    yield _lines([list(COLUMNS)])
    before: str | None = None
    while True:
        async with parts.database.transaction() as connection:
            found = await usage.records(
                connection,
                filters,
                model_requested=model_requested,
                before=before,
                limit=ROWS_AT_ONCE,
            )
        if found:
            yield _lines([_cells(row) for row in found])
        if len(found) < ROWS_AT_ONCE:
            return
        before = found[-1]["id"]


def _cells(row: dict[str, object]) -> list[str]:
    members = row | dict(row["tokens"])  # type: ignore[call-overload]
    return [_cell(members[name]) for name in COLUMNS]


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return _text(",".join(value))
        case str():
            return _text(value)
        case datetime():
            return written(value)
        case _:
            return str(value)


def _text(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULAS) else value


def _lines(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


OPERATIONS = (
    Operation("GET", "/internal/usage/records.csv", export, "Export the ledger's rows", "Usage",
              may=READ_TEAMS, answer=Record, answer_type="text/csv", query=ExportQuery),
)  # fmt: skip
