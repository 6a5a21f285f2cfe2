"""The price book that ships: complete, right where checked by hand, and the newest one is used."""

import json

import pytest

from common import price_book
from common.domain.prices import InvalidPriceBook
from common.domain.usage import Tokens
from echo_provider.models import anthropic_served, openai_served
from tests.support.costs import cost_pico

BOOK = price_book.current_price_book()
FILE = json.loads((price_book.DIRECTORY / f"{BOOK.version}.json").read_bytes())
ENTRIES = [
    pytest.param(provider, model, entry, id=f"{provider}-{model}")
    for provider, models in FILE["providers"].items()
    for model, entry in models.items()
]
RATES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
MILLION = 1_000_000


def test_it_is_read_once():
    assert price_book.current_price_book() is BOOK


def test_the_file_says_from_when_on_it_holds():
    assert BOOK.version.startswith(FILE["effective"])


@pytest.mark.parametrize(("provider", "model", "entry"), ENTRIES)
def test_every_entry_is_complete_and_has_its_source(provider, model, entry):
    price = BOOK.find(model)
    kind = entry.get("kind", "text")
    assert all(
        (getattr(price, rate) > 0) == (kind != "moderation") for rate in RATES if rate != "output"
    )
    assert (price.output > 0) == (kind == "text")
    assert price.cache_read <= price.input
    assert kind != "text" or price.input <= price.output
    assert price.input <= price.cache_write_5m <= price.cache_write_1h
    assert price.max_output_tokens <= price.context_window
    assert model in BOOK.models(provider)
    if entry.get("fictitious"):
        assert model == "echo"
    else:
        assert FILE["sources"][entry["source"]].startswith("https://")


@pytest.mark.parametrize(("provider", "model", "entry"), ENTRIES)
def test_a_long_context_costs_more(provider, model, entry):
    price = BOOK.find(model)
    if price.long_context is not None:
        assert price.long_context.over_input_tokens < price.context_window
        assert all(getattr(price.long_context, rate) > getattr(price, rate) for rate in RATES)


# USD per million tokens, from the providers' price lists: input, output, cache read.
@pytest.mark.parametrize(
    ("model", "usd"),
    [
        ("gpt-4o", (2.5, 10, 1.25)),
        ("gpt-4o-mini", (0.15, 0.6, 0.075)),
        ("gpt-4.1", (2, 8, 0.5)),
        ("text-embedding-3-small", (0.02, 0, 0.02)),
        ("gpt-5", (1.25, 10, 0.125)),
        ("gpt-5-nano", (0.05, 0.4, 0.005)),
        ("o3", (2, 8, 0.5)),
        ("gpt-6.2-sol", (2, 10, 0.1)),
        ("claude-sonnet-4-5", (3, 15, 0.3)),
        ("claude-haiku-4-5", (1, 5, 0.1)),
        ("claude-opus-4-1", (15, 75, 1.5)),
        ("claude-3-5-haiku-latest", (0.8, 4, 0.08)),
        ("echo", (1, 2, 0.1)),
    ],
)
def test_prices_checked_by_hand(model, usd):
    price = BOOK.find(model)
    assert (price.input, price.output, price.cache_read) == tuple(
        round(dollars * MILLION) for dollars in usd
    )


def test_what_a_request_costs():
    # The record in docs/architecture.md: 9 x $0.15 and 12 x $0.60 a million.
    assert cost_pico(BOOK.find("gpt-4o-mini"), Tokens(input=9, output=12)) == 8_550_000


def test_haiku_5_5_over_100k_tokens():
    price = BOOK.find("claude-haiku-5-5")
    assert cost_pico(price, Tokens(input=100_000)) == 100_000 * 100_000
    assert cost_pico(price, Tokens(input=1, cache_read=100_000)) == 500_000 + 100_000 * 50_000


# Anthropic: a read is a tenth of the input's price, a write 1.25 or 2 times; these differ.
READS = {"claude-opus-5-5": 0.05, "claude-sonnet-5-5": 0.05, "claude-3-haiku-20240307": 0.12}
WRITES = {"claude-3-haiku-20240307": (1.2, 2)}


@pytest.mark.parametrize("model", BOOK.models("anthropic"))
def test_cache_multipliers_of_anthropic(model):
    price = BOOK.find(model)
    assert price.cache_read == round(price.input * READS.get(model, 0.1))
    short, long = WRITES.get(model, (1.25, 2))
    assert (price.cache_write_5m, price.cache_write_1h) == (
        round(price.input * short),
        round(price.input * long),
    )


@pytest.mark.parametrize("model", BOOK.models("openai"))
def test_cache_writes_of_openai(model):
    price = BOOK.find(model)
    if model == "echo":
        return
    metered = model.startswith(("gpt-5.6", "gpt-6"))
    assert price.cache_write_5m == price.input * (5 if metered else 4) // 4
    assert price.cache_write_1h == price.input * (5 if metered else 2) // 2


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_dated_versions_cost_what_their_alias_costs(provider):
    served = openai_served if provider == "openai" else anthropic_served
    for model in BOOK.models(provider):
        answers = served(model)
        if answers is not None:
            assert BOOK.find(answers) is BOOK.find(model), model


def test_what_was_left_out_has_no_price():
    assert not [model for model in FILE["left_out"] if BOOK.find(model) is not None]


def test_a_dated_version_with_a_price_of_its_own():
    assert BOOK.find("gpt-4o-2024-05-13").input == 5 * MILLION


def test_versions_sort():
    shuffled = ["2026-11-25.10", "2026-11-25", "2025-12-31.9", "2026-11-25.2", "2026-02-01"]
    assert sorted(shuffled, key=price_book.version_order) == [
        *("2025-12-31.9", "2026-02-01", "2026-11-25", "2026-11-25.2", "2026-11-25.10")
    ]


def _write(directory, name, version):
    (directory / name).write_text(json.dumps(FILE | {"version": version}))


def test_the_newest_is_used(tmp_path):
    for version in ("2026-11-25.2", "2026-11-25.10", "2026-11-24"):
        _write(tmp_path, f"{version}.json", version)
    assert price_book.newest_price_book(tmp_path).version == "2026-11-25.10"


def test_a_file_is_named_by_its_version(tmp_path):
    _write(tmp_path, "2026-11-25.json", "2026-11-26")
    with pytest.raises(InvalidPriceBook, match="2026-11-26"):
        price_book.newest_price_book(tmp_path)


def test_no_file_and_no_version(tmp_path):
    with pytest.raises(InvalidPriceBook, match="no price book"):
        price_book.newest_price_book(tmp_path)
    _write(tmp_path, "latest.json", "latest")
    with pytest.raises(InvalidPriceBook, match="latest"):
        price_book.newest_price_book(tmp_path)
