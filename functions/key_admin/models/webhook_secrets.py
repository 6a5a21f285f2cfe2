"""Secrets of content policies' webhooks, as asked for and as answered."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from common.domain.content_policy import URL_CHARACTERS_MAX
from common.domain.http_addresses import webhook_address
from functions.key_admin.models.fields import Sent


class WebhookSecretAsked(Sent):
    """Whose secret is wanted."""

    url: Annotated[
        str,
        Field(max_length=URL_CHARACTERS_MAX, description="exactly as the policy has it"),
        AfterValidator(webhook_address),
    ]


class WebhookSecret(BaseModel):
    """What a receiver verifies `webhook-signature` by, as standardwebhooks.com says it."""

    url: str
    secret: str = Field(description="`whsec_` and the key in base64; it is this URL's alone")
