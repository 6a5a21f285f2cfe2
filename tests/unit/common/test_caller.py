"""Whose request it is: the peer's, unless the edge proves that it says who it is."""

import pytest

from common.caller import caller_address

TOKEN = "token-of-the-edge"
PEER = ("10.1.2.3", 40000)


def scope(forwarded=None, token=None, client=PEER):
    headers = [(b"host", b"relay")]
    if token is not None:
        headers.append((b"x-relay-edge-token", token.encode("latin-1")))
    if forwarded is not None:
        headers.append((b"x-forwarded-for", forwarded.encode("latin-1")))
    return {"type": "http", "client": client, "headers": headers}


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7, 10.9.9.9", "192.0.2.7"),
        ("  192.0.2.7 ,10.9.9.9", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
    ],
)
def test_the_edge_is_believed(forwarded, address):
    assert caller_address(scope(forwarded, TOKEN), TOKEN) == address


def test_the_order_of_the_headers_does_not_matter():
    turned = scope("192.0.2.7", TOKEN)
    turned["headers"].reverse()
    assert caller_address(turned, TOKEN) == "192.0.2.7"


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", TOKEN.upper(), "\xff"])
def test_without_the_token_nobody_is_believed(token):
    assert caller_address(scope("192.0.2.7", token), TOKEN) == PEER[0]


@pytest.mark.parametrize("token", [None, "", "anything"])
def test_an_installation_without_a_token_believes_nobody(token):
    assert caller_address(scope("192.0.2.7", token), "") == PEER[0]


@pytest.mark.parametrize("forwarded", [None, "", " ", ", 10.9.9.9"])
def test_an_edge_that_says_nothing_leaves_the_peer(forwarded):
    assert caller_address(scope(forwarded, TOKEN), TOKEN) == PEER[0]


@pytest.mark.parametrize("edge_token", ["", TOKEN])
def test_a_peer_without_an_address_is_unknown(edge_token):
    assert caller_address(scope(client=None), edge_token) == "unknown"


def test_what_is_kept_of_it_is_short():
    assert caller_address(scope("9" * 5000, TOKEN), TOKEN) == "9" * 64
