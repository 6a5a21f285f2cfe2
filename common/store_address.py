"""A store's URL and its password, which may come apart: the password out of a Secret."""

from urllib.parse import parse_qsl, quote


class HasPassword(ValueError):
    """The URL has a password already."""


def with_password(url: str, password: str) -> str:
    """The URL (RFC 3986) with the password, percent-encoded, in it. Raises `HasPassword`."""
    scheme, _, rest = url.partition("://")
    end = min([at for mark in "/?#" if (at := rest.find(mark)) >= 0], default=len(rest))
    user_info, _, hosts = rest[:end].rpartition("@")
    user, _, present = user_info.partition(":")
    # libpq takes it as a parameter too ("Connection URIs").
    if present or "password" in dict(parse_qsl(rest[end:].partition("?")[2])):
        raise HasPassword
    return f"{scheme}://{user}:{quote(password, safe='')}@{hosts}{rest[end:]}"
