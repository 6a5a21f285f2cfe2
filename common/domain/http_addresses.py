"""Addresses that people give for providers, webhooks and the like: which ones Relay asks. Pure."""

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

# Where machines in clouds are told their own credentials, besides the link-local addresses: AWS,
# Alibaba, Oracle; names of Google's and AWS's.
_METADATA_NETWORKS = (
    ip_network("fd00:ec2::/32"),
    ip_network("100.100.100.200"),
    ip_network("192.0.0.192"),
)
# Where translators find an IPv4 address in an IPv6 one's last 32 bits: IPv4-compatible (RFC 4291),
# IPv4-translated (RFC 2765), NAT64 (RFC 6052, 8215).
_TRANSLATED = tuple(
    map(IPv6Network, ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48"))
)
_METADATA_HOSTS = {
    *("metadata", "metadata.google.internal", "metadata.goog"),
    *("instance-data", "instance-data.ec2.internal"),
}
# Names that no public resolver answers (RFC 6761, 6762, 8375; Kubernetes; ICANN's `internal`).
_OWN_NAMES = (".localhost", ".local", ".internal", ".svc", ".home.arpa", ".test")
_NUMBER = re.compile("0[xX][0-9a-fA-F]+|[0-9]+")


def is_metadata(host: str) -> bool:
    """Whether a host is a cloud's metadata service, by its name or address as it is written.

    Loopback and private addresses are none: vLLM and Ollama have such.
    """
    address = _address(host)
    if address is None:
        return host.rstrip(".").lower() in _METADATA_HOSTS
    return any(
        one.is_link_local or any(one in network for network in _METADATA_NETWORKS)
        for one in (address, _translated(address))
        if one is not None
    )


def is_own(host: str) -> bool:
    """Whether a host is of one's own network as it is written.

    These are loopback and private addresses, names of one label, of a cluster's services, and
    others that only an inner resolver answers.
    """
    address = _address(host)
    if address is not None:
        return address.is_private or address.is_loopback
    name = host.rstrip(".").lower()
    return "." not in name or name.endswith(_OWN_NAMES)


def http_address(text: str) -> str:
    """A provider's address, without the slash at its end. Raises `ValueError`."""
    try:
        parts = urlsplit(text)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        port_is_right = False
    if not port_is_right or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http address, e.g. https://api.openai.com/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must have no user, password, query or fragment")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be written in printable ASCII without blanks")
    if "%" in parts.hostname and ":" not in parts.hostname:
        raise ValueError("must have no percent-encoded host")
    if is_metadata(parts.hostname):
        raise ValueError("must not be a link-local address or a cloud's metadata service")
    return text.rstrip("/")


def origin(url: str) -> tuple[str, str, int]:
    """Who is asked: scheme, host and port (RFC 6454) of a URL that `http_address` takes."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, parts.hostname or "", port


def webhook_address(text: str) -> str:
    """A webhook's address, as it was given. Raises `ValueError`.

    What it is sent may be private, so http is for hosts of one's own network alone.
    """
    http_address(text)
    parts = urlsplit(text)
    if parts.scheme == "http" and not is_own(parts.hostname or ""):
        raise ValueError(
            "must be https: plain http is for hosts of your own network alone, such as "
            "http://guard.default.svc"
        )
    return text


def _address(host: str) -> IPv4Address | IPv6Address | None:
    host = host.rstrip(".")
    try:
        address: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        return _loosely_written(host)
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or IPv6Address(int(address))  # without its zone
    return address


def _translated(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    """Where an IPv6 address leads to by way of a translator or 6to4 (RFC 3056)."""
    if isinstance(address, IPv4Address):
        return None
    if any(address in network for network in _TRANSLATED):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour


def _loosely_written(host: str) -> IPv4Address | None:
    """An IPv4 address in a short, decimal, octal or hexadecimal form, as `inet_aton` takes it."""
    parts = host.split(".")
    if len(parts) > 4 or not all(map(_NUMBER.fullmatch, parts)):
        return None
    try:
        *first, last = (_number(part) for part in parts)
        bits = 8 * (4 - len(first))
        if any(number > 255 for number in first) or last >> bits:
            return None
    except ValueError:
        return None
    high = 0
    for number in first:
        high = high << 8 | number
    return IPv4Address(high << bits | last)


def _number(part: str) -> int:
    if part[:2].lower() == "0x":
        return int(part, 0)
    return int(part, 8 if part.startswith("0") else 10)
