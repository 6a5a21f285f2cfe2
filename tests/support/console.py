"""A browser's side of the console, without a browser: forms as they are sent, cookies kept."""

import re
from contextlib import AbstractContextManager
from html import unescape
from typing import Any

import httpx

from tests.support.key_admin import EDGE_TOKEN, MASTER_KEY, KeyAdmin, new_address

_INPUT = re.compile(r"<input ([^>]*)>")
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')


class Person:
    """Somebody at the console of a `key_admin`."""

    def __init__(self, key_admin: KeyAdmin) -> None:
        self._client = httpx.Client(
            base_url=key_admin.url,
            headers={"x-relay-edge-token": EDGE_TOKEN, "x-forwarded-for": new_address()},
            timeout=30,
        )

    def sign_in(self, key: str = MASTER_KEY, target: str = "/admin") -> httpx.Response:
        """By the master key."""
        given = {"master_key": key, "next": target}
        return self._client.post("/admin/login", data=given)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """A page."""
        return self._client.get(path, **options)

    def send(self, path: str, to: str = "", **fields: str) -> httpx.Response:
        """The form of the page at `path`, with its hidden fields and these."""
        hidden = hidden_fields(self.get(path).text)
        return self._client.post(to or path, data=hidden | fields)

    def post(self, path: str, **fields: str) -> httpx.Response:
        """A form that no page gave."""
        return self._client.post(path, data=fields)

    def stream(self, path: str, to: str, **fields: str) -> AbstractContextManager[httpx.Response]:
        """As `send`, for the answer as it comes, as the page's script asks for it."""
        hidden = hidden_fields(self.get(path).text)
        headers = {"hx-request": "true"}
        return self._client.stream("POST", to, data=hidden | fields, headers=headers)

    def upload(
        self,
        path: str,
        fields: dict[str, str],
        *,
        logo: bytes = b"",
        hidden: dict[str, str] | None = None,
    ) -> httpx.Response:
        """The form of the page at `path`, with a file; none is sent as browsers do."""
        data = hidden_fields(self.get(path).text) | (hidden or {}) | fields
        return self._client.post(path, data=data, files={"logo": ("logo" if logo else "", logo)})

    def close(self) -> None:
        """Close connections."""
        self._client.close()


def hidden_fields(page: str) -> dict[str, str]:
    """The hidden fields of a page."""
    found = {}
    for given in _INPUT.findall(page):
        attributes = dict(_ATTRIBUTE.findall(given))
        if attributes.get("type") == "hidden":
            found[attributes["name"]] = unescape(attributes.get("value", ""))
    return found
