"""Receipts: why a request ended, and lines that add up to its cost."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.money import usd_text
from common.domain.policies import (
    DEFAULT_GONE,
    Applied,
    AppliedGone,
    ClientGone,
    Limits,
    Policy,
    client_gone_of,
)
from common.domain.price_lines import PRICED_CLASSES
from common.domain.receipts import finish_cause_of, lines_of
from common.domain.usage import Tokens
from tests.support.costs import lines_pico

COUNTS = st.integers(0, 10**7)
TOKENS = st.builds(Tokens, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
PRICES = st.dictionaries(
    st.sampled_from([*PRICED_CLASSES, "audio_input", "audio_output", "search"]),
    st.integers(0, 10**9),
)


@pytest.mark.parametrize(
    ("status", "word", "source", "cause"),
    [
        ("ok", "complete", "reported", "complete"),
        ("ok", "complete", "estimated", "estimated"),
        ("cancelled", "client_gone", "reported", "client_gone"),
        ("cancelled", "client_gone", "estimated", "client_gone"),
        ("error", "upstream_error", "reported", "upstream_error"),
        ("error", "deadline", "estimated", "interrupted"),
        ("error", "shutdown", "estimated", "interrupted"),
        ("error", "bad_request", "reported", "interrupted"),
        ("interrupted", "interrupted", "estimated", "interrupted"),
    ],
)
def test_each_end_has_one_of_five_causes(status, word, source, cause):
    assert finish_cause_of(status, word, source) == cause


@given(TOKENS, PRICES, st.integers(0, 100))
def test_the_lines_add_up_to_the_cost(tokens, prices, searches):
    cost = Decimal(usd_text(lines_pico(tokens, prices, searches)))
    lines = lines_of(tokens, prices, searches, cost)
    assert sum((Decimal(line.cost_usd) for line in lines), Decimal()) == cost
    for line in lines:
        assert line.count * Decimal(line.unit_usd) == Decimal(line.cost_usd)


def test_lines_that_would_not_add_up_are_not_shown():
    tokens, cost = Tokens(input=9, output=12), Decimal("0.000008550000")
    assert lines_of(tokens, {}, 0, cost) is None
    assert lines_of(tokens, {}, 0, Decimal()) == []
    shown = lines_of(tokens, {"input": 150_000, "output": 600_000}, 0, cost)
    assert [(line.token_class, line.count, line.unit_usd, line.cost_usd) for line in shown] == [
        ("input", 9, "0.000000150000", "0.000001350000"),
        ("output", 12, "0.000000600000", "0.000007200000"),
    ]


def test_the_innermost_level_says_what_becomes_of_a_stream():
    def applied(level, client_gone):
        return Applied(level, level, Policy(Limits(1), client_gone=client_gone))

    drain, cancel = ClientGone("drain", 5), ClientGone("cancel")
    assert client_gone_of([]) is DEFAULT_GONE
    assert client_gone_of([applied("organisation", None)]) is DEFAULT_GONE
    outer = applied("organisation", drain)
    assert client_gone_of([outer, applied("team", None)]) == AppliedGone(drain, "organisation")
    assert client_gone_of([outer, applied("team", cancel)]) == AppliedGone(cancel, "team")
