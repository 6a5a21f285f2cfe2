"""Addresses that people give for providers and proxies: which ones Relay asks."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from socket import inet_aton
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

# Where machines in clouds are told their own credentials, besides the link-local addresses: AWS,
# Alibaba, Oracle; names of Google's and AWS's.
_METADATA_NETWORKS = (
    ip_network("fd00:ec2::/32"),
    ip_network("100.100.100.200"),
    ip_network("192.0.0.192"),
)
_METADATA_HOSTS = {
    *("metadata", "metadata.google.internal", "metadata.goog"),
    *("instance-data", "instance-data.ec2.internal"),
}


def is_metadata(host: str) -> bool:
    """Whether a host is a cloud's metadata service, by its name or address as it is written.

    Loopback and private addresses are none: vLLM and Ollama have such.
    """
    host = host.rstrip(".").lower()
    try:
        address: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        try:
            address = IPv4Address(inet_aton(host))  # short, decimal, octal and hexadecimal forms
        except OSError:
            return host in _METADATA_HOSTS
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or IPv6Address(int(address))  # without its zone
    return address.is_link_local or any(address in network for network in _METADATA_NETWORKS)


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


_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")


def proxy_address(text: str) -> str:
    """The URL of a proxy, which may hold a user and a password. Raises `ValueError`."""
    try:
        parts = urlsplit(text)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        port_is_right = False
    if not port_is_right or parts.scheme not in _PROXY_SCHEMES or not parts.hostname:
        raise ValueError(
            "must be the URL of an http, https, socks5 or socks5h proxy, "
            "e.g. socks5://user:password@proxy.internal:1080"
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must have no path, query or fragment")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be written in printable ASCII without blanks")
    if is_metadata(parts.hostname):
        raise ValueError("must not be a link-local address or a cloud's metadata service")
    return text.rstrip("/")


def without_password(url: str) -> str:
    """A proxy's URL as it may be shown: scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


BaseUrl = Annotated[str, Field(max_length=500), AfterValidator(http_address)]
ProxyUrl = Annotated[str, Field(max_length=1000), AfterValidator(proxy_address)]
