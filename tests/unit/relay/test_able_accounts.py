"""Which accounts can serve, kept from request to request."""

import pytest

from common.identifiers import new_ulid
from common.price_book import current_price_book
from common.providers.targets import able
from functions.relay.able_accounts import AbleAccounts
from functions.relay.snapshots import UsableAccount

PRICES = current_price_book()
ENDPOINT = "chat.completions"


def account(name, **fields):
    return UsableAccount(new_ulid(), name, "openai", "http://x", **fields)


@pytest.mark.parametrize("model", ["gpt-4o", "own", "claude-sonnet-4-5"])
def test_it_says_what_looking_anew_would(model):
    accounts = [
        account("any"),
        account("named", models={"own": "x"}),
        UsableAccount(new_ulid(), "other", "anthropic", "http://x"),
    ]
    known = AbleAccounts()
    for _ in range(2):
        assert known.of(accounts, PRICES, ENDPOINT, model) == able(
            accounts, ENDPOINT, model, PRICES
        )


def test_other_accounts_and_other_prices_are_looked_at():
    known, one, other = AbleAccounts(), [account("one")], [account("other")]
    for accounts in (one, other, one):
        found = known.of(accounts, PRICES, ENDPOINT, "gpt-4o")
        assert found is not None
        assert found[0] == accounts


def test_who_is_out_of_service_is_not_among_them():
    accounts = [account("off", enabled=False), account("drained", schedulable=False)]
    assert AbleAccounts().of(accounts, PRICES, ENDPOINT, "gpt-4o") == ([], False)


def test_where_an_account_ends_nothing_is_kept():
    accounts = [account("one"), account("ends", expires_at_ms=1)]
    assert AbleAccounts().of(accounts, PRICES, ENDPOINT, "gpt-4o") is None
