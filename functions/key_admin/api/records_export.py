"""`/internal/usage/records.csv`, `.xlsx`: the ledger's rows as a table, of any size, streamed."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from starlette.responses import Response, StreamingResponse

from common.domain.roles import READ_TEAMS
from common.domain.usage import TOKEN_CLASSES
from common.state import exports
from common.state.commands import RedisUnavailable
from common.state.exports import ExportProgress
from common.store import usage
from common.store.usage import Filters
from functions.key_admin.api.usage import filters_of
from functions.key_admin.csv_table import CsvTable, Row
from functions.key_admin.models.usage import ExportQuery, ExportShown, Record
from functions.key_admin.operation import Call, Operation, answered
from functions.key_admin.problem import not_found
from functions.key_admin.workbook import MEDIA_TYPE, Workbook

PATH = "/internal/usage"
ROWS_AT_ONCE = 1000
ESTIMATED_HEADER = "x-relay-estimated-rows"
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


class Table(Protocol):
    """What rows are written into; what it returns is sent."""

    def write(self, rows: Sequence[Row]) -> bytes:
        """The next rows."""
        ...

    def close(self) -> bytes:
        """The end."""
        ...


async def export_csv(call: Call) -> Response:
    """Newest first, read page by page: its cost in memory is a page's, whatever its length.

    With `progress` it can be asked meanwhile how far it is, at `/internal/usage/exports`.
    """
    return await _exported(call, CsvTable(COLUMNS), "csv", "text/csv")


async def export_xlsx(call: Call) -> Response:
    """The same as an Excel workbook, with another sheet after each 1,048,575 rows."""
    return await _exported(call, Workbook(COLUMNS), "xlsx", MEDIA_TYPE)


async def show_progress(call: Call) -> Response:
    """How far an export of one's own is; 404 for one that has not begun, or an hour after."""
    name = call.path["export_id"]
    prefix = call.services.settings.state_prefix
    found = await exports.get(call.services.redis, prefix, _name_of(call, name))
    if found is None:
        raise not_found(f"There is no export with the id {name[:64]!r}, or it has not begun.")
    return answered(ExportShown(rows=found.rows, estimated=found.estimated, state=found.state))


async def _exported(call: Call, table: Table, ending: str, media_type: str) -> Response:
    query = call.sent(ExportQuery)
    filters = filters_of(call, query)
    async with call.services.database.transaction() as connection:
        sums = await usage.sums(connection, filters, [], "UTC", 1)
    estimated = sums[0].requests if sums else 0
    headers = {
        "cache-control": "no-store",
        "content-disposition": f'attachment; filename="relay-requests.{ending}"',
        "x-accel-buffering": "no",
        ESTIMATED_HEADER: str(estimated),
    }
    pieces = _pieces(call, filters, query, table, estimated)
    return StreamingResponse(pieces, media_type=media_type, headers=headers)


async def _pieces(
    call: Call, filters: Filters, query: ExportQuery, table: Table, estimated: int
) -> AsyncIterator[bytes]:
    rows = 0
    try:
        await _note(call, query, rows, estimated, "running")
        async for page in _pages(call, filters, query):
            # Beside the event loop: others are answered meanwhile.
            yield await asyncio.to_thread(table.write, page)
            rows += len(page)
            await _note(call, query, rows, estimated, "running")
        yield table.close()
    except Exception:
        await _note(call, query, rows, estimated, "broken")
        raise
    await _note(call, query, rows, estimated, "done")


async def _pages(call: Call, filters: Filters, query: ExportQuery) -> AsyncIterator[list[Row]]:
    before: str | None = None
    while True:
        async with call.services.database.transaction() as connection:
            found = await usage.records(
                connection,
                filters,
                model_requested=query.model_requested,
                error_code=query.error_code,
                before=before,
                limit=ROWS_AT_ONCE,
            )
        if found:
            yield [_cells(row) for row in found]
        if len(found) < ROWS_AT_ONCE:
            return
        before = found[-1]["id"]


async def _note(call: Call, query: ExportQuery, rows: int, estimated: int, state: Any) -> None:
    """So that whoever asks is told; an export goes on without."""
    if query.progress is None:
        return
    progress = ExportProgress(rows, estimated, state, datetime.now(UTC))
    prefix = call.services.settings.state_prefix
    try:
        await exports.put(call.services.redis, prefix, _name_of(call, query.progress), progress)
    except RedisUnavailable:
        return


def _name_of(call: Call, name: str) -> str:
    """Nobody sees how far another one's is."""
    whose = f"{call.actor.subject}\n{call.scope.bounds()}\n{name}"
    return hashlib.sha256(whose.encode()).hexdigest()


def _cells(row: dict[str, Any]) -> Row:
    members = row | dict(row["tokens"])
    return [_plain(members[name]) for name in COLUMNS]


def _plain(value: object) -> object:
    return ",".join(value) if isinstance(value, list) else value


OPERATIONS = (
    Operation("GET", f"{PATH}/records.csv", export_csv, "Export the ledger's rows", "Usage",
              may=READ_TEAMS, answer=Record, answer_type="text/csv", query=ExportQuery),
    Operation("GET", f"{PATH}/records.xlsx", export_xlsx, "Export the ledger's rows for Excel",
              "Usage", may=READ_TEAMS, answer=Record, answer_type=MEDIA_TYPE, query=ExportQuery),
    Operation("GET", f"{PATH}/exports/{{export_id}}", show_progress, "Show how far an export is",
              "Usage", may=READ_TEAMS, answer=ExportShown, refusals=(404,)),
)  # fmt: skip
