"""`relayctl export` and `relayctl import`: a configuration from one installation to another."""

import json
import os
from pathlib import Path
from typing import Any

import click

from cli.admin.options import AdminCommand, Session, read_secret
from cli.admin.output import Column, Shape, print_items
from common.settings import variable

PATH = "/internal/configuration"
PASSPHRASE = "RELAY_EXPORT_PASSPHRASE"  # noqa: S105 - where it is
TABLES = Shape(
    "tables",
    (
        Column("TABLE", "table"),
        Column("WRITTEN", "written", "number"),
        Column("THERE ALREADY", "there", "number"),
    ),
    ("table", "written", "there"),
)
_passphrase = click.option(
    "--passphrase-file",
    metavar="FILE",
    help=f"Where the passphrase is, if not in {PASSPHRASE}; at least 12 characters.",
)


@click.command(name="export", cls=AdminCommand)
@click.option(
    "--file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where it is written; one that is there is not overwritten.",
)
@_passphrase
@click.pass_obj
def export(session: Session, file: Path, passphrase_file: str | None) -> None:
    """Write all that administrators have set into a file.

    Keys by the hash of their secrets; credentials of accounts and channels are sealed by the
    passphrase.
    """  # fmt: skip
    body = {"passphrase": _read_passphrase(passphrase_file)}
    document = session.client.send("POST", f"{PATH}/export", body=body).body
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise click.UsageError(f"--file: {file} cannot be made: {error.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(document, stream, indent=1)
    rows = {table: len(found) for table, found in document["tables"].items()}
    told = ", ".join(f"{count} {table}" for table, count in rows.items())
    session.show_said(f"{file} has {told}", {"file": str(file), **rows})


@click.command(name="import", cls=AdminCommand)
@click.option("--file", required=True, type=click.Path(dir_okay=False, path_type=Path))
@_passphrase
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.pass_obj
def import_(session: Session, file: Path, passphrase_file: str | None, dry_run: bool) -> None:
    """Write what a file of `relayctl export` has and this installation has not: all or nothing.

    What is there stays as it is. Both installations are of one version.
    """
    try:
        document: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise click.UsageError(f"--file: {file} is no export: {error}") from None
    body = {
        "passphrase": _read_passphrase(passphrase_file),
        "dry_run": dry_run,
        "configuration": document,
    }
    answer = session.client.send("POST", f"{PATH}/import", body=body).body
    if session.output == "json":
        click.echo(json.dumps(answer))
        return
    print_items(session.output, TABLES, answer["tables"])
    if session.output == "table":
        click.echo(f"organisation: {answer['organisation']}")
        if dry_run:
            click.echo("nothing was written: --dry-run")


def _read_passphrase(file: str | None) -> str:
    passphrase = read_secret(file, "--passphrase-file") if file else variable(PASSPHRASE)
    if not passphrase:
        raise click.UsageError(f"no passphrase: give --passphrase-file FILE, or set {PASSPHRASE}")
    return passphrase
