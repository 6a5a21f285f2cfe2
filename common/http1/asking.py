"""Requests to others: where a URL leads, and a request's head as bytes."""

import re
from functools import lru_cache
from typing import NamedTuple

from common.http1.framing import KEPT_BYTES_MAX, line_ends

_URL = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[^/?#@:\[\]]+)(?::([0-9]{1,5}))?([/?][^#]*)?")
_NOT_IN_TARGETS = re.compile(r"[^\x21-\x7e]")
_PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F))


class Address(NamedTuple):
    """Where a URL leads: the connection's far end, and what the request says of itself."""

    host: str
    port: int
    tls: bool
    host_header: str
    target: str


def address_of(url: str) -> Address:
    """The parts of an http or https URL. Raises `ValueError` for anything else."""
    # A path or query may be a caller's own words, of any length.
    return (_kept_address if len(url) <= KEPT_BYTES_MAX else _address)(url)


def _address(url: str) -> Address:
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError("no http or https address")
    scheme, host, port, target = found.groups()
    target = target or "/"
    if target[0] == "?":
        target = "/" + target
    if _NOT_IN_TARGETS.search(target):
        from urllib.parse import quote

        target = quote(target, safe=_PRINTABLE)
    if not host.isascii():
        host = host.encode("idna").decode()
    tls = scheme == "https"
    default = 443 if tls else 80
    number = int(port) if port else default
    if _NOT_IN_TARGETS.search(host) or number > 65_535:
        raise ValueError("no host, or no port")
    named = host.lower() if number == default else f"{host.lower()}:{number}"
    return Address(host.strip("[]"), number, tls, named, target)


_kept_address = lru_cache(maxsize=512)(_address)


def request_head(
    method: str, address: Address, headers: list[tuple[str, str]], framing: str
) -> bytes:
    """A request's head; `framing` is the line that says how long its body is, or nothing.

    Raises `ValueError` when a header would not be one line; the text names none, as it may hold a
    credential.
    """
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    text = (
        f"{method} {address.target} HTTP/1.1\r\nhost: {address.host_header}\r\n"
        f"{''.join(lines)}{framing}\r\n"
    )
    try:
        head = text.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError("a header has letters that no header may have") from None
    if line_ends(head) != len(lines) + (4 if framing else 3):
        raise ValueError("a header holds a control character")
    return head
