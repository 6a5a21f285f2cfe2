"""Prices: what tokens cost, how a model's price is found, what makes a book invalid."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.model_prices import LongContext, ModelPrice
from common.domain.prices import InvalidPriceBook, PriceBook
from common.domain.usage import TOKEN_CLASSES, Tokens
from tests.support.costs import cost_pico

RATES = {
    "input": 2_000_000,
    "output": 8_000_000,
    "cache_read": 500_000,
    "cache_write_5m": 2_500_000,
    "cache_write_1h": 4_000_000,
}
LIMITS = {"context_window": 200_000, "max_output_tokens": 64_000}
FLAT = ModelPrice(**RATES, **LIMITS)
AUDIO = ModelPrice(**RATES, **LIMITS, audio_input=40_000_000, audio_output=1_000_000)
TIERED = ModelPrice(
    **RATES,
    **LIMITS,
    long_context=LongContext(
        over_input_tokens=1000, **{name: rate * 2 for name, rate in RATES.items()}
    ),
)
COUNTS = st.integers(0, 2_000_000)


@st.composite
def used_tokens(draw):
    """Counts as providers report them: parts are no more than their whole."""
    count = {name: draw(COUNTS) for name in TOKEN_CLASSES[:5]}
    return Tokens(
        **count,
        reasoning=draw(st.integers(0, count["output"])),
        audio_input=draw(st.integers(0, count["input"])),
        audio_output=draw(st.integers(0, count["output"])),
    )


def _sum(one, other):
    return Tokens(*(getattr(one, name) + getattr(other, name) for name in TOKEN_CLASSES))


@pytest.mark.parametrize(
    ("tokens", "pico"),
    [
        (Tokens(), 0),
        (Tokens(input=9, output=12), 114_000_000),
        (Tokens(cache_read=10, cache_write_5m=10, cache_write_1h=10), 70_000_000),
        # Reasoning is in `output` already.
        (Tokens(output=10, reasoning=10), 80_000_000),
        # Without rates of its own, audio is text.
        (Tokens(input=10, audio_input=4), 20_000_000),
    ],
)
def test_each_class_at_its_rate(tokens, pico):
    assert cost_pico(FLAT, tokens) == pico


def test_audio_is_taken_out_of_its_whole():
    assert cost_pico(AUDIO, Tokens(input=10, audio_input=4)) == 6 * 2_000_000 + 4 * 40_000_000
    assert cost_pico(AUDIO, Tokens(output=10, audio_output=10)) == 10 * 1_000_000


def test_audio_that_was_cached_is_charged_once():
    # A provider may count cached audio as audio; `input` has only what was not cached.
    tokens = Tokens(input=1, cache_read=9, audio_input=10)
    assert cost_pico(AUDIO, tokens) == 40_000_000 + 9 * 500_000


@pytest.mark.parametrize("part", ["input", "cache_read", "cache_write_5m", "cache_write_1h"])
def test_long_context_is_over_the_whole_input(part):
    at = Tokens(output=5, **{part: 1000})
    over = Tokens(output=5, **{part: 1001})
    assert cost_pico(TIERED, at) == cost_pico(FLAT, at)
    assert cost_pico(TIERED, over) == 2 * cost_pico(FLAT, over)


def test_output_does_not_make_a_context_long():
    assert cost_pico(TIERED, Tokens(output=5000)) == cost_pico(FLAT, Tokens(output=5000))


@given(used_tokens(), used_tokens())
def test_cost_is_additive(one, other):
    for price in (FLAT, AUDIO):
        assert cost_pico(price, _sum(one, other)) == cost_pico(price, one) + cost_pico(price, other)


@given(used_tokens(), used_tokens())
def test_more_tokens_never_cost_less(one, other):
    for price in (FLAT, AUDIO, TIERED):
        assert cost_pico(price, _sum(one, other)) >= cost_pico(price, one) >= 0


@given(st.builds(Tokens, *[COUNTS] * len(TOKEN_CLASSES)))
def test_no_part_is_negative_whatever_is_reported(tokens):
    cheapest = tokens.input * AUDIO.input + tokens.output * AUDIO.audio_output
    assert cost_pico(AUDIO, tokens) >= cheapest


ENTRY = {
    "input": "2",
    "output": "8",
    "cache_read": "0.5",
    "cache_write_5m": "2.5",
    "cache_write_1h": "4",
    "context_window": 200000,
    "max_output_tokens": 64000,
    "source": "list",
}


def _book(openai=None, anthropic=None, **changes):
    providers = {"openai": openai or {}, "anthropic": anthropic or {}}
    return json.dumps({"version": "2026-11-25", "providers": providers} | changes).encode()


BOOK = PriceBook.from_json(
    _book(
        {
            "gpt-9": ENTRY,
            "gpt-9-mini": ENTRY | {"input": "0.075", "aliases": ["gpt-9-small"]},
            "gpt-9-2025-01-01": ENTRY | {"input": "3"},
        },
        {"claude-9": ENTRY | {"aliases": ["claude-9-latest"]}},
    )
)


def test_usd_per_million_becomes_pico_per_token():
    assert BOOK.find("gpt-9") == FLAT
    assert BOOK.find("gpt-9-mini").input == 75_000
    assert BOOK.version == "2026-11-25"


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("gpt-9-2025-08-07", "gpt-9"),
        ("gpt-9-mini-2025-08-07", "gpt-9-mini"),
        ("gpt-9-small", "gpt-9-mini"),
        ("gpt-9-small-2025-08-07", "gpt-9-mini"),
        ("claude-9-20250929", "claude-9"),
        ("claude-9-latest", "claude-9"),
    ],
)
def test_other_names_of_a_model(name, model):
    assert BOOK.find(name) is BOOK.find(model) is not None


def test_a_version_with_a_price_of_its_own_keeps_it():
    assert BOOK.find("gpt-9-2025-01-01").input == 3_000_000


@pytest.mark.parametrize(
    "name",
    [
        *("", "gpt", "gpt-9x", "gpt-9-maxi", "GPT-9", "openai/gpt-9", "gpt-9 "),
        *("gpt-9-2025-08", "gpt-9-2025-08-07-preview", "gpt-9-250807", "gpt-9-19990101"),
        *("gpt-9-2025-08-07-2025-08-07", "-2025-08-07", "gpt-9\n"),
    ],
)
def test_no_guesses(name):
    assert BOOK.find(name) is None


def test_models_are_sorted_by_provider():
    assert BOOK.models("openai") == ["gpt-9", "gpt-9-2025-01-01", "gpt-9-mini"]
    assert BOOK.models("anthropic") == ["claude-9"]
    assert BOOK.models("elsewhere") == []


def test_the_list_given_out_is_a_copy():
    BOOK.models("openai").clear()
    assert BOOK.models("openai")


def test_a_model_of_two_providers_has_one_price():
    book = PriceBook.from_json(_book({"echo": ENTRY}, {"echo": ENTRY}))
    assert book.models("openai") == book.models("anthropic") == ["echo"]
    with pytest.raises(InvalidPriceBook, match="echo: two providers"):
        PriceBook.from_json(_book({"echo": ENTRY}, {"echo": ENTRY | {"input": "1"}}))


def _without(field):
    return {name: value for name, value in ENTRY.items() if name != field}


LONG = {name: ENTRY[name] for name in RATES} | {"over_input_tokens": 1000}


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        *((_without(field), field) for field in ENTRY),
        *((ENTRY | {field: "1e3"}, field) for field in RATES),
        (ENTRY | {"input": 2}, "input"),
        (ENTRY | {"input": "-2"}, "input"),
        (ENTRY | {"output": "nan"}, "output"),
        (ENTRY | {"cache_read": "0.0000001"}, "cache_read"),
        (ENTRY | {"cache_raed": "1"}, "cache_raed"),
        (ENTRY | {"audio_input": "x"}, "audio_input"),
        (ENTRY | {"context_window": 0}, "context_window"),
        (ENTRY | {"max_output_tokens": -1}, "max_output_tokens"),
        (ENTRY | {"long_context": LONG | {"output": "x"}}, "long_context: output"),
        (ENTRY | {"long_context": LONG | {"over_input_tokens": 0}}, "over_input_tokens"),
        (ENTRY | {"long_context": {"over_input_tokens": 5}}, "long_context"),
        (ENTRY | {"aliases": "gpt"}, "aliases"),
        (ENTRY | {"aliases": ["gpt-9"]}, "aliases"),
    ],
)
def test_an_invalid_entry_is_named(entry, field):
    with pytest.raises(InvalidPriceBook) as caught:
        PriceBook.from_json(_book({"gpt-9": ENTRY, "gpt-bad": entry}))
    assert "gpt-bad" in str(caught.value)
    assert field in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"{}", _book(version=""), _book(version=1)])
def test_what_is_no_book(data):
    with pytest.raises(InvalidPriceBook):
        PriceBook.from_json(data)


def test_an_alias_has_one_model():
    twice = {"a": ENTRY | {"aliases": ["c"]}, "b": ENTRY | {"aliases": ["c"]}}
    with pytest.raises(InvalidPriceBook, match="b: aliases"):
        PriceBook.from_json(_book(twice))


def _named(price, **names):
    """A book of one provider: model -> aliases."""
    aliases = {alias: model for model, all_of_it in names.items() for alias in all_of_it}
    return PriceBook("b", dict.fromkeys(names, price), aliases, {"house": sorted(names)})


def test_an_override_replaces_a_name_whatever_it_was():
    built_in = _named(FLAT, model=["other", "short"], apart=[])
    # What was an alias becomes a model, what was a model an alias.
    both = built_in.overridden_by(_named(TIERED, other=["model"]), "b+o")
    assert both.version == "b+o"
    assert both.find("other") is both.find("model") is both.find("short") is TIERED
    assert both.find("apart") is FLAT
    assert both.models("house") == ["apart", "model", "other"]
    assert built_in.find("other") is FLAT


@given(st.sampled_from(["a", "b", "a-2026-01-01"]), st.sets(st.sampled_from(["a", "b", "c"])))
def test_an_override_decides_what_it_knows(name, models):
    override = _named(TIERED, **{model: [] for model in models})
    found = _named(FLAT, a=[], b=[]).overridden_by(override, "v").find(name)
    assert found is (override.find(name) or FLAT)
