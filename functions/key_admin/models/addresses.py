"""Addresses that people give for providers and proxies: which ones Relay asks."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from common.domain.http_addresses import http_address, is_metadata

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
