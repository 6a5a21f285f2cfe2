"""`relayctl usage export`: the ledger's rows into a file, with how far it is."""

import secrets
import sys
import time
from pathlib import Path
from typing import IO, Any, cast

import click

from cli.admin.client import Client
from cli.admin.errors import Refused, Unreachable
from cli.admin.options import Session, say
from cli.admin.usage import PATH, usage
from cli.admin.usage_filters import filtered, of_rows, rows_of

ESTIMATED_HEADER = "x-relay-estimated-rows"
_TOLD_EVERY_S = 2.0


@usage.command()
@click.option("--format", "kind", type=click.Choice(["csv", "xlsx"]), help="(by the file's name)")
@click.option("--to", metavar="FILE", required=True, help="Where to; `-` is standard output.")
@of_rows
@filtered
@click.pass_obj
def export(session: Session, /, kind: str | None, to: str, **given: Any) -> None:
    """Write all rows of the ledger that are so into a file, as CSV or for Excel.

    The file appears once it is whole. Standard error says how far it is.
    """
    ending = Path(to).suffix.removeprefix(".").lower()
    kind = kind or (ending if ending in ("csv", "xlsx") else None)
    if kind is None:
        raise click.UsageError("--format: give csv or xlsx, which the file's name does not say")
    name = secrets.token_urlsafe(18)
    query = {**rows_of(given), "progress": name}
    path = f"{PATH}/records.{kind}"
    if to == "-":
        _written(session.client, path, query, name, sys.stdout.buffer)
        return
    part = Path(f"{to}.part")
    try:
        with part.open("wb") as file:
            rows = _written(session.client, path, query, name, file)
        part.replace(to)
    except OSError as error:
        raise click.UsageError(f"--to: {to} cannot be written: {error}") from None
    finally:
        part.unlink(missing_ok=True)
    session.show_said(f"{rows} rows are in {to}", {"rows": rows, "file": to, "format": kind})


def _written(client: Client, path: str, query: dict[str, Any], name: str, file: IO[bytes]) -> int:
    """How many rows there were. Raises `Refused`, `Unreachable`."""
    told = time.monotonic()
    with client.stream(path, query) as answer:
        for piece in answer.pieces:
            file.write(piece)
            if time.monotonic() - told > _TOLD_EVERY_S:
                told = time.monotonic()
                found = _progress(client, name)
                if found is not None:
                    estimated = max(found["estimated"], found["rows"])
                    say(f"{found['rows']} of about {estimated} rows")
    file.flush()
    found = _progress(client, name)
    if found is None:
        return int(answer.headers.get(ESTIMATED_HEADER, 0))
    if found["state"] == "broken":
        raise Unreachable("the export broke off: run it again")
    return cast("int", found["rows"])


def _progress(client: Client, name: str) -> dict[str, Any] | None:
    """None where it cannot be told: the rows come all the same."""
    try:
        return cast("dict[str, Any]", client.get(f"{PATH}/exports/{name}"))
    except (Refused, Unreachable):
        return None
