"""The worst case is never less than what a request can cost within its bound."""

from hypothesis import given
from hypothesis import strategies as st

from common.domain.model_prices import LongContext, ModelPrice
from common.domain.money import nano_ceiling
from common.domain.reservation import Bound, Charge, charge_of
from common.domain.usage import Tokens
from tests.support.costs import cost_pico

RATES = {"input": 1, "output": 4, "cache_read": 1, "cache_write_5m": 2, "cache_write_1h": 3}


def price(**changes) -> ModelPrice:
    rates = {name: rate * 150_000 for name, rate in RATES.items()}
    return ModelPrice(**{**rates, "context_window": 1000, "max_output_tokens": 500, **changes})


rates = st.integers(0, 80_000_000)
prices = st.builds(
    ModelPrice,
    **dict.fromkeys(RATES, rates),
    audio_input=st.none() | rates,
    audio_output=st.none() | rates,
    context_window=st.integers(1, 10_000),
    max_output_tokens=st.integers(1, 10_000),
    long_context=st.none()
    | st.builds(
        LongContext, **dict.fromkeys(RATES, rates), over_input_tokens=st.integers(1, 10_000)
    ),
)


@given(prices, st.data())
def test_no_use_within_the_bound_costs_more_than_is_reserved(model, data):
    tokens = data.draw(st.none() | st.integers(0, 20_000))
    choices = data.draw(st.integers(1, 4))
    cap = data.draw(st.none() | st.integers(1, 5_000))
    bound = Bound(input_tokens=tokens, choices=choices, caches=True, audio=True)
    charge = charge_of(model, bound, cap)
    most = model.context_window if tokens is None else min(tokens, model.context_window)
    split = sorted(data.draw(st.lists(st.integers(0, most), min_size=3, max_size=3)))
    parts = [split[0], split[1] - split[0], split[2] - split[1], most - split[2]]
    output = data.draw(st.integers(0, charge.wanted * choices))
    used = Tokens(
        input=parts[0],
        output=output,
        cache_read=parts[1],
        cache_write_5m=parts[2],
        cache_write_1h=parts[3],
        audio_input=data.draw(st.integers(0, parts[0])),
        audio_output=data.draw(st.integers(0, output)),
    )
    assert nano_ceiling(cost_pico(model, used)) <= charge.worst_nano(charge.wanted)


def test_without_a_cap_the_catalogues_default_counts_up_to_the_models_most():
    bound = Bound(input_tokens=10)
    assert charge_of(price(), bound, None) == Charge(1500, 600, 500, 16)
    assert charge_of(price(max_output_tokens=9000), bound, None).wanted == 4096
    assert charge_of(price(default_max_output_tokens=64), bound, None).wanted == 64
    assert charge_of(price(), Bound(input_tokens=10, default_cap=16), None).wanted == 16


def test_the_callers_cap_is_reserved_in_full_and_a_clamp_has_a_floor():
    assert charge_of(price(), Bound(input_tokens=0), 8) == Charge(0, 600, 8, 8)
    assert charge_of(price(), Bound(input_tokens=0), 8000).wanted == 8000
    thinking = Bound(input_tokens=0, least_output=1025)
    assert charge_of(price(), thinking, 2000).least == 1025
    assert charge_of(price(), thinking, 1000).least == 1000


def test_what_is_not_in_the_body_counts_as_the_window():
    assert charge_of(price(), Bound(input_tokens=None), 1).input_nano == 150_000
    assert charge_of(price(), Bound(input_tokens=5000), 1).input_nano == 150_000
    many = Bound(input_tokens=5000, windowed=False, generates=False)
    assert charge_of(price(), many, None) == Charge(750_000, 0, -1, 0)


def test_cache_writes_count_only_where_asked_for_and_amounts_round_up():
    assert charge_of(price(), Bound(input_tokens=1, caches=True), 1).input_nano == 450
    cheap = price(input=1, cache_read=0, output=1)
    assert charge_of(cheap, Bound(input_tokens=1), 1) == Charge(1, 1, 1, 1)


def test_what_is_free_reserves_nothing():
    assert charge_of(price(), Bound(input_tokens=0, free=True), 99) == Charge(0, 0, -1, 0)
    assert Charge(5, 7, -1, 0).worst_nano(-1) == 5
