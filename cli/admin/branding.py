"""`relayctl branding`: by which name and logo the console is known."""

import base64
from pathlib import Path
from typing import Any

import click

from cli.admin.changing import send_change
from cli.admin.options import AdminGroup, Session, members, something
from cli.admin.output import Column, Shape

PATH = "/internal/branding"
SHAPE = Shape(
    "branding",
    (Column("NAME", "name"), Column("LOGO", "logo.media_type"), Column("UPDATED", "updated_at")),
    ("name", "logo.media_type", "logo.sha256", "logo.path", "updated_at"),
)


@click.group(cls=AdminGroup)
def branding() -> None:
    """Show and change the name and logo of the console."""


@branding.command()
@click.pass_obj
def show(session: Session) -> None:
    """Show name and logo."""
    session.show(SHAPE, session.client.get(PATH))


@branding.command()
@click.option("--name", help="At most 40 characters; empty: Relay.")
@click.option("--logo-file", metavar="FILE", help="PNG, SVG or WebP, at most 64 KB.")
@click.option("--no-logo", is_flag=True, help="Relay's own mark again.")
@click.pass_obj
def update(session: Session, name: str | None, logo_file: str | None, no_logo: bool) -> None:
    """Change them; what is not given stays."""
    if logo_file is not None and no_logo:
        raise click.UsageError("give --logo-file or --no-logo, not both")
    body: dict[str, Any] = members(name=name)
    if logo_file is not None:
        body["logo"] = _encoded(logo_file)
    if no_logo:
        body["logo"] = None
    send_change(session, SHAPE, PATH, something(body), ())


def _encoded(file: str) -> str:
    try:
        return base64.b64encode(Path(file).read_bytes()).decode()
    except OSError as error:
        raise click.UsageError(f"--logo-file: {error.strerror or error}") from None
