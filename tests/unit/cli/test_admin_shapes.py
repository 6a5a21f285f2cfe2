"""What relayctl shows is what the admin API answers: neither has a field that the other lacks."""

import pytest

from cli.admin import (
    accounts,
    aliases,
    audit,
    cache,
    content_policy,
    dead_letters,
    groups,
    keys,
    models,
    notifications,
    organisation,
    output,
    quarantine,
    receipts,
    redaction,
    route,
    self_service,
    service_accounts,
    signing_in,
    teams,
    usage,
    users,
)
from functions.key_admin.models import accounts as account_models
from functions.key_admin.models import (
    content_trial,
    directory,
    explained,
    operations,
    response_cache,
    webhook_secrets,
)
from functions.key_admin.models import keys as key_models
from functions.key_admin.models import limits as limit_models
from functions.key_admin.models import notifications as notification_models
from functions.key_admin.models import receipts as receipt_models
from functions.key_admin.models import routing as routing_models
from functions.key_admin.models import self_service as self_models
from functions.key_admin.models import service_accounts as service_account_models
from functions.key_admin.models import sessions as session_models
from functions.key_admin.models import usage as usage_models

SHAPES = [
    (keys.SHAPE, key_models.KeyAnswer, set()),
    (keys.MADE, key_models.KeyMade, set()),
    (accounts.SHAPE, account_models.AccountAnswer, set()),
    (users.SHAPE, directory.UserAnswer, set()),
    (notifications.SHAPE, notification_models.ChannelAnswer, set()),
    (notifications.MESSAGES, notification_models.DeliveryAnswer, set()),
    (groups.SHAPE, routing_models.GroupAnswer, set()),
    (aliases.SHAPE, routing_models.AliasAnswer, set()),
    (models.SHAPE, routing_models.ModelAnswer, set()),
    (route.SHAPE, explained.AccountExplained, set()),
    (teams.SHAPE, directory.TeamAnswer, set()),
    (organisation.SHAPE, limit_models.OrganisationAnswer, set()),
    (redaction.SHAPE, content_trial.TrialFinding, set()),
    (content_policy.SHAPE, webhook_secrets.WebhookSecret, set()),
    (usage.RECORDS, usage_models.Record, set()),
    (receipts.SHAPE, receipt_models.AdminReceipt, {"object"}),
    (audit.SHAPE, operations.AuditAnswer, set()),
    (quarantine.SHAPE, operations.QuarantineAnswer, set()),
    (service_accounts.SHAPE, service_account_models.ServiceAccountAnswer, set()),
    (service_accounts.MADE, service_account_models.ServiceAccountMade, set()),
    (signing_in.SESSIONS, session_models.SessionShown, set()),
    (signing_in.WHO, session_models.ActorAnswer, {"csrf_token"}),
    (self_service.WHO, self_models.SelfAnswer, set()),
    (self_service.SHAPE, self_models.OwnKeyShown, set()),
    (self_service.MADE, self_models.OwnKeyMade, set()),
    (self_service.REQUESTS, self_models.OwnRecord, set()),
    (self_service.RECEIPT, self_models.OwnReceipt, {"object"}),
    (self_service.CHECKED, self_models.KeyChecked, {"limits"}),
    (cache.SHAPE, response_cache.KeptAnswer, set()),
    (dead_letters.SHAPE, operations.DeadLetterAnswer, set()),
]


# Of the model and a number: the sets have no order that two processes agree on.
NAMES = [f"{model.__name__}-{number}" for number, (_, model, _) in enumerate(SHAPES)]


@pytest.mark.parametrize(("shape", "model", "left_out"), SHAPES, ids=NAMES)
def test_all_fields_are_shown(shape, model, left_out):
    shown = {field.partition(".")[0] for field in shape.fields}
    assert shown == set(model.model_fields) - left_out
    columns = {path.partition(".")[0] for one in shape.columns for path in one.path.split("+")}
    assert columns <= shown


def test_all_classes_of_tokens_are_shown():
    assert set(output.TOKEN_CLASSES) == set(usage_models.Tokens.model_fields)


def test_every_filter_of_usage_is_an_option():
    query = set(usage_models.UsageQuery.model_fields)
    for name in ("sums", "records", "leaderboard"):
        options = {param.name for param in usage.usage.commands[name].params}
        assert query <= options
