"""`relayctl reconcile providers`: the ledger against what a provider says of itself."""

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from cli.admin.output import OUTPUTS, Column, Shape, print_items
from cli.reconcile_command import EXIT_DRIFT, EXIT_FAILED, end, reconcile, with_worker
from common.settings import variable

if TYPE_CHECKING:
    from common.domain.provider_reports import Difference, Figures, Report
    from common.event_function import Worker

GROUPS_MAX = 100_000
_FIELDS = ("requests", "input", "cache_read", "cache_write", "output")
_COLUMNS = (
    Column("DAY", "day"),
    Column("MODEL", "model"),
    *(Column(name.upper().replace("_", " "), f"difference.{name}", "number") for name in _FIELDS),
    Column("LEDGER USD", "ledger.usd", "money"),
    Column("REPORT USD", "report.usd", "money"),
    Column("DIFFERENCE", "difference.usd", "money"),
)
_SHAPE = Shape(
    "differences",
    _COLUMNS,
    (
        *("day", "model"),
        *(
            f"{side}.{name}"
            for side in ("ledger", "report", "difference")
            for name in (*_FIELDS, "usd")
        ),
    ),
)
_DAY = click.DateTime(["%Y-%m-%d"])


@reconcile.command()
@click.argument("provider", type=click.Choice(("openai", "anthropic")))
@click.option("--day", type=_DAY, help="One day (UTC).  [default: yesterday]")
@click.option("--from", "first", type=_DAY, help="The first day.")
@click.option("--to", "last", type=_DAY, help="The last day.")
@click.option("--account", help="Only this account of Relay's, by its id.")
@click.option("--admin-key-file", metavar="FILE", help="Has the admin key; - is standard input.")
@click.option("--api-key-id", help="Only what this key of the provider's used.")
@click.option("--project-id", help="Only this project (OpenAI).")
@click.option("--workspace-id", help="Only this workspace (Anthropic).")
@click.option("--costs/--no-costs", default=True, help="Whether to ask for costs.")
@click.option("--address", default="", help="Where the reports are.  [default: the provider's own]")
@click.option("--output", type=click.Choice(OUTPUTS), default="table", show_default=True)
def providers(
    provider: str,
    day: datetime | None,
    first: datetime | None,
    last: datetime | None,
    account: str | None,
    admin_key_file: str | None,
    api_key_id: str | None,
    project_id: str | None,
    workspace_id: str | None,
    costs: bool,
    address: str,
    output: str,
) -> None:
    """Compare the ledger with PROVIDER's own usage and cost report, by day and model.

    Shows the ledger less the report; posts and changes nothing. A report is of a whole
    organisation: where others use it too, name the key, project or workspace that Relay uses. Costs
    cannot be told apart by key. Reports are complete some hours after a day's end.

    \b
    OPENAI_ADMIN_KEY, ANTHROPIC_ADMIN_KEY   the admin key, unless --admin-key-file gives it; it is
                                            never kept
    RELAY_DATABASE_URL, RELAY_REDIS_URL     the stores

    Ends with 0 when all counts agree, 1 when a report or a store cannot be had, 4 when any differs.
    """  # noqa: D301 - \b is click's mark for text it must not rewrap
    from cli.provider_reports import ReportRefused, fetch
    from common.domain.provider_reports import UnreadableReport, compare

    since, until = _days(day, first, last)
    only = {"api_key_ids": api_key_id, "project_ids": project_id, "workspace_ids": workspace_id}
    try:
        report = fetch(
            provider,
            since.date(),
            until.date(),
            admin_key=_admin_key(provider, admin_key_file),
            address=address,
            only={name: value for name, value in only.items() if value},
            costs=costs,
        )
    except (ReportRefused, UnreadableReport) as error:
        end(f"no report of {provider}: {error}", EXIT_FAILED)
    ledger = with_worker(lambda worker: _ledger(worker, provider, since, until, account))
    differences = compare(ledger, report)
    if differences or output != "table":
        print_items(output, _SHAPE, [_row(one) for one in differences])
    else:
        click.echo("nothing was used, by the ledger and by the report", err=True)
    sys.exit(0 if all(one.agrees for one in differences) else EXIT_DRIFT)


def _days(
    day: datetime | None, first: datetime | None, last: datetime | None
) -> tuple[datetime, datetime]:
    if day is not None and (first is not None or last is not None):
        raise click.UsageError("--day, or --from and --to: not both")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    since = day or first or yesterday
    until = day or last or first or yesterday
    if until < since.replace(tzinfo=until.tzinfo):
        raise click.UsageError("--to is before --from")
    return since.replace(tzinfo=UTC), until.replace(tzinfo=UTC)


def _admin_key(provider: str, file: str | None) -> str:
    from cli.admin.options import read_secret

    name = f"{provider.upper()}_ADMIN_KEY"
    key = read_secret(file, "--admin-key-file") if file is not None else variable(name)
    if not key:
        raise click.UsageError(f"no admin key: give --admin-key-file FILE (- is stdin), or {name}")
    return key


async def _ledger(
    worker: "Worker", provider: str, since: datetime, until: datetime, account: str | None
) -> "Report":
    from common.domain.provider_reports import REPORTED_ENDPOINTS, Figures, Place, gather
    from common.store import usage

    midnight = {"hour": 0, "minute": 0, "second": 0, "microsecond": 0}
    filters = usage.Filters(
        since=since.replace(**midnight),  # type: ignore[arg-type] # no tzinfo among them
        until=until.replace(**midnight) + timedelta(days=1),  # type: ignore[arg-type]
        account_id=account,
        provider=provider,
    )
    async with worker.database.transaction() as connection:
        found = await usage.sums(
            connection, filters, ["day", "model", "endpoint"], "UTC", GROUPS_MAX
        )
    return gather(
        [
            (
                Place(str(one.group["day"]), str(one.group["model"])),
                Figures(
                    requests=one.requests,
                    input=one.tokens["input"],
                    cache_read=one.tokens["cache_read"],
                    cache_write=one.tokens["cache_write_5m"] + one.tokens["cache_write_1h"],
                    output=one.tokens["output"],
                    usd=one.cost_usd,
                ),
            )
        ]
        for one in found
        if one.group["endpoint"] in REPORTED_ENDPOINTS[provider]
    )


def _row(one: "Difference") -> dict[str, Any]:
    return {
        "day": one.place.day,
        "model": one.place.model,
        "ledger": _figures(one.ledger),
        "report": _figures(one.report),
        "difference": {
            **{name: one.of(name) for name in _FIELDS},
            "usd": None if one.usd is None else f"{one.usd:.12f}",
        },
    }


def _figures(figures: "Figures") -> dict[str, Any]:
    shown: dict[str, Any] = {name: getattr(figures, name) for name in _FIELDS}
    return {**shown, "usd": None if figures.usd is None else f"{figures.usd:.12f}"}
