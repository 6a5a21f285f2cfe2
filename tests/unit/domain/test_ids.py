"""ULIDs as text, as UUIDs, and in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.ids import (
    InvalidId,
    encode_ulid,
    first_ulid,
    is_ulid,
    ulid_time_ms,
    ulid_to_uuid,
    uuid_to_ulid,
)

TIMES = st.integers(0, (1 << 48) - 1)
ENTROPY = st.binary(min_size=10, max_size=10)


def test_the_example_of_the_specification():
    # https://github.com/ulid/spec: 1469918176385 ms is 01ARYZ6S41.
    assert encode_ulid(1469918176385, bytes(10)).startswith("01ARYZ6S41")


@given(TIMES, ENTROPY)
def test_text_uuid_and_back(now_ms, entropy):
    ulid = encode_ulid(now_ms, entropy)
    assert len(ulid) == 26
    assert ulid_time_ms(ulid) == now_ms
    assert uuid_to_ulid(ulid_to_uuid(ulid)) == ulid
    assert ulid_to_uuid(ulid).bytes == now_ms.to_bytes(6, "big") + entropy


@given(TIMES, TIMES, ENTROPY, ENTROPY)
def test_text_and_uuid_are_ordered_by_time(first_ms, second_ms, one, other):
    first, second = encode_ulid(first_ms, one), encode_ulid(second_ms, other)
    assert (first < second) == (ulid_to_uuid(first) < ulid_to_uuid(second))
    if first_ms < second_ms:
        assert first < second


@given(TIMES, ENTROPY)
def test_a_bound_is_the_first_of_its_millisecond(now_ms, entropy):
    assert first_ulid(now_ms) <= encode_ulid(now_ms, entropy)


@pytest.mark.parametrize(
    "text",
    ["", "01ARYZ6S41", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "01ARYZ6S41TSV4RRFFQ69G5FAU", "l" * 26],
)
def test_what_is_no_ulid_is_refused(text):
    assert not is_ulid(text)
    with pytest.raises(InvalidId):
        ulid_to_uuid(text)


def test_times_outside_48_bits_are_refused():
    with pytest.raises(InvalidId):
        encode_ulid(1 << 48, bytes(10))
    with pytest.raises(InvalidId):
        encode_ulid(0, bytes(9))
