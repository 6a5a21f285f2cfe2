"""`relayctl organisation`: what limits all keys together."""

from typing import Any

import click

from cli.admin.changing import send_change
from cli.admin.content import NAMES as CONTENT_FIELDS
from cli.admin.content import content_members, content_options
from cli.admin.levels import TENANT_FIELDS, level_members, level_options
from cli.admin.limits import client_gone_option, unpriced_member, unpriced_option
from cli.admin.options import AdminGroup, Session
from cli.admin.output import Column, Shape
from cli.admin.routing import FALLBACK_FIELDS, routing_members, routing_options

PATH = "/internal/organisation"
SHAPE = Shape(
    "organisation",
    (Column("UPDATED", "updated_at"),),
    (*TENANT_FIELDS, *FALLBACK_FIELDS, *CONTENT_FIELDS, "unpriced_models", "updated_at"),
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
@routing_options("organisation", clearing=True)
@unpriced_option
@client_gone_option(clearing=False)
@content_options(clearing=True)
@click.pass_obj
def update(session: Session, /, **given: Any) -> None:
    """Change them; what is not given stays."""
    changes = level_members(given) | unpriced_member(given) | routing_members(given)
    send_change(session, SHAPE, PATH, changes | content_members(given))
