"""Whose address a chain of proxies says it is: `x-forwarded-for`, believed from the right. Pure.

Each proxy appends the address that it was called from, so the entries that trusted proxies wrote
are the last ones; whatever stands before them the caller may have written.
"""

from functools import lru_cache

import msgspec

HOPS_MAX = 20
# Whoever has one IPv6 address has all of the network that its interface is in (RFC 4291, 2.5.4).
INTERFACE_BITS = 64


class TrustedProxies(msgspec.Struct, frozen=True):
    """Who is believed: so many proxies before this process, or those of these networks."""

    hops: int = 0
    networks: tuple[str, ...] = ()

    @staticmethod
    def parse(text: str) -> "TrustedProxies":
        """From a number, or CIDRs with commas. Raises `ValueError`."""
        if text.isascii() and text.isdigit():
            if int(text) > HOPS_MAX:
                raise ValueError(f"more than {HOPS_MAX} proxies")
            return TrustedProxies(hops=int(text))
        from common.domain.addresses import parse_network

        networks = tuple(part.strip() for part in text.split(","))
        for network in networks:
            parse_network(network)
        return TrustedProxies(networks=networks)

    def caller(self, peer: str, forwarded: str) -> str:
        """The caller's address, from the peer's and all of `x-forwarded-for`.

        The last one that no trusted proxy has; the peer's where the chain is shorter than it must
        be, because then a proxy was passed by.
        """
        chain = [part.strip() for part in forwarded.split(",")] if forwarded.strip() else []
        if self.hops:
            return chain[-self.hops] if len(chain) >= self.hops else peer
        for address in (peer, *reversed(chain)):
            if not self._has(address):
                return address or peer
        return chain[0] if chain else peer

    def _has(self, address: str) -> bool:
        from common.domain.access import admits_address

        return bool(self.networks) and admits_address(self.networks, address)


NO_PROXIES = TrustedProxies()


def counted_as(address: str) -> str:
    """Under which name an address's failures are counted: an IPv6 address's /64, else itself."""
    return _network_of(address) if ":" in address else address


@lru_cache(maxsize=4096)
def _network_of(text: str) -> str:
    from common.domain.addresses import parse_address

    address = parse_address(text)
    if address is None:
        return text
    if address.version == 4:  # written as an IPv6 one, or with a port
        return str(address)
    network = int(address) >> INTERFACE_BITS << INTERFACE_BITS
    return f"{type(address)(network)}/{128 - INTERFACE_BITS}"
