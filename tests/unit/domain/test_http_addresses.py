"""Which addresses Relay asks: as they are written, whatever form a number has."""

import socket

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.domain import http_addresses
from common.domain.http_addresses import is_metadata, is_own, webhook_address


@pytest.mark.parametrize(
    "host",
    [
        *("169.254.169.254", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "169.254.43518"),
        *("169.254.169.254.", "::ffff:169.254.169.254", "fe80::1%eth0", "fd00:ec2::254"),
        *("64:ff9b::a9fe:a9fe", "64:ff9b::169.254.169.254", "64:ff9b:1::a9fe:a9fe"),
        *("::a9fe:a9fe", "::ffff:0:a9fe:a9fe", "2002:a9fe:a9fe::", "2002:a9fe:a9fe::1%eth0"),
        *("100.100.100.200", "Metadata.Google.Internal.", "metadata", "64:ff9b::6464:64c8"),
    ],
)
def test_metadata_services_are_known_in_every_form(host):
    assert is_metadata(host)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "10.0.0.7", "::1", "::", "example.com", "ollama"),
        *("64:ff9b::808:808", "2002:808:808::1", "2001:db8::a9fe:a9fe"),
    ],
)
def test_others_are_none(host):
    assert not is_metadata(host)


@pytest.mark.parametrize(
    ("host", "own"),
    [
        *(("127.0.0.1", True), ("0x7f000001", True), ("10.1.2.3", True), ("fd12::1", True)),
        *(("guard", True), ("guard.default.svc", True), ("guard.default.svc.cluster.local", True)),
        *(("guard.example.com", False), ("8.8.8.8", False), ("svc.example.com", False)),
    ],
)
def test_own_hosts(host, own):
    assert is_own(host) is own


def test_plain_http_is_for_own_hosts():
    assert webhook_address("http://guard.default.svc:8080/judge") == (
        "http://guard.default.svc:8080/judge"
    )
    assert webhook_address("https://guard.example.com/judge/") == "https://guard.example.com/judge/"
    with pytest.raises(ValueError, match="must be https"):
        webhook_address("http://guard.example.com/judge")


@given(
    st.lists(st.from_regex(r"(0[xX][0-9a-f]{1,9}|0[0-9]{1,5}|[0-9]{1,10})", fullmatch=True),
             min_size=1, max_size=5)
)  # fmt: skip
@example(["127", "1"])
@example(["256", "1"])
@example(["08"])
@example(["4294967296"])
def test_numbers_are_read_as_the_system_reads_them(parts):
    host = ".".join(parts)
    try:
        expected = socket.inet_aton(host)
    except OSError:
        expected = None
    made = http_addresses._loosely_written(host)
    assert (None if made is None else made.packed) == expected
