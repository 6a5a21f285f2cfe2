"""Accounts: official API credentials, as routing sees them."""

import hashlib
import math
from typing import Literal, get_args

import msgspec

from common.domain.globs import is_glob, matches
from common.domain.ids import ENTROPY_BYTES, encode_ulid, ulid_time_ms
from common.domain.policies import NO_POLICY, Applied, Policy, account_scope

Provider = Literal[
    "openai", "anthropic", "azure_openai", "gemini", "bedrock", "vertex", "openai_compatible"
]
PROVIDER_NAMES: tuple[Provider, ...] = get_args(Provider)

# The dialect that a provider's own API has: what it keeps (responses, batches) is read in it.
DIALECT_OF_PROVIDER: dict[str, str] = {
    "openai": "openai",
    "openai_compatible": "openai",
    "azure_openai": "openai",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "bedrock": "bedrock",
    "vertex": "vertex",
}

# What a server that speaks OpenAI's protocol does otherwise than OpenAI; docs/providers.md says
# which servers have which.
Quirk = Literal["max_tokens", "no_stream_options", "no_developer_role", "no_auth", "responses"]


class Options(msgspec.Struct, frozen=True, omit_defaults=True):
    """What only some providers need: Azure's API version, Google Cloud's project, quirks."""

    api_version: str = ""
    project: str = ""
    quirks: tuple[Quirk, ...] = ()


NO_OPTIONS = Options()


class AccountRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One account. `models` maps what is requested to what is served; empty serves any model.

    A name that is a glob (as keys' rules have them) stands for all that it matches; mapped to
    itself, each is served as requested. While a change of `models` is on its way
    (`narrowing.py`), `models_too` must admit a model as well.
    `sealed_credential` is `common.keyring`'s, bound to `account:<id>`; empty for built-in ones.
    `region` and `tags` are for routing; Bedrock and Vertex AI are asked in that region, too.
    `enabled` is whether it serves at all, `schedulable` whether it serves what is not pinned to it:
    an operator who drains an account takes only that away. `egress` shows its way out without the
    password; the whole URL of the proxy is sealed with the credential.
    """

    id: str
    name: str
    provider: Provider
    base_url: str
    models: dict[str, str] = {}
    models_too: dict[str, str] = {}
    priority: int = 50
    weight: int = 1
    max_concurrency: int = 0
    enabled: bool = True
    built_in: bool = False
    sealed_credential: str = ""
    # Negotiated with the provider: "0.15" is 15 % off all prices; empty for none.
    discount: str = ""
    policy: Policy = NO_POLICY
    region: str = ""
    tags: list[str] = []
    options: Options = NO_OPTIONS
    extra_headers: dict[str, str] = {}
    egress: str = ""
    expires_at_ms: int | None = None
    schedulable: bool = True

    @property
    def most_open(self) -> int:
        """How many requests it may serve at once; 0 is no bound."""
        bounds = [one for one in (self.max_concurrency, self.policy.limits.concurrency) if one]
        return min(bounds, default=0)

    def may_serve(self, request_id: str, *, pinned: bool = False) -> bool:
        """Whether it may be asked for that request, whose id says when it came.

        `pinned` is what belongs to this account alone, such as a response that it keeps.
        """
        if not (self.enabled and (self.schedulable or pinned)):
            return False
        return self.expires_at_ms is None or ulid_time_ms(request_id) < self.expires_at_ms

    def served_model(self, requested: str) -> str | None:
        """The provider's model for a requested one, or None when the account has it not."""
        if self.models_too and _served(self.models_too, requested) is None:
            return None
        return _served(self.models, requested) if self.models else requested


def _served(models: dict[str, str], requested: str) -> str | None:
    """The exact name, else the longest glob that matches (Postgres keeps no order in a map)."""
    if requested in models:
        return models[requested]
    found = [name for name in models if is_glob(name) and matches(name, requested)]
    if not found:
        return None
    glob = max(found, key=lambda name: (len(name), name))
    return requested if models[glob] == glob else models[glob]


def tier_of(account: AccountRecord) -> tuple[bool, int]:
    """What comes first among accounts that serve a model: those that name it, then by priority.

    One that serves anything would else hide the one that an administrator made for the model:
    its provider answers that there is no such model, and that is the caller's answer.
    """
    return not account.models, account.priority


def draw_of(account: AccountRecord, request_id: str, weight: float) -> float:
    """Where it comes among those of its tier: the smallest is first.

    Each is first as often as its weight says, by the request's id alone: exponential variates
    with the weights as rates (Efraimidis and Spirakis 2006).
    """
    digest = hashlib.blake2b(f"{request_id}:{account.id}".encode(), digest_size=8).digest()
    uniform = (int.from_bytes(digest) + 1) / 2**64  # above 0, up to 1
    return -math.log(uniform) / weight


def account_limits(account: AccountRecord, *, concurrency: bool = False) -> Applied:
    """What limits the account, as rules are made of it; its concurrency only where that is told.

    Admission counts open requests of each account anyway, and bounds them by `most_open`.
    """
    policy = account.policy
    most = account.most_open if concurrency else 0
    limits = msgspec.structs.replace(policy.limits, concurrency=most or None)
    policy = msgspec.structs.replace(policy, limits=limits)
    return Applied("account", account_scope(account.id), policy)


def credential_name(account_id: str) -> str:
    """What an account's sealed credential is bound to."""
    return f"account:{account_id}"


def built_in_account_id(provider: str) -> str:
    """The id of an account from the environment: the same in every process and for ever.

    A ULID of time 0, so that it never looks like one that was made at run time.
    """
    digest = hashlib.sha256(f"built-in:{provider}".encode()).digest()
    return encode_ulid(0, digest[:ENTROPY_BYTES])
