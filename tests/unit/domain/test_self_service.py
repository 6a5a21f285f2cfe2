"""What a team lets its people do, and what of a key would be above it."""

from datetime import UTC, datetime, timedelta

import pytest

from common.domain.access import Access
from common.domain.claims import ClaimsRefused, is_verified, user_of
from common.domain.policies import Budget, Limits, Policy
from common.domain.self_service import (
    SelfService,
    above_team,
    exceeds_end,
    keys_allowed,
    latest_end,
    models_refused,
)

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def test_the_smaller_number_of_keys_holds():
    assert [keys_allowed(SelfService(keys_max=most), 5) for most in (None, 3, 9)] == [5, 3, 5]


def test_keys_end_in_time():
    rule = SelfService(expires_within_days=30)
    assert latest_end(rule, NOW) == NOW + timedelta(days=30)
    assert latest_end(SelfService(), NOW) is None
    ends = (NOW + timedelta(days=30), NOW + timedelta(days=30, seconds=1))
    assert [exceeds_end(rule, one, NOW) for one in ends] == [False, True]
    assert not exceeds_end(SelfService(), NOW + timedelta(days=10_000), NOW)


def test_limits_above_the_teams_are_named():
    team = Policy(
        limits=Limits(requests_per_minute=60, concurrency=2),
        budgets=(Budget("month", "50", "deny"), Budget("day", "1", "soft")),
    )
    given = Limits(requests_per_minute=60, tokens_per_minute=10**9, concurrency=3)
    budgets = (Budget("day", "9"), Budget("month", "50.000000001"), Budget("month", "50"))
    fields = [field for field, _ in above_team(team, given, budgets)]
    assert fields == ["limits.concurrency", "budgets[1].usd"]
    assert above_team(Policy(), given, budgets) == []


def test_models_that_the_team_may_not_use_are_named():
    team = Access(models_allow=("gpt-*",), models_deny=("gpt-5-pro",))
    allow = ["gpt-5", "gpt-5-pro", "claude-*", "o3"]
    assert [field for field, _ in models_refused(team, allow)] == ["models.allow[1]",
                                                                   "models.allow[3]"]  # fmt: skip
    assert models_refused(Access(), allow) == []
    # An alias may stand for what the team may use; one that is denied by its name may not be used.
    assert models_refused(team, ["fast", "gpt-5-pro"], {"fast", "gpt-5-pro"}) == [
        ("models.allow[1]", "your team may not use this model")
    ]


@pytest.mark.parametrize(
    ("found", "user_id", "expected"),
    [
        ([], "ada@x", "ada@x"),
        ([("old", "iss ada")], "ada@x", "old"),
        ([("ada@x", None), ("staff-7", None)], "ada@x", "ada@x"),
        ([("staff-7", None)], "ada@x", "staff-7"),
        ([("staff-7", None), ("staff-8", None)], "ada@x", "ada@x"),
    ],
)
def test_which_user_somebody_is(found, user_id, expected):
    assert user_of(found, "iss ada", user_id) == expected


@pytest.mark.parametrize("found", [[("ada@x", "iss eve")], [("staff-7", "iss eve")]])
def test_nobody_becomes_a_user_that_somebody_else_is(found):
    with pytest.raises(ClaimsRefused) as refused:
        user_of(found, "iss ada", "ada@x")
    assert refused.value.code == "user_taken"


def test_only_what_is_said_to_be_verified_is():
    said = (True, "true", False, "false", None)
    assert [is_verified({"email_verified": one}) for one in said] == [
        *(True, True, False, False, False)
    ]
    assert not is_verified({})
