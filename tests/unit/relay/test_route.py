"""In which order accounts are asked."""

import itertools
from types import SimpleNamespace

import pytest

from common.domain.accounts import built_in_account_id
from common.domain.keys import KeyRecord
from common.identifiers import new_ulid
from common.price_book import current_price_book
from functions.relay.snapshots import UsableAccount
from functions.relay.stages.route import route

PRICES = current_price_book()
ANY: dict[str, str] = {}
BUILT_IN = UsableAccount(
    built_in_account_id("openai"), "built-in", "openai", "http://x", built_in=True
)


def account(name, **fields):
    return UsableAccount(new_ulid(), name, "openai", "http://x", **fields)


def routed(*accounts, model="gpt-4o", request_id=""):
    request = SimpleNamespace(
        id=request_id or new_ulid(),
        key=KeyRecord("01K", "alice"),
        parsed=SimpleNamespace(model=model),
        endpoint=SimpleNamespace(scope="chat", dialect="openai", path="/v1/chat/completions"),
        pinned_account_id=None,
    )
    found = route(request, list(accounts), PRICES, deny_unpriced=False)  # type: ignore[arg-type]
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
