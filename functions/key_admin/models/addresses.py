"""Addresses that people give for providers and proxies: which ones Relay asks."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from common.domain.http_addresses import http_address, is_metadata, webhook_address


def receiver_address(text: str) -> str:
    """Where a notification is sent: as `webhook_address`, and a query. Raises `ValueError`."""
    base, _, _ = text.partition("?")
    webhook_address(base)
    if not text.isascii() or not text.isprintable() or " " in text or "#" in text:
        raise ValueError("must be written in printable ASCII without blanks or fragment")
    return text


def mail_host(text: str) -> str:
    """The name or address of a mail server. Raises `ValueError`."""
    if not _HOST.fullmatch(text):
        raise ValueError("must be a host's name or address alone, e.g. smtp.example.com")
    if is_metadata(text):
        raise ValueError("must not be a link-local address or a cloud's metadata service")
    return text


_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\.?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+")
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
ReceiverUrl = Annotated[str, Field(max_length=1000), AfterValidator(receiver_address)]
MailHost = Annotated[str, Field(max_length=253), AfterValidator(mail_host)]
ProxyUrl = Annotated[str, Field(max_length=1000), AfterValidator(proxy_address)]
