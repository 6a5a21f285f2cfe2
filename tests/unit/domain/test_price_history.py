"""Which book holds when, and what a record of the past should have cost by it."""

import msgspec
import pytest

from common.domain.money import usd_text
from common.domain.narrowing import narrowed_policy
from common.domain.policies import Limits, Policy
from common.domain.price_history import DatedBook, PriceHistory
from common.domain.prices import PriceBook
from common.domain.rerating import PRICED_LATER, REPRICED, Posted, correction
from common.domain.usage import Tokens
from tests.support.usage_records import make_record


def book(version, **usd_of_input):
    models = {
        model: {
            "input": usd, "output": "4", "cache_read": "0", "cache_write_5m": "0",
            "cache_write_1h": "0", "context_window": 1000, "max_output_tokens": 10, "source": "s",
        }
        for model, usd in usd_of_input.items()
    }  # fmt: skip
    return PriceBook.from_json(
        msgspec.json.encode({"version": version, "providers": {"openai": models}})
    )


HISTORY = PriceHistory(
    [DatedBook(1000, book("v1", ours="1", other="1")), DatedBook(2000, book("v2", ours="2"))],
    [
        DatedBook(1500, book("a", ours="10")),
        # Imported later, and begins at once with the one before it.
        DatedBook(3000, book("b", theirs="20")),
        DatedBook(3000, book("c", ours="30")),
    ],
)


@pytest.mark.parametrize(
    ("moment", "version"),
    [(0, "v1"), (1000, "v1"), (1499, "v1"), (1500, "v1+a"), (1999, "v1+a"), (2000, "v2+a"),
     (2999, "v2+a"), (3000, "v2+c"), (10**12, "v2+c")],
)  # fmt: skip
def test_the_last_to_begin_holds(moment, version):
    assert HISTORY.at(moment).version == version
    # Whichever moment was asked for before.
    HISTORY.at(0)
    assert HISTORY.at(moment).version == version


def test_imported_books_are_not_mixed():
    assert HISTORY.at(3000).find("theirs") is None
    assert HISTORY.at(3000).find("ours").input == 30_000_000
    assert HISTORY.at(1999).find("other").input == 1_000_000


def posted(**changes):
    record = make_record(priced_as="ours", tokens=Tokens(input=1000, output=10), **changes)
    values = {
        "record": record,
        "tokens": record.tokens,
        "searches": 0,
        "cost_pico": 0,
        "adjustments": 0,
        "priced": record.price_version != "unpriced",
    }
    return Posted(**values)


BOOK = book("v9", ours="2")
COST = 1000 * 2_000_000 + 10 * 4_000_000


def test_what_had_no_price_is_priced_later():
    made = correction(posted(price_version="unpriced", cost_usd="0.000000000000"), BOOK)
    assert made.adjustment.finish_cause == PRICED_LATER
    assert made.adjustment.cost_usd == usd_text(COST)
    assert made.adjustment.tokens == Tokens()
    assert made.adjustment.price_version == "v9"
    assert made.difference_nano == COST // 1000


def test_what_cost_too_much_is_given_back():
    one = msgspec.structs.replace(posted(), cost_pico=COST + 5)
    made = correction(one, BOOK)
    assert (made.adjustment.finish_cause, made.difference_pico) == (REPRICED, -5)
    assert made.adjustment.cost_usd == "-0.000000000005"
    # Counters hold each record rounded up to whole nano-USD.
    assert made.difference_nano == -1


def test_what_cost_as_much_is_left():
    assert correction(msgspec.structs.replace(posted(), cost_pico=COST), BOOK) is None
    failed = posted(price_version="unpriced", status="error")
    assert correction(msgspec.structs.replace(failed, tokens=Tokens()), BOOK) is None


def test_the_same_correction_has_the_same_id_and_another_one_another():
    first = posted()
    again = correction(first, BOOK).adjustment
    assert correction(first, BOOK).adjustment == again
    later = msgspec.structs.replace(first, adjustments=2)
    assert correction(later, BOOK).adjustment.id != again.id
    assert again.id[:10] == first.record.id[:10]  # the same time, so the same partition


def test_tier_and_discount_are_those_of_the_record():
    made = correction(posted(discount="0.5"), BOOK)
    assert made.difference_pico == COST // 2
    assert correction(posted(service_tier="priority"), BOOK) == "unpriced"
    assert correction(posted(service_tier="flex"), BOOK).difference_pico == COST


def test_what_only_relay_knows_the_price_of_is_left():
    assert correction(posted(price_version="v1+prices-1.json@5f0c17e2a9b4"), BOOK) == "own_file"


@pytest.mark.parametrize(
    ("old", "new", "both"),
    [
        ("quarantine", "quarantine", "quarantine"),
        ("quarantine", "deny", "deny"),
        ("deny", None, "deny"),
        (None, "quarantine", None),
        ("quarantine", None, None),
    ],
)
@pytest.mark.parametrize("limits", [Limits(), Limits(concurrency=1)])
def test_a_change_of_policy_serves_meanwhile_only_what_both_do(limits, old, new, both):
    before = Policy(limits=limits, unpriced_models=old)
    after = Policy(limits=limits, unpriced_models=new)
    assert narrowed_policy(before, after).unpriced_models == both
