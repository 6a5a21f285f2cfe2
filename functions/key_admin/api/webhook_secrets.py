"""`/internal/content-policy/webhook-secret`: by what receivers know that Relay asks."""

from starlette.responses import Response

from common import secrets
from common.domain.roles import ADMINISTER
from common.domain.standard_webhooks import shown_secret
from common.guardrails.webhooks import key_purpose
from functions.key_admin.models.webhook_secrets import WebhookSecret, WebhookSecretAsked
from functions.key_admin.operation import Call, Operation, answered

PATH = "/internal/content-policy/webhook-secret"


async def show_webhook_secret(call: Call) -> Response:
    """The secret by which requests to a content policy's webhook are signed.

    It follows from the URL and this installation's internal secret, and changes with either;
    nothing is stored. That it was shown is in the audit trail.
    """
    url = call.sent(WebhookSecretAsked).url
    key = secrets.derive(call.services.settings.internal_secret, key_purpose(url))
    async with call.services.database.transaction() as connection:
        await call.audit(connection, "webhook-secret.show", url)
    return answered(WebhookSecret(url=url, secret=shown_secret(key)))


OPERATIONS = (
    Operation("POST", PATH, show_webhook_secret, "Show a webhook's secret",
              "Redaction", may=ADMINISTER,

              answer=WebhookSecret, body=WebhookSecretAsked),
)  # fmt: skip
