"""Addresses and networks, IPv4 and IPv6. Pure.

An IPv4 address that is written as an IPv6 one (`::ffff:203.0.113.9`, RFC 4291, 2.5.5.2) is the
IPv4 address: which form a socket gives is a matter of how it listens.
"""

from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_MAPPED = ip_network("::ffff:0:0/96")


def parse_address(text: str) -> Address | None:
    """The address, without a zone, brackets or an IPv4 port (`10.0.0.1:1234`); None for none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@lru_cache(maxsize=4096)
def parse_network(text: str) -> Network:
    """The network of a CIDR, or of one address. Raises `ValueError`, also for host bits."""
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):  # type: ignore[arg-type]
        mapped = IPv4Address(int(network.network_address) & 0xFFFFFFFF)
        return IPv4Network((mapped, network.prefixlen - 96))
    return network


def in_network(network: str, address: Address) -> bool:
    """Whether the address is in it; one of another version never is. Raises `ValueError`."""
    parsed = parse_network(network)
    return parsed.version == address.version and address in parsed
