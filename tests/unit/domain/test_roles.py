"""Who may what, and what of it they see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain import roles
from common.domain.roles import Actor, Bounds, Role, Rule, Scope

RANKED = [Role.VIEWER, Role.OPERATOR, Role.ADMIN]
names = st.sampled_from(["a", "b", "c"])
scopes = st.builds(
    Scope,
    team_ids=st.none() | st.frozensets(names),
    user_id=st.none() | names,
    key_id=st.none() | names,
)


def actor(role, **members):
    return Actor("somebody", "password", role, "password:somebody", **members)


@pytest.mark.parametrize("least", RANKED)
@pytest.mark.parametrize("role", RANKED)
def test_a_rank_may_what_those_before_it_may(least, role):
    assert Rule(least).admits(actor(role)) == (RANKED.index(role) >= RANKED.index(least))


@pytest.mark.parametrize("least", [Role.TEAM_ADMIN, Role.PORTAL])
def test_a_rule_names_a_rank(least):
    with pytest.raises(ValueError, match="no rank"):
        Rule(least)


def test_those_who_see_a_part_are_named_by_the_rule():
    team_admin, portal = actor(Role.TEAM_ADMIN), actor(Role.PORTAL, user_id="alice")
    holder = actor(Role.PORTAL, key_id="k")
    for rule, expected in (
        (roles.READ, (False, False, False)),
        (roles.READ_TEAMS, (True, False, False)),
        (roles.CHANGE_OWN, (False, True, False)),
        (roles.SEE_OWN, (False, True, True)),
        (roles.SIGNED_IN, (True, True, True)),
    ):
        assert tuple(rule.admits(one) for one in (team_admin, portal, holder)) == expected


def test_a_service_account_may_no_more_than_its_areas():
    bound = actor(Role.ADMIN, areas=frozenset({"keys"}))
    assert roles.ADMINISTER.admits(bound, "keys")
    assert not roles.READ.admits(bound, "usage")
    assert roles.SIGNED_IN.admits(bound, "sessions")


def test_a_role_without_its_bound_sees_nothing():
    assert actor(Role.TEAM_ADMIN).scope.bounds().team_ids == []
    assert actor(Role.PORTAL).scope.bounds().team_ids == []
    assert actor(Role.VIEWER).scope.everything
    assert not actor(Role.PORTAL, user_id="alice").scope.everything


def test_the_bounds_of_a_list():
    own = Scope(team_ids=frozenset({"a", "b"}))
    assert own.bounds() == Bounds(["a", "b"], None, None)
    assert own.bounds("a") == Bounds(["a"], None, None)
    assert own.bounds("c").team_ids == []
    assert Scope(user_id="u").bounds() == Bounds(None, "u", None)
    assert Scope(user_id="u").bounds("c", "u") == Bounds(["c"], "u", None)
    assert Scope(user_id="u").bounds(user_id="v").team_ids == []
    assert Scope(key_id="k").bounds(key_id="l").team_ids == []
    assert Scope().bounds("a", "u", "k") == Bounds(["a"], "u", "k")


@given(scopes, names | st.none(), names | st.none(), names | st.none(), names, names, names)
def test_a_list_shows_what_is_asked_for_and_seen(
    scope, team_id, user_id, key_id, its_team, its_user, its_key
):
    bounds = scope.bounds(team_id, user_id, key_id)
    listed = (
        (bounds.team_ids is None or its_team in bounds.team_ids)
        and bounds.user_id in (None, its_user)
        and bounds.key_id in (None, its_key)
    )
    asked = team_id in (None, its_team) and user_id in (None, its_user)
    asked = asked and key_id in (None, its_key)
    assert listed == (asked and scope.covers(team_id=its_team, user_id=its_user, key_id=its_key))


def test_the_words_name_all_roles():
    assert roles.SHARED.words == (
        "viewer, operator, admin, team_admin (of its teams), portal (their own)"
    )
    assert roles.SEE_OWN.words == "portal (their own)"
    assert roles.ADMINISTER.words == "admin"
    assert roles.PUBLIC.words == "anybody"
