"""`relayctl migrate`: bring the database to this version's schema."""

import sys

import click

from cli.admin.output import OUTPUTS, Shape, print_items

_APPLIED = Shape("migrations", (), ("migration",))


@click.command()
@click.option(
    "--wait-s",
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for a Postgres that is starting.",
)
@click.option("--output", type=click.Choice(OUTPUTS), default="table", show_default=True)
def migrate(wait_s: float, output: str) -> None:
    """Apply the migrations that the database in RELAY_DATABASE_URL does not have yet.

    As JSON and CSV: those that were applied. Ends with 0 when the schema is this version's, 1 when
    it could not be brought there, 2 when the setting is wrong.
    """
    from common.settings import SettingsError, database_url

    try:
        url = database_url()
    except SettingsError as error:
        click.echo(f"relayctl: {error}", err=True)
        sys.exit(2)
    from common.store.migrate import MigrationFailed
    from common.store.migrate import migrate as apply_migrations

    try:
        applied = apply_migrations(url, wait_s=wait_s)
    except MigrationFailed as error:
        click.echo(f"relayctl: {error}", err=True)
        sys.exit(1)
    if output != "table":
        print_items(output, _APPLIED, [{"migration": name} for name in applied])
        return
    for name in applied:
        click.echo(f"applied {name}")
    if not applied:
        click.echo("the database has this version's schema already")
