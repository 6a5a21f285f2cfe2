"""Access rules: what may be asked with a key, by which client, from where. Pure.

Each level may set some; a request must satisfy those of all levels that apply to it. A list that
is empty rules nothing.
"""

from functools import lru_cache
from typing import Literal

import msgspec

from common.domain.globs import is_glob, matches

RuleName = Literal["scopes", "dialects", "clients", "addresses"]
ALL_SCOPES = (
    *("chat", "messages", "responses", "embeddings", "moderations", "images", "audio"),
    "models",
)
ALL_DIALECTS = ("openai", "anthropic", "gemini")
# What clients say of themselves in `user-agent`, in lower case. openai-python and
# anthropic-sdk-python (`_base_client.py`) send their client class and language, the others of
# Stainless's make the same product name; Claude Code sends `claude-cli/<version> (external, cli)`.
CLIENT_FAMILIES: dict[str, tuple[str, ...]] = {
    "openai-sdk": ("openai/*", "asyncopenai/*", "azureopenai/*", "asyncazureopenai/*"),
    "anthropic-sdk": ("anthropic/*", "asyncanthropic/*"),
    "google-genai-sdk": ("google-genai-sdk/*",),
    "claude-code": ("claude-cli/*", "claude-code/*"),
    "curl": ("curl/*",),
}


class Access(msgspec.Struct, frozen=True, omit_defaults=True):
    """One level's rules. Models and clients are shell globs, addresses are CIDRs.

    While a change is on its way (`narrowing.py`) `also` must admit a request as well.
    """

    models_allow: tuple[str, ...] = ()
    models_deny: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    dialects: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    also: "Access | None" = None

    @property
    def is_empty(self) -> bool:
        """Whether it admits everything."""
        return self == NO_ACCESS

    def admits_model(self, model: str, alias: str | None = None) -> bool:
        """Whether the model may be asked for, by that alias if one is given."""
        return admits_model(self.models_allow, self.models_deny, model, alias) and (
            self.also is None or self.also.admits_model(model, alias)
        )

    def admits_address(self, address: str) -> bool:
        """Whether it may be used from there at all."""
        return (not self.addresses or admits_address(self.addresses, address)) and (
            self.also is None or self.also.admits_address(address)
        )

    def broken_by(self, asked: "Asked") -> RuleName | None:
        """The first rule that a request breaks, whatever its model; None when it may pass."""
        if asked.scope is not None and not admits_scope(self.scopes, asked.scope):
            return "scopes"
        if self.dialects and asked.dialect not in self.dialects:
            return "dialects"
        if self.addresses and not admits_address(self.addresses, asked.address):
            return "addresses"
        if self.clients and not any(is_client(one, asked.agent) for one in self.clients):
            return "clients"
        return None if self.also is None else self.also.broken_by(asked)


# The one that records leave out.
NO_ACCESS = Access()


class Asked(msgspec.Struct, frozen=True):
    """What of a request the rules look at. `scope` None: the endpoint needs none."""

    scope: str | None
    dialect: str
    agent: str
    address: str


def admits_model(
    allow: tuple[str, ...] | list[str],
    deny: tuple[str, ...] | list[str],
    model: str,
    alias: str | None = None,
) -> bool:
    """Deny wins; an empty allow list admits every model. Shell globs, case-sensitive.

    What is denied by its alias or its own name is denied. An alias that an allow list names, not
    by a glob, is admitted whatever it stands for: that is what whoever named it wanted.
    """
    if any(matches(pattern, model) for pattern in deny):
        return False
    if alias is not None:
        if any(matches(pattern, alias) for pattern in deny):
            return False
        if alias in allow:
            return True
    return not allow or any(matches(pattern, model) for pattern in allow)


def admits_scope(scopes: tuple[str, ...] | list[str], scope: str) -> bool:
    """No scope named means all of them. `chat` holds `messages`, chat in Anthropic's dialect."""
    return not scopes or scope in scopes or (scope == "messages" and "chat" in scopes)


def is_client(client: str, agent: str) -> bool:
    """Whether a `user-agent` is of that family, or as that glob says, whatever the case.

    A courtesy to honest callers: whoever wants to sends another `user-agent`.
    """
    named = agent.lower()
    return any(
        matches(pattern, named) for pattern in CLIENT_FAMILIES.get(client, (client.lower(),))
    )


def is_known_client(client: str) -> bool:
    """Whether a rule's client is a family, or a glob that may match a `user-agent`."""
    return client in CLIENT_FAMILIES or is_glob(client)


@lru_cache(maxsize=4096)
def admits_address(networks: tuple[str, ...], address: str) -> bool:
    """Whether an address is in one of the networks; what is no address is in none."""
    # Imported here: an installation without such rules never pays for it.
    from common.domain.addresses import in_network, parse_address

    parsed = parse_address(address)
    return parsed is not None and any(in_network(network, parsed) for network in networks)


def admits_all_of(new: Access, old: Access) -> bool:
    """Whether all that the old rules admit is surely admitted by the new ones.

    Of globs and networks that are not the same nothing is known.
    """
    names = ("models_allow", "scopes", "dialects", "clients", "addresses")
    wider = all(_is_wider(getattr(new, name), getattr(old, name)) for name in names)
    return (
        wider
        and set(new.models_deny) <= set(old.models_deny)
        and (new.also is None or new.also == old.also)
    )


def _is_wider(new: tuple[str, ...], old: tuple[str, ...]) -> bool:
    return not new or (bool(old) and set(old) <= set(new))
