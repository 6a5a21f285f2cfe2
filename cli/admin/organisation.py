"""`relayctl organisation`: what limits all keys together."""

from typing import Any

import click

from cli.admin.levels import TENANT_FIELDS, level_members, level_options
from cli.admin.limits import client_gone_option, unpriced_member, unpriced_option
from cli.admin.options import AdminGroup, Session, something
from cli.admin.output import Column, Shape

PATH = "/internal/organisation"
SHAPE = Shape(
    "organisation",
    (Column("UPDATED", "updated_at"),),
    (*TENANT_FIELDS, "unpriced_models", "updated_at"),
)


@click.group(cls=AdminGroup)
def organisation() -> None:
    """Show and change what limits all keys together."""


@organisation.command()
@click.pass_obj
def show(session: Session) -> None:
    """Show the organisation's limits and budgets."""
    session.show(SHAPE, session.client.get(PATH))


@organisation.command()
@level_options(clearing=True)
@unpriced_option
@client_gone_option(clearing=False)
@click.pass_obj
def update(session: Session, /, **given: Any) -> None:
    """Change them; what is not given stays. What is given takes the old one's place."""
    body = something(level_members(given) | unpriced_member(given))
    session.show(SHAPE, session.client.send("PATCH", PATH, body=body).body)
