"""Callers of every role, for tests of what each may."""

from types import SimpleNamespace
from typing import Any

import httpx
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from common.domain.ids import ulid_to_uuid
from common.identifiers import new_ulid
from common.identity_settings import identity_settings
from common.secrets import derive
from functions.key_admin.identity.sessions import provider_mark
from functions.key_admin.identity.tokens import Tokens
from tests.support.key_admin import KeyAdmin, new_address
from tests.support.processes import INTERNAL_SECRET

USERNAME = "root"
PASSWORD = "a password of the tests"
CLIENT_ID = "relay"
PUBLIC_URL = "https://relay.example"
ROLES = ("viewer", "operator", "admin", "team_admin", "portal")


def identity_environment(issuer: str) -> dict[str, str]:
    """What key_admin reads of sign-in."""
    return {
        "RELAY_ADMIN_USERNAME": USERNAME,
        "RELAY_ADMIN_PASSWORD": _light_hash(PASSWORD),
        "RELAY_PUBLIC_URL": PUBLIC_URL,
        "RELAY_OIDC_ISSUER": issuer,
        "RELAY_OIDC_CLIENT_ID": CLIENT_ID,
        "RELAY_OIDC_CLIENT_SECRET": "a secret of the client",
        "RELAY_OIDC_ALLOWED_DOMAINS": "example.com",
        "RELAY_OIDC_ROLE_CLAIM": "groups",
        "RELAY_OIDC_ROLES": "admins=admin,blue=team_admin:Blue,staff=portal",
    }


class People:
    """Makes sessions of any role, as a sign-in by the identity provider would leave them."""

    def __init__(self, key_admin: KeyAdmin, issuer: str) -> None:
        self._key_admin = key_admin
        settings = identity_settings(identity_environment(issuer))
        services = SimpleNamespace(
            settings=SimpleNamespace(identity=settings),
            credentials_key=derive(INTERNAL_SECRET, "session-credentials"),
        )
        self._credential = provider_mark(services, "oidc")

    def token(
        self, role: str, *, team_ids: tuple[str, ...] = (), user_id: str | None = None
    ) -> str:
        """The access token of a new session."""
        session_id = new_ulid()
        self._key_admin.rows(
            "INSERT INTO sessions (id, subject, way, name, role, team_ids, user_id, credential, "
            "address, ends_at) "
            "VALUES (%s, %s, 'oidc', %s, %s, %s, %s, %s, '::1', now() + '1 hour')",
            *(ulid_to_uuid(session_id), f"oidc:oidc:{session_id}", role, role),
            *([ulid_to_uuid(one) for one in team_ids], user_id, self._credential),
        )
        return Tokens(INTERNAL_SECRET, ()).make("access", session_id, 1, 3600)

    def call(self, token: str, method: str, path: str, **options: Any) -> httpx.Response:
        """A call by whose token it is."""
        return self._key_admin.call(method, path, authorization=f"Bearer {token}", **options)

    def team(self, **members: Any) -> str:
        """A new team's id."""
        body = {"name": new_address()} | members
        answer = self._key_admin.call("POST", "/internal/teams", json=body)
        made: str = answer.json()["id"]
        return made


def _light_hash(password: str) -> str:
    """Argon2id with the least cost: each attempt would take a tenth of a second."""
    hashed = Argon2id(salt=b"0123456789abcdef", length=32, iterations=1, lanes=1, memory_cost=8)
    phc: str = hashed.derive_phc_encoded(password.encode())
    return phc
