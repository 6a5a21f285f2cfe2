"""A browser's side of the console, without a browser: forms as they are sent, cookies kept."""

import hmac
import re
from contextlib import AbstractContextManager
from html import unescape
from typing import Any

import httpx

from common.domain.ids import ulid_to_uuid
from common.identifiers import new_ulid
from common.secrets import derive
from functions.key_admin.identity.tokens import Tokens
from tests.support.key_admin import EDGE_TOKEN, MASTER_KEY, KeyAdmin, new_address
from tests.support.processes import INTERNAL_SECRET

_INPUT = re.compile(r"<input ([^>]*)>")
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')


class Person:
    """Somebody at the console of a `key_admin`."""

    def __init__(self, key_admin: KeyAdmin) -> None:
        self._key_admin = key_admin
        self._client = httpx.Client(
            base_url=key_admin.url,
            headers={"x-relay-edge-token": EDGE_TOKEN, "x-forwarded-for": new_address()},
            timeout=30,
        )

    def sign_in(self, key: str = MASTER_KEY, target: str = "/admin") -> httpx.Response:
        """By the master key."""
        given = {"master_key": key, "next": target}
        return self._client.post("/admin/login", data=given)

    def is_portal_user(self, user_id: str) -> None:
        """Somebody of the portal from now on."""
        self._client.cookies.set("relay-session", portal_session(self._key_admin, user_id))

    def has_session(self, token: str) -> None:
        """Whoever's access token it is from now on, where Relay is known by an https address."""
        self._client.cookies.set("__Host-relay-session", token)

    def is_of_role(self, role: str, *team_ids: str) -> None:
        """Somebody of that role from now on, in a session of its own."""
        self._client.cookies.clear()
        token = session_of(self._key_admin, role, None, *team_ids)
        self._client.cookies.set("relay-session", token)

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

    def post_from(self, origin: str, path: str, **fields: str) -> httpx.Response:
        """A form that a page of elsewhere sends."""
        return self._client.post(path, data=fields, headers={"origin": origin})

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


def portal_session(key_admin: KeyAdmin, user_id: str) -> str:
    """The access token of a new session in the portal, where there is no identity provider."""
    return session_of(key_admin, "portal", user_id)


def session_of(key_admin: KeyAdmin, role: str, user_id: str | None, *team_ids: str) -> str:
    """The same of any role."""
    session_id = new_ulid()
    secret = derive(INTERNAL_SECRET, "session-credentials")
    credential = hmac.new(secret, f"master-key\0{MASTER_KEY}".encode(), "sha256").hexdigest()
    key_admin.rows(
        "INSERT INTO sessions "
        "(id, subject, way, name, role, user_id, team_ids, credential, address, ends_at) VALUES "
        "(%s, %s, 'master-key', %s, %s, %s, %s, %s, '::1', now() + interval '1 hour')",
        *(ulid_to_uuid(session_id), f"tests:{session_id}", user_id or role, role, user_id),
        *([ulid_to_uuid(one) for one in team_ids], credential),
    )
    return Tokens(INTERNAL_SECRET, ()).make("access", session_id, 1, 3600)


def hidden_fields(page: str) -> dict[str, str]:
    """The hidden fields of a page."""
    found = {}
    for given in _INPUT.findall(page):
        attributes = dict(_ATTRIBUTE.findall(given))
        if attributes.get("type") == "hidden":
            found[attributes["name"]] = unescape(attributes.get("value", ""))
    return found
