"""What both records allow: never more than either, and all of it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.access import ALL_SCOPES
from common.domain.accounts import AccountRecord
from common.domain.content_rules import NO_CONTENT, ContentRules
from common.domain.keys import KeyRecord
from common.domain.narrowing import (
    narrowed_account,
    narrowed_key,
    narrowed_policy,
    narrowed_status,
    sooner,
)
from common.domain.periods import Calendar
from common.domain.policies import (
    NO_POLICY,
    Budget,
    ClientGone,
    Limits,
    Policy,
    Queue,
    Window,
)

MODELS = ("gpt-4o", "gpt-4o-mini", "o3", "claude-3", "")
PATTERNS = st.lists(
    st.sampled_from(["gpt-*", "gpt-4o", "*-mini", "o3", "claude-?", "*"]), max_size=3
)
ENDS = st.none() | st.integers(1, 9)
KEYS = st.builds(
    KeyRecord,
    id=st.just("01K"),
    user_id=st.just("alice"),
    name=st.sampled_from(["old", "new"]),
    scopes=st.lists(st.sampled_from(ALL_SCOPES), max_size=3, unique=True),
    models_allow=PATTERNS,
    models_deny=PATTERNS,
    expires_at_ms=ENDS,
)
ACCOUNTS = st.builds(
    AccountRecord,
    id=st.just("01A"),
    name=st.sampled_from(["old", "new"]),
    provider=st.just("openai"),
    base_url=st.sampled_from(["https://one", "https://two"]),
    models=st.dictionaries(
        st.sampled_from([*MODELS[:3], "gpt-*", "*-mini", "*"]),
        st.sampled_from(["x", "y"]),
        max_size=2,
    ),
    max_concurrency=st.integers(0, 3),
    enabled=st.booleans(),
)


@given(KEYS, KEYS)
def test_a_key_may_do_what_both_records_allow_and_no_more(old, new):
    both = narrowed_key(old, new)
    for scope in ALL_SCOPES:
        assert both.allows_scope(scope) == (old.allows_scope(scope) and new.allows_scope(scope))
    for model in MODELS:
        assert both.allows_model(model) == (old.allows_model(model) and new.allows_model(model))
    assert both.expires_at_ms == sooner(old.expires_at_ms, new.expires_at_ms)
    assert both.name == old.name
    assert msgspec.json.decode(msgspec.json.encode(both), type=KeyRecord) == both


@given(KEYS)
def test_a_key_that_only_gains_stays_as_it_is_until_it_is_committed(old):
    gains = msgspec.structs.replace(old, name="new", scopes=[], models_allow=[], models_deny=[])
    gains = msgspec.structs.replace(gains, expires_at_ms=None)
    assert narrowed_key(old, gains) == narrowed_key(old, old)
    if old.models_allow:
        more = msgspec.structs.replace(old, models_allow=["o3", *old.models_allow])
        assert narrowed_key(old, more).models_allow_too == []


@given(ACCOUNTS, ACCOUNTS)
def test_an_account_serves_what_both_records_allow_and_no_more(old, new):
    both = narrowed_account(old, new)
    for model in MODELS[:3]:
        served = both.enabled and both.served_model(model) is not None
        assert not served or both.served_model(model) == old.served_model(model)
        assert served == all(
            each.enabled and each.served_model(model) is not None for each in (old, new)
        )
    bounds = [bound for bound in (old.max_concurrency, new.max_concurrency) if bound]
    assert both.max_concurrency == (min(bounds) if bounds else 0)
    assert (both.name, both.base_url) == (old.name, old.base_url)


def test_active_is_only_what_is_so_before_and_after():
    assert narrowed_status("active", "active") == "active"
    assert narrowed_status("active", "revoked") == "revoked"
    assert narrowed_status("disabled", "active") == "disabled"
    assert narrowed_status("revoked", "active") == "revoked"


@pytest.mark.parametrize(
    ("old", "new", "both"),
    [
        (NO_POLICY, Policy(Limits(1)), Policy(Limits(1))),
        (Policy(Limits(1, 2)), Policy(Limits(2, 1)), Policy(Limits(1, 1))),
        (Policy(Limits(1)), NO_POLICY, Policy(Limits(1))),
        (Policy(budgets=(Budget("day", "1"),)), Policy(budgets=(Budget("day", "2"),)),
         Policy(budgets=(Budget("day", "1"), Budget("day", "2")))),
        (Policy(budgets=(Budget("day", "1"),)),
         Policy(budgets=(Budget("day", "2"),), calendar=Calendar("Asia/Tokyo")),
         Policy(budgets=(Budget("day", "1"),))),
        (NO_POLICY, Policy(budgets=(Budget("day", "2"),), calendar=Calendar("Asia/Tokyo")),
         Policy(budgets=(Budget("day", "2"),), calendar=Calendar("Asia/Tokyo"))),
        (Policy(Limits(window=Window(5, 9, 9, "10"))), Policy(Limits(window=Window(5, 8, 10, "9"))),
         Policy(Limits(window=Window(5, 8, 9, "9")))),
        (NO_POLICY, Policy(Limits(concurrency=2, queue=Queue(5, 9))),
         Policy(Limits(concurrency=2, queue=Queue(5, 9)))),
        (Policy(Limits(concurrency=2)), Policy(Limits(concurrency=3, queue=Queue(5, 9))),
         Policy(Limits(concurrency=2))),
        (Policy(Limits(concurrency=2, queue=Queue(5, 9))),
         Policy(Limits(concurrency=1, queue=Queue(6, 8))),
         Policy(Limits(concurrency=1, queue=Queue(5, 8)))),
        (Policy(Limits(window=Window(5, 9))), Policy(Limits(window=Window(6, 1))),
         Policy(Limits(window=Window(5, 9)))),
        # What is no right stays as it was until the commit.
        (NO_POLICY, Policy(Limits(1), client_gone=ClientGone("drain")), Policy(Limits(1))),
        (Policy(client_gone=ClientGone("drain")), Policy(Limits(1)),
         Policy(Limits(1), client_gone=ClientGone("drain"))),
    ],
)  # fmt: skip
def test_until_a_change_is_committed_the_limits_of_both_hold(old, new, both):
    assert narrowed_policy(old, new) == both


MASKED, NOTHING = {"entities": {"CONTACT": "mask"}}, {"threshold": 0.5}
BLOCKED = {"entities": {"CONTACT": "block"}}
OFF, ON = {"mode": "off"}, {"mode": "on"}


@pytest.mark.parametrize(
    ("old", "new", "both"),
    [
        (NO_CONTENT, ContentRules(MASKED), ContentRules(MASKED)),
        (ContentRules(MASKED), ContentRules(BLOCKED), ContentRules(BLOCKED)),
        (ContentRules(MASKED), NO_CONTENT, ContentRules(MASKED)),
        # Both say less than what the levels above may say.
        (ContentRules(MASKED), ContentRules(NOTHING), ContentRules(MASKED)),
        (NO_CONTENT, ContentRules(NOTHING), NO_CONTENT),
        (NO_CONTENT, ContentRules(None, {"patterns": []}), ContentRules(None, {"patterns": []})),
        (ContentRules(None, {"patterns": []}), NO_CONTENT, ContentRules(None, {"patterns": []})),
        (NO_CONTENT, ContentRules(None, None, ON), ContentRules(None, None, OFF)),
        (ContentRules(None, None, ON), NO_CONTENT, ContentRules(None, None, OFF)),
        (ContentRules(None, None, ON), ContentRules(MASKED, None, ON),
         ContentRules(MASKED, None, ON)),
    ],
)  # fmt: skip
def test_until_a_change_is_committed_the_stricter_rules_of_content_hold(old, new, both):
    assert narrowed_policy(Policy(content=old), Policy(content=new)).content == both
