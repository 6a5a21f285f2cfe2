"""Routing rules of a level: which accounts they leave, and that a change never admits more."""

from hypothesis import given
from hypothesis import strategies as st

from common.domain.accounts import AccountRecord
from common.domain.routing import NO_ROUTING, Routing, narrowed_routing
from common.domain.routing_table import RoutingTable, narrowed_table

ACCOUNTS = [
    AccountRecord(name, name, "openai", "http://x", region=region)
    for name, region in (("a", "eu"), ("b", "us"), ("c", ""), ("d", "EU"))
]
GROUPS = {"g": ("a", "b"), "h": ()}
ROUTINGS = st.builds(
    Routing,
    st.sampled_from([None, "a", "c"]),
    st.sampled_from([None, "g", "h", "gone"]),
    st.sampled_from([(), ("eu",), ("us", "eu")]),
    st.sampled_from([{}, {"m": ("n",)}]),
)


def left(routing):
    return {one.id for one in ACCOUNTS if routing.barred_by(one, GROUPS) is None}


def test_each_rule_leaves_its_accounts():
    assert left(NO_ROUTING) == {"a", "b", "c", "d"}
    assert left(Routing(account_id="c")) == {"c"}
    assert left(Routing(group_id="g")) == {"a", "b"}
    assert left(Routing(group_id="gone")) == set()
    assert left(Routing(regions=("eu",))) == {"a", "d"}
    assert left(Routing(group_id="g", regions=("us",))) == {"b"}


def test_the_rule_that_bars_is_named():
    other = ACCOUNTS[2]
    assert Routing(account_id="a").barred_by(other, GROUPS) == "account_id"
    assert Routing(group_id="g").barred_by(other, GROUPS) == "group_id"
    assert Routing(regions=("eu",)).barred_by(other, GROUPS) == "regions"


@given(ROUTINGS, ROUTINGS)
def test_until_the_commit_only_what_both_admit_serves(old, new):
    both = narrowed_routing(old, new)
    assert left(both) == left(old) & left(new)
    assert both.fallbacks == old.fallbacks


@given(ROUTINGS)
def test_a_change_of_nothing_changes_nothing(routing):
    assert narrowed_routing(routing, routing) is routing


def test_the_longest_glob_says_what_a_model_falls_back_to():
    routing = Routing(fallbacks={"gpt-*": ("one",), "gpt-4*": ("two",), "gpt-4o": ("three",)})
    assert routing.fallbacks_of("gpt-4o") == ("three",)
    assert routing.fallbacks_of("gpt-4.1") == ("two",)
    assert routing.fallbacks_of("gpt-5") == ("one",)
    assert routing.fallbacks_of("o3") is None


def test_until_the_commit_a_group_has_what_it_keeps():
    old = RoutingTable(groups={"g": ("a", "b"), "gone": ("c",)})
    new = RoutingTable(groups={"g": ("b", "c"), "new": ("a",)})
    assert narrowed_table(old, new).groups == {"g": ("b",), "gone": ("c",)}
