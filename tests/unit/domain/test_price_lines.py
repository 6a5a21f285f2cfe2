"""Price lines: the arithmetic that a receipt prints adds up to the cost, to the pico-USD."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.model_prices import ModelPrice, Rates
from common.domain.price_lines import PriceLine, price_lines
from common.domain.usage import TOKEN_CLASSES, Tokens
from tests.support.costs import lines_pico

RATES = Rates(
    input=2_000_000,
    output=8_000_000,
    cache_read=500_000,
    cache_write_5m=2_500_000,
    cache_write_1h=4_000_000,
    audio_input=40_000_000,
    audio_output=80_000_000,
    search=10_000_000_000,
)
COUNTS = st.integers(0, 10**9)


def test_lines_name_what_was_used_and_nothing_else():
    tokens = Tokens(input=100, output=20, cache_read=50, reasoning=10)
    assert price_lines(tokens, RATES.priced(tokens)[0]) == [
        PriceLine("input", 100, 2_000_000),
        PriceLine("output", 20, 8_000_000),
        PriceLine("cache_read", 50, 500_000),
    ]


def test_audio_and_text_are_counted_apart():
    tokens = Tokens(input=100, output=20, audio_input=30, audio_output=20)
    assert price_lines(tokens, RATES.priced(tokens)[0]) == [
        PriceLine("input", 70, 2_000_000),
        PriceLine("audio_input", 30, 40_000_000),
        PriceLine("audio_output", 20, 80_000_000),
    ]


def test_searches_are_lines_of_their_own():
    tokens = Tokens(output=1)
    assert price_lines(tokens, RATES.priced(tokens, 3)[0], 3)[-1] == PriceLine(
        "search", 3, 10_000_000_000
    )
    assert lines_pico(tokens, RATES.priced(tokens, 3)[0], 3) == 8_000_000 + 30_000_000_000


def test_what_has_no_price_has_no_line():
    assert price_lines(Tokens(input=5), {}) == []


@given(st.builds(Tokens, *[COUNTS] * len(TOKEN_CLASSES)), st.integers(0, 100))
def test_lines_add_up_to_the_cost_of_any_usage(tokens, searches):
    prices = RATES.priced(tokens, searches)[0]
    lines = price_lines(tokens, prices, searches)
    assert sum(line.cost_pico for line in lines) == RATES.priced(tokens, searches)[1]
    assert all(line.count > 0 for line in lines)


@pytest.mark.parametrize(("discount", "rate"), [("0.15", 1_700_000), ("0.1234567", 1_753_087)])
def test_a_discount_rounds_each_price_up(discount, rate):
    flat = dict.fromkeys(("input", "output", "cache_read"), 2000000)
    flat |= {"cache_write_5m": 1, "cache_write_1h": 0}
    price = ModelPrice(**flat, context_window=1, max_output_tokens=1)
    less = price.discounted(discount)
    assert less.input == rate
    assert (less.cache_write_5m, less.cache_write_1h) == (1, 0)
    assert price.discounted("") is price
