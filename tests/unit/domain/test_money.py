"""Money in pico-USD: exact both ways, and nothing else is an amount."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.money import InvalidAmount, nano_ceiling, pico_from_usd, usd_text

PICO = st.integers(-(10**24), 10**24)


@pytest.mark.parametrize(
    ("pico", "text"),
    [
        (0, "0.000000000000"),
        (1, "0.000000000001"),
        (-1, "-0.000000000001"),
        (12_000_000, "0.000012000000"),
        (-1_500_000_000_000, "-1.500000000000"),
        (10**12, "1.000000000000"),
        (1234 * 10**12 + 5, "1234.000000000005"),
    ],
)
def test_amounts_have_twelve_decimals(pico, text):
    assert usd_text(pico) == text
    assert pico_from_usd(text) == pico


@given(PICO)
def test_there_and_back(pico):
    assert pico_from_usd(usd_text(pico)) == pico


@given(PICO)
def test_the_text_is_the_amount_that_postgres_reads(pico):
    assert Decimal(usd_text(pico)).scaleb(12) == pico
    assert usd_text(pico).partition(".")[2].isdigit()
    assert len(usd_text(pico).partition(".")[2]) == 12


@pytest.mark.parametrize(
    ("text", "pico"),
    [("0", 0), ("-0", 0), ("7", 7 * 10**12), ("0.5", 5 * 10**11), ("007.10", 71 * 10**11)],
)
def test_fewer_decimals_are_fine(text, pico):
    assert pico_from_usd(text) == pico


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", ".", "-.", "1.", ".5", "--1", "+1", "1-", "1.2.3", "1.-5", "- 1"),
        *("1e3", "1E-6", "nan", "inf", "-Infinity", "0x10", "1_000", "1,5", "$1"),
        *(" 1", "1 ", "1\n", "0.0000000000001", "٣", "1.٣", "²", "9" * 41),
    ],
)
def test_what_is_no_amount(text):
    assert issubclass(InvalidAmount, ValueError)
    with pytest.raises(InvalidAmount):
        pico_from_usd(text)


@given(st.text(max_size=20))
def test_any_text_is_an_amount_or_refused(text):
    try:
        pico = pico_from_usd(text)
    except InvalidAmount:
        return
    assert Fraction(text) * 10**12 == pico


@pytest.mark.parametrize(
    ("pico", "nano"), [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2), (-1, 0), (-1001, -1)]
)
def test_nano_rounds_up(pico, nano):
    assert nano_ceiling(pico) == nano


@given(PICO)
def test_nano_is_never_less(pico):
    assert pico <= nano_ceiling(pico) * 1000 < pico + 1000
