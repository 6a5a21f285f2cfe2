"""`relayctl content-policy`: what content policies' webhooks need."""

import click

from cli.admin.options import AdminGroup, Session
from cli.admin.output import Column, Shape

PATH = "/internal/content-policy/webhook-secret"
SHAPE = Shape("secret", (Column("URL", "url"), Column("SECRET", "secret")), ("url", "secret"))


@click.group("content-policy", cls=AdminGroup)
def content_policy() -> None:
    """What content policies' webhooks need."""


@content_policy.command("webhook-secret")
@click.argument("address", metavar="URL")
@click.pass_obj
def webhook_secret(session: Session, /, address: str) -> None:
    """Show the secret by which requests to a webhook are signed.

    URL is the webhook's exactly as the policy has it; each has a secret of its own.
    """
    session.show(SHAPE, session.client.send("POST", PATH, body={"url": address}).body)
