"""How people sign in, out of the environment: the administrator, sessions, identity providers."""

import json
from typing import Any
from urllib.parse import urlsplit

import msgspec

from common.domain.claims import Grant, parse_grant, parse_grants
from common.variables import Environment, SettingsError, choice, parsed, whole

ADMIN_PASSWORD_CHARACTERS_MIN = 8
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
_PROVIDER = "RELAY_OIDC_"


class OidcProvider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One identity provider, found by its issuer's discovery document.

    `roles` maps values of the claim `role_claim` to roles; `default_role` is of those whom no value
    maps, who are refused without it. `user_claim` says which of our users somebody is.
    """

    id: str
    issuer: str
    client_id: str
    name: str = ""
    client_secret: str = ""
    scopes: str = "openid email profile"
    allowed_domains: tuple[str, ...] = ()
    role_claim: str = "roles"
    roles: tuple[tuple[str, Grant], ...] = ()
    default_role: Grant | None = None
    user_claim: str = "email"

    @property
    def shown_name(self) -> str:
        """What a button says."""
        return self.name or urlsplit(self.issuer).hostname or self.id

    def __repr__(self) -> str:
        return f"OidcProvider({self.id}, {self.issuer})"


class IdentitySettings(msgspec.Struct, frozen=True):
    """What signing in needs. Without a password only other ways are there.

    `admin_password` may be an Argon2id hash in PHC's form. The first of
    `jwt_secrets` signs, all check, each together with the internal secret.
    """

    admin_username: str = "admin"
    admin_password: str = ""
    jwt_secrets: tuple[str, ...] = ()
    session_s: int = 86_400
    access_token_s: int = 300
    master_key_sign_in: bool = True
    portal_keys_max: int = 10
    public_url: str = ""
    providers: tuple[OidcProvider, ...] = ()

    def __repr__(self) -> str:
        return f"IdentitySettings({self.providers})"


def identity_settings(environment: Environment) -> IdentitySettings:
    """What the environment says of it. Raises `SettingsError`."""
    public_url = parsed(
        environment, "RELAY_PUBLIC_URL", "", _address, "an address such as https://relay.example"
    )
    providers = _providers(environment)
    if providers and not public_url:
        raise SettingsError(
            "RELAY_PUBLIC_URL is not set: identity providers send people back there, e.g. "
            "https://relay.example"
        )
    on = choice(environment, "RELAY_MASTER_KEY_SIGN_IN", "on", ("on", "off"))
    timeout_ms = whole(
        environment, "RELAY_ADMIN_SESSION_TIMEOUT_MS", 86_400_000, 60_000, 365 * 86_400_000
    )
    return IdentitySettings(
        admin_username=environment.get("RELAY_ADMIN_USERNAME") or "admin",
        admin_password=_admin_password(environment),
        jwt_secrets=tuple(
            filter(None, map(str.strip, environment.get("RELAY_JWT_SECRET", "").split(",")))
        ),
        session_s=timeout_ms // 1000,
        access_token_s=whole(environment, "RELAY_ACCESS_TOKEN_S", 300, 30, 3600),
        master_key_sign_in=on == "on",
        portal_keys_max=whole(environment, "RELAY_PORTAL_KEYS_MAX", 10, 0, 1000),
        public_url=public_url,
        providers=providers,
    )


def _admin_password(environment: Environment) -> str:
    value = environment.get("RELAY_ADMIN_PASSWORD", "")
    if value and len(value) < ADMIN_PASSWORD_CHARACTERS_MIN:
        raise SettingsError(
            "RELAY_ADMIN_PASSWORD is too short: at least "
            f"{ADMIN_PASSWORD_CHARACTERS_MIN} characters, e.g. from `openssl rand -base64 18`"
        )
    return value


def _address(text: str) -> str:
    parts = urlsplit(text)
    right = parts.scheme in ("http", "https") and parts.hostname and not parts.path.strip("/")
    if not right or parts.query or parts.fragment or parts.username:
        raise ValueError
    return text.rstrip("/")


def _providers(environment: Environment) -> tuple[OidcProvider, ...]:
    """That of the single variables first, then those of the list."""
    single = _single(environment)
    found = [single] if single.issuer else []
    text = environment.get("RELAY_OIDC_PROVIDERS", "")
    try:
        listed = json.loads(text) if text else []
        found += [_listed(one) for one in listed]
    except (ValueError, TypeError, AttributeError, msgspec.ValidationError) as error:
        # The list has secrets: nothing of it is repeated.
        why = str(error) if isinstance(error, msgspec.ValidationError) else "no such list"
        raise SettingsError(
            "RELAY_OIDC_PROVIDERS: must be a JSON list of objects with id, issuer and client_id "
            f"(docs/sign-in.md): {why}"
        ) from None
    ids = [one.id for one in found]
    if len(set(ids)) != len(ids):
        raise SettingsError("RELAY_OIDC_PROVIDERS: each `id` is its own; `oidc` is the variables'")
    return tuple(_checked(one) for one in found)


def _single(environment: Environment) -> OidcProvider:
    def value(name: str) -> str:
        return environment.get(_PROVIDER + name, "")

    if value("ISSUER") and not value("CLIENT_ID"):
        raise SettingsError("RELAY_OIDC_CLIENT_ID is not set: the provider gave it, e.g. relay")
    expected = "value=role with commas, e.g. relay-admins=admin,blue=team_admin:Blue"
    role = "admin, operator, viewer, portal or team_admin:<team>"
    no_role: Grant | None = None
    return OidcProvider(
        id="oidc",
        issuer=value("ISSUER"),
        client_id=value("CLIENT_ID"),
        name=value("NAME"),
        client_secret=value("CLIENT_SECRET"),
        scopes=value("SCOPES") or "openid email profile",
        allowed_domains=_words(value("ALLOWED_DOMAINS")),
        role_claim=value("ROLE_CLAIM") or "roles",
        roles=parsed(environment, "RELAY_OIDC_ROLES", (), parse_grants, expected),
        default_role=parsed(environment, "RELAY_OIDC_DEFAULT_ROLE", no_role, parse_grant, role),
        user_claim=value("USER_CLAIM") or "email",
    )


def _listed(given: dict[str, Any]) -> OidcProvider:
    """An object of the list: `roles` is an object of value to role."""
    roles = tuple((value, parse_grant(role)) for value, role in given.get("roles", {}).items())
    default = parse_grant(given["default_role"]) if given.get("default_role") else None
    plain = {name: one for name, one in given.items() if name not in ("roles", "default_role")}
    made = msgspec.convert(plain, OidcProvider)
    domains = tuple(one.lower() for one in made.allowed_domains)
    return msgspec.structs.replace(made, roles=roles, default_role=default, allowed_domains=domains)


def _checked(provider: OidcProvider) -> OidcProvider:
    parts = urlsplit(provider.issuer)
    local = parts.scheme == "http" and parts.hostname in _LOCAL_HOSTS
    if not (parts.scheme == "https" or local) or parts.query or parts.fragment:
        raise SettingsError(
            f"the issuer of the identity provider {provider.id!r} must be an https address, as its "
            "discovery document writes it, e.g. https://accounts.google.com"
        )
    if not provider.id.replace("-", "").replace("_", "").isalnum() or not provider.id.isascii():
        raise SettingsError(
            f"the id of the identity provider {provider.id!r} must be letters, digits, - and _: it "
            "stands in an address"
        )
    if "openid" not in provider.scopes.split():
        raise SettingsError(f"the scopes of the identity provider {provider.id!r} lack `openid`")
    return provider


def _words(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (one.strip().lower() for one in text.split(","))))
