"""Under which name an address's failures are counted."""

import pytest

from common.domain.forwarded import counted_as


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:1234", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("::FFFF:cb00:7109", "203.0.113.9"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("2001:0DB8::1:ffff:ffff:ffff:ffff", "2001:db8:0:1::/64"),
        ("[2001:db8:0:1::2]:443", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("2001:db8:0:2::1", "2001:db8:0:2::/64"),
        ("unknown", "unknown"),
        ("no:address", "no:address"),
    ],
)
def test_an_ipv6_address_counts_as_its_network(address, counted):
    assert counted_as(address) == counted
