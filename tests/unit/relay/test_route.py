"""In which order accounts are asked."""

import itertools
import math
from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.domain.accounts import built_in_account_id
from common.domain.ids import encode_ulid
from common.domain.keys import KeyRecord
from common.domain.routing_table import EMPTY_TABLE
from common.identifiers import new_ulid
from common.price_book import current_price_book
from functions.relay.latencies import Latencies
from functions.relay.snapshots import UsableAccount
from functions.relay.stages.route import World, route

PRICES = current_price_book()
ANY: dict[str, str] = {}
BUILT_IN = UsableAccount(
    built_in_account_id("openai"), "built-in", "openai", "http://x", built_in=True
)


def account(name, **fields):
    return UsableAccount(new_ulid(), name, "openai", "http://x", **fields)


def routed(*accounts, model="gpt-4o", request_id="", routing=(), table=EMPTY_TABLE, latencies=None):
    request = SimpleNamespace(
        id=request_id or new_ulid(),
        key=KeyRecord("01K", "alice"),
        parsed=SimpleNamespace(model=model, job=None, follows=None),
        endpoint=SimpleNamespace(
            name="chat.completions", scope="chat", dialect="openai", path="/v1/chat/completions"
        ),
        pinned_account_id=None,
        access=(),
        may_translate=False,
        routing=routing,
    )
    world = World(list(accounts), table, PRICES, latencies or Latencies(), deny_unpriced=False)
    found = route(request, world)  # type: ignore[arg-type]
    return [one.name for one in found]


@pytest.mark.parametrize("models", [{"own": "own"}, {"o*": "o*"}])
@pytest.mark.parametrize("priority", [1, 50, 99])
def test_who_names_the_model_comes_before_who_serves_anything(models, priority):
    named = account("named", models=models, priority=priority)
    assert routed(BUILT_IN, named, model="own") == ["named", "built-in"]
    assert routed(BUILT_IN, named, model="gpt-4o") == ["built-in"]


def test_then_the_priority_counts():
    named = {"models": {"gpt-4o": "gpt-4o"}}
    accounts = [
        account("first", priority=1, **named),
        account("second", priority=2, **named),
        account("third", priority=0),
        account("fourth", priority=7),
    ]
    for order in itertools.permutations(accounts):
        assert routed(*order) == ["first", "second", "third", "fourth"]


REQUESTS = [encode_ulid(1_764_000_000_000 + number, bytes(10)) for number in range(2000)]


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=4))
@settings(max_examples=25, deadline=None)
def test_among_equals_each_is_first_as_often_as_its_weight_says(weights):
    accounts = [
        UsableAccount(f"01A{number}", str(number), "openai", "http://x", weight=weight)
        for number, weight in enumerate(weights)
    ]
    firsts = Counter(routed(*accounts, request_id=request)[0] for request in REQUESTS)
    for number, weight in enumerate(weights):
        share = weight / sum(weights)
        deviation = math.sqrt(share * (1 - share) / len(REQUESTS))
        assert abs(firsts[str(number)] / len(REQUESTS) - share) < 5 * deviation + 0.001


def test_the_order_is_the_same_at_every_look_and_another_for_another_request():
    accounts = [account(str(number)) for number in range(4)]
    orders = {request: routed(*accounts, request_id=request) for request in REQUESTS[:50]}
    for request, order in orders.items():
        assert routed(*reversed(accounts), request_id=request) == order
    assert len({tuple(order) for order in orders.values()}) > 10


def test_a_slow_account_is_first_less_often():
    slow, quick = account("slow"), account("quick")
    latencies = Latencies()
    for _ in range(50):
        latencies.learn(stream_of(slow, 1000))  # type: ignore[arg-type]
        latencies.learn(stream_of(quick, 0))  # type: ignore[arg-type]
    firsts = Counter(
        routed(slow, quick, request_id=each, latencies=latencies)[0] for each in REQUESTS
    )
    assert abs(firsts["slow"] / len(REQUESTS) - 1 / 3) < 0.06
    assert (latencies.weight_of(slow, "gpt-4o"), latencies.weight_of(quick, "gpt-4o")) == (
        500,
        1000,
    )
    assert latencies.weight_of(slow, "another") == 1000


@pytest.mark.parametrize(
    "change", [{"streaming": False}, {"attempts": 2}, {"queued_ms": 5}, {"first_token_ms": None}]
)
def test_what_says_nothing_of_the_account_is_not_learned(change):
    slow, latencies = account("slow"), Latencies()
    latencies.learn(stream_of(slow, 3000, **change))  # type: ignore[arg-type]
    assert latencies.weight_of(slow, "gpt-4o") == 1000


def stream_of(served_by, took_ms, **change):
    members = {"account": served_by, "streaming": True, "attempts": 1, "queued_ms": None}
    members |= {"first_token_ms": took_ms, "parsed": SimpleNamespace(model="gpt-4o")}
    return SimpleNamespace(**(members | change))


def test_a_weight_is_no_priority():
    accounts = [account("heavy", priority=2, weight=1000), account("light", priority=1)]
    assert all(routed(*accounts, request_id=each) == ["light", "heavy"] for each in REQUESTS[:50])
