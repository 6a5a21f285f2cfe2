"""Policies of the response cache, and what a request's headers make of them."""

import pytest

from common.domain.field_errors import InvalidPolicy
from common.domain.response_cache import (
    CachePolicy,
    CacheWish,
    InvalidCacheHeader,
    read_cache_policy,
    wish_of,
)


def test_what_is_left_out_has_a_value():
    assert read_cache_policy({"mode": "on"}) == CachePolicy("on", 3600, 86400)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({}, "mode"),
        ([], "response_cache"),
        ({"mode": "always"}, "mode"),
        ({"mode": "on", "ttl": 5}, "ttl"),
        ({"mode": "on", "ttl_s": "5"}, "ttl_s"),
        ({"mode": "on", "ttl_s": 0}, "ttl_s"),
        ({"mode": "on", "ttl_s_max": 30 * 86400 + 1}, "ttl_s_max"),
        ({"mode": "on", "ttl_s": 100, "ttl_s_max": 50}, "ttl_s"),
    ],
)
def test_errors_name_the_field(value, field):
    with pytest.raises(InvalidPolicy) as caught:
        read_cache_policy(value)
    assert [error.field for error in caught.value.errors] == [field]


@pytest.mark.parametrize(
    ("mode", "asked", "use"),
    [
        ("on", None, "use"),
        ("on", "on", "use"),
        ("on", "off", "pass"),
        ("on", " Refresh ", "renew"),
        ("opt_in", None, "pass"),
        ("opt_in", "on", "use"),
        ("opt_in", "refresh", "renew"),
        ("opt_in", "off", "pass"),
        ("off", "on", "pass"),
        ("off", "refresh", "pass"),
    ],
)
def test_who_decides(mode, asked, use):
    assert wish_of(CachePolicy(mode), asked, None).use == use


@pytest.mark.parametrize(("asked", "ttl_s"), [(None, 60), ("5", 5), ("500", 100), ("100", 100)])
def test_a_header_says_how_long_within_the_policy(asked, ttl_s):
    assert wish_of(CachePolicy("on", 60, 100), None, asked) == CacheWish("use", ttl_s)


@pytest.mark.parametrize("asked", ["", "true", "no-cache"])
def test_a_slip_in_the_header_is_told(asked):
    with pytest.raises(InvalidCacheHeader) as caught:
        wish_of(CachePolicy("off"), asked, None)
    assert caught.value.header == "x-relay-cache"


@pytest.mark.parametrize("asked", ["", "0", "-1", "1.5", "1h", "٣", "9" * 10])
def test_a_slip_in_the_ttl_is_told(asked):
    with pytest.raises(InvalidCacheHeader) as caught:
        wish_of(CachePolicy("on"), None, asked)
    assert caught.value.header == "x-relay-cache-ttl"
