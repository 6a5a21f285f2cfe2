"""What may enter the ledger: each refusal names the member that is why."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.ids import encode_ulid
from common.domain.policies import AppliedLimit, AppliedPolicy
from common.domain.postable import (
    AHEAD_MS_MAX,
    CHARACTERS_MAX,
    JSON_BYTES_MAX,
    MILLISECONDS_MAX,
    TAGS_MAX,
    TOKENS_MAX,
    NotPostable,
    check_record,
    read_record,
)
from common.domain.usage import TOKEN_CLASSES, Tokens
from tests.support.usage_records import make_adjustment, make_record

NOW_MS = 1_800_000_000_000
TEXTS = (
    "user_id", "provider", "dialect", "endpoint", "model_requested", "model_served",
    "finish_cause", "price_version", "client", "error_code",
)  # fmt: skip
NUMBERS = ("latency_ms", "first_token_ms", "attempts", "redactions")


def ulid(ahead_ms: int = 0) -> str:
    return encode_ulid(NOW_MS + ahead_ms, bytes(10))


def refusal(**changes) -> str:
    with pytest.raises(NotPostable) as caught:
        check_record(make_record(**{"id": ulid(), **changes}), NOW_MS)
    return str(caught.value)


def test_an_honest_record_and_its_adjustment_pass():
    record = make_record(id=ulid())
    check_record(record, NOW_MS)
    check_record(make_adjustment(record, id=ulid()), NOW_MS)


@pytest.mark.parametrize("name", ["id", "key_id", "account_id", "adjusts", "team_id"])
@pytest.mark.parametrize("value", ["", "01ARYZ6S41TSV4RRFFQ69G5FA", "81ARYZ6S41TSV4RRFFQ69G5FAV"])
def test_what_is_no_ulid_is_refused(name, value):
    assert refusal(**{name: value}).startswith(f"{name}: ")


def test_a_team_is_optional():
    check_record(make_record(id=ulid(), team_id=ulid()), NOW_MS)


def test_an_id_may_be_a_day_ahead_and_no_more():
    check_record(make_record(id=ulid(AHEAD_MS_MAX)), NOW_MS)
    assert refusal(id=ulid(AHEAD_MS_MAX + 1)).startswith("id: ")


def test_only_adjustments_adjust():
    assert refusal(adjusts=ulid()).startswith("adjusts: ")
    assert refusal(kind="adjustment").startswith("adjusts: ")


@pytest.mark.parametrize("name", TOKEN_CLASSES)
def test_token_counts_are_bounded(name):
    check_record(make_record(id=ulid(), tokens=Tokens(**{name: TOKENS_MAX})), NOW_MS)
    for count in (-1, TOKENS_MAX + 1):
        assert refusal(tokens=Tokens(**{name: count})) == f"tokens.{name}: {count}"


@pytest.mark.parametrize("name", TOKEN_CLASSES)
def test_an_adjustment_may_be_negative_within_the_same_bounds(name):
    of = make_record(id=ulid())
    check_record(make_adjustment(of, id=ulid(), tokens=Tokens(**{name: -TOKENS_MAX})), NOW_MS)
    adjustment = {"kind": "adjustment", "adjusts": of.id}
    for count in (-TOKENS_MAX - 1, TOKENS_MAX + 1):
        assert refusal(tokens=Tokens(**{name: count}), **adjustment) == f"tokens.{name}: {count}"


@pytest.mark.parametrize(
    "cost", ["", "NaN", "1e3", "1.0000000000001", "-0.1", "10000000.000000000001", "9" * 100]
)
def test_a_cost_that_is_none_is_refused(cost):
    assert refusal(cost_usd=cost).startswith("cost_usd: ")


def test_an_adjustment_may_give_money_back():
    of = make_record(id=ulid())
    check_record(make_adjustment(of, id=ulid(), cost_usd="-10000000"), NOW_MS)
    said = refusal(kind="adjustment", adjusts=of.id, cost_usd="-10000000.000000000001")
    assert said.startswith("cost_usd: ")


@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_bounded_and_hold_no_nul(name):
    check_record(make_record(id=ulid(), **{name: "a" * CHARACTERS_MAX}), NOW_MS)
    assert refusal(**{name: "a" * (CHARACTERS_MAX + 1)}).startswith(f"{name}: longer")
    assert refusal(**{name: "a\0b"}) == f"{name}: contains a NUL"


def test_tags_are_bounded_in_number_and_as_texts():
    check_record(make_record(id=ulid(), tags=["a"] * TAGS_MAX), NOW_MS)
    assert refusal(tags=["a"] * (TAGS_MAX + 1)).startswith("tags: more")
    assert refusal(tags=["a", "a" * (CHARACTERS_MAX + 1)]).startswith("tags: longer")
    assert refusal(tags=["a", "\0"]) == "tags: contains a NUL"


@pytest.mark.parametrize("name", NUMBERS)
def test_durations_and_counts_are_bounded(name):
    for number in (0, MILLISECONDS_MAX):
        check_record(make_record(id=ulid(), **{name: number}), NOW_MS)
    for number in (-1, MILLISECONDS_MAX + 1):
        assert refusal(**{name: number}) == f"{name}: {number}"


# Members with defaults: records that were written before them are read all the same.
LATER = {
    *("service_tier", "searches", "unit_prices", "discount", "priced_as"),
    *("reported_usage", "policy"),
}


@pytest.mark.parametrize("name", [field.name for field in msgspec.structs.fields(make_record())])
def test_a_missing_or_misshapen_member_is_named(name):
    members = msgspec.to_builtins(make_record())
    misshapen = members | {name: object}
    del members[name]
    if name in LATER:
        # What an earlier version wrote and left in the outbox is posted too.
        assert getattr(read_record(members), name) == getattr(make_record(), name)
    else:
        with pytest.raises(NotPostable, match=name):
            read_record(members)
    with pytest.raises(NotPostable, match=name):
        read_record(misshapen)


def test_prices_and_searches_are_bounded():
    check_record(make_record(id=ulid(), unit_prices={"input": 0}, searches=3), NOW_MS)
    assert refusal(unit_prices={"input": -1}) == "unit_prices: input: -1"
    assert refusal(unit_prices={"\0": 1}) == "unit_prices: contains a NUL"
    assert refusal(unit_prices={str(n): 1 for n in range(33)}) == "unit_prices: more than 32"
    assert refusal(searches=-1) == "searches: -1"


def test_what_is_kept_as_json_is_bounded():
    check_record(make_record(id=ulid(), reported_usage={"input_tokens": 9}), NOW_MS)
    assert refusal(reported_usage={"a": "\0"}) == "reported_usage: contains a NUL"
    assert refusal(reported_usage={"a": "b" * JSON_BYTES_MAX}).startswith("reported_usage: longer")
    most = AppliedPolicy(limits=(AppliedLimit("team", "window.usd", "\0"),))
    assert refusal(policy=most) == "policy: contains a NUL"


@pytest.mark.parametrize("value", [None, [], "text", 7, {}])
def test_what_is_no_object_is_refused(value):
    with pytest.raises(NotPostable):
        read_record(value)


def test_a_newer_member_is_ignored():
    record = make_record()
    assert read_record(msgspec.to_builtins(record) | {"newer": 1}) == record


anything = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary())
names = st.sampled_from([field.name for field in msgspec.structs.fields(make_record())])


@given(names, anything)
def test_whatever_a_member_is_either_it_is_fine_or_it_is_named(name, value):
    members = msgspec.to_builtins(make_record(id=ulid())) | {name: value}
    try:
        check_record(read_record(members), NOW_MS)
    except NotPostable as error:
        said = str(error)
    else:
        said = name
    # An adjustment without what it adjusts may be told of either.
    assert name in said or (name == "kind" and "adjusts" in said)
