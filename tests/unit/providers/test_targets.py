"""Which accounts can serve a request, whatever dialect it is written in."""

import pytest

from common.domain.credentials import UsableAccount
from common.identifiers import new_ulid
from common.price_book import current_price_book
from common.providers.targets import able, target_of

PRICES = current_price_book()


def account(provider, **fields):
    return UsableAccount(new_ulid(), provider, provider, "http://x", **fields)


def providers(found):
    return [one.provider for one in found]


OPENAI, ANTHROPIC, COMPATIBLE = map(account, ("openai", "anthropic", "openai_compatible"))
ALL = (OPENAI, ANTHROPIC, COMPATIBLE)


@pytest.mark.parametrize(
    ("endpoint", "model", "served_by", "translates"),
    [
        ("chat.completions", "gpt-4o-mini", ["openai", "openai_compatible"], False),
        ("chat.completions", "claude-sonnet-4-5", ["anthropic", "openai_compatible"], True),
        (
            "chat.completions",
            "claude-sonnet-4-5-20250929",
            ["anthropic", "openai_compatible"],
            True,
        ),
        ("messages", "claude-sonnet-4-5", ["anthropic"], False),
        ("messages", "gpt-4o-mini", ["openai"], True),
        # Who knows whose it is: only those whose bytes they are.
        ("chat.completions", "unheard-of", ["openai", "openai_compatible"], False),
        ("messages", "unheard-of", ["anthropic"], False),
        # What is no conversation is never translated.
        ("embeddings", "claude-sonnet-4-5", ["openai", "openai_compatible"], False),
        ("messages.count_tokens", "gpt-4o-mini", ["anthropic"], False),
    ],
)
def test_accounts_without_a_list(endpoint, model, served_by, translates):
    found, translated = able(ALL, endpoint, model, PRICES)
    assert (providers(found), translated) == (served_by, translates)


def test_an_account_that_names_the_model_serves_it_in_any_format():
    named = account("anthropic", models={"mine": "claude-sonnet-4-5"})
    for endpoint in ("chat.completions", "responses", "messages", "gemini.stream"):
        found, translated = able((named,), endpoint, "mine", PRICES)
        assert found == [named]
        assert translated == (endpoint != "messages")
        assert able((named,), endpoint, "other", PRICES) == ([], False)
    assert target_of(named, "embeddings", "mine") is None


def test_what_a_provider_keeps_is_not_translated():
    named = account("anthropic", models={"mine": "claude-sonnet-4-5"})
    both = (account("openai", models={"mine": "gpt-5"}), named)
    found, translated = able(both, "responses", "mine", PRICES, untranslated=True)
    assert (providers(found), translated) == (["openai"], False)
