"""Access rules, as sent and as answered: who may use a level's keys, how, and from where."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from common.domain.access import ALL_DIALECTS, ALL_SCOPES, CLIENT_FAMILIES, Access, is_known_client
from common.domain.addresses import parse_network
from functions.key_admin.models.fields import Glob, Sent

RULES_MAX = 100


def _once(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _known_scopes(scopes: list[str]) -> list[str]:
    for scope in scopes:
        if scope not in ALL_SCOPES:
            raise ValueError(f"{scope!r} is no scope: there are {', '.join(ALL_SCOPES)}")
    return _once(scopes)


def _known_dialects(dialects: list[str]) -> list[str]:
    for dialect in dialects:
        if dialect not in ALL_DIALECTS:
            raise ValueError(f"{dialect!r} is no dialect: there are {', '.join(ALL_DIALECTS)}")
    return _once(dialects)


def _known_clients(clients: list[str]) -> list[str]:
    for client in clients:
        if not is_known_client(client):
            families = ", ".join(CLIENT_FAMILIES)
            raise ValueError(
                f"{client!r} is no family of clients: there are {families}, or give a glob of "
                "their user-agent, such as my-app/*"
            )
    return _once(clients)


def _networks(networks: list[str]) -> list[str]:
    for network in networks:
        try:
            parse_network(network)
        except ValueError as error:
            raise ValueError(
                f"must be addresses or networks, such as 203.0.113.0/24 or 2001:db8::/32: {error}"
            ) from None
    return _once(networks)


Scopes = Annotated[list[str], Field(max_length=50), AfterValidator(_known_scopes)]


class ModelRules(Sent):
    """Which models may be used: shell globs; `deny` wins, an empty `allow` admits all."""

    allow: list[Glob] = Field(default_factory=list, max_length=RULES_MAX)
    deny: list[Glob] = Field(default_factory=list, max_length=RULES_MAX)


class KeyAccessFields(Sent):
    """Who may use it: dialects, clients by their `user-agent` (a courtesy, not security), CIDRs.

    An empty list rules nothing.
    """

    dialects: Annotated[list[str], AfterValidator(_known_dialects)] = Field(
        default_factory=list, max_length=10
    )
    clients: Annotated[list[Glob], AfterValidator(_known_clients)] = Field(
        default_factory=list, max_length=RULES_MAX
    )
    addresses: Annotated[list[str], AfterValidator(_networks)] = Field(
        default_factory=list, max_length=RULES_MAX
    )


class AccessFields(KeyAccessFields):
    """The same for all keys below a level, with the models and scopes that they may use at most."""

    models: ModelRules = Field(default_factory=ModelRules)
    scopes: Scopes = Field(default_factory=list)


def access_of(given: KeyAccessFields) -> Access:
    """What was sent as rules."""
    wider = given if isinstance(given, AccessFields) else AccessFields()
    return Access(
        models_allow=tuple(wider.models.allow),
        models_deny=tuple(wider.models.deny),
        scopes=tuple(wider.scopes),
        dialects=tuple(given.dialects),
        clients=tuple(given.clients),
        addresses=tuple(given.addresses),
    )


def shown_key_access(access: Access) -> dict[str, Any]:
    """A key's rules as the members of `KeyAccessFields`."""
    return {
        "dialects": list(access.dialects),
        "clients": list(access.clients),
        "addresses": list(access.addresses),
    }


def shown_access(access: Access) -> AccessFields:
    """Rules as answered."""
    return AccessFields(
        **shown_key_access(access),
        models=ModelRules(allow=list(access.models_allow), deny=list(access.models_deny)),
        scopes=list(access.scopes),
    )
