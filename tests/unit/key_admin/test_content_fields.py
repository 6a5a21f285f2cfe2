"""The members that the admin API takes are those that relay's rules have, with their defaults."""

import msgspec
import pytest

from common.domain.content_policy import ContentPattern, ContentPolicy, Webhook
from common.domain.content_rules import MEMBERS
from common.domain.response_cache import CachePolicy
from common.redaction.policy import CustomPattern, RedactionPolicy
from functions.key_admin.models.content import (
    ContentPatternFields,
    ContentPolicyFields,
    ContentSent,
    ContentShown,
    CustomEntityFields,
    RedactionFields,
    ResponseCacheFields,
    WebhookFields,
)

PAIRS = [
    (RedactionFields, RedactionPolicy, {"entities"}),
    (CustomEntityFields, CustomPattern, set()),
    (ContentPolicyFields, ContentPolicy, set()),
    (ContentPatternFields, ContentPattern, set()),
    (WebhookFields, Webhook, set()),
    (ResponseCacheFields, CachePolicy, set()),
]


def default_of(field):
    made = field.default
    if made is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
        made = field.default_factory()
    return list(made) if isinstance(made, tuple) else made


@pytest.mark.parametrize(("model", "struct", "required"), PAIRS)
def test_members_and_defaults_are_the_same(model, struct, required):
    """`required`: what the API wants to be said although the rules know what silence means."""
    rules = {field.name: default_of(field) for field in msgspec.structs.fields(struct)}
    assert set(model.model_fields) == set(rules)
    for name, field in model.model_fields.items():
        if field.is_required():
            assert rules[name] is msgspec.NODEFAULT or name in required
        else:
            assert field.get_default(call_default_factory=True) == rules[name], name


def test_all_rules_are_taken_and_shown():
    assert tuple(ContentSent.model_fields) == tuple(ContentShown.model_fields) == MEMBERS
