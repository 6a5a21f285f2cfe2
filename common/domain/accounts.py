"""Accounts: official API credentials, as routing sees them."""

import hashlib
from typing import Literal

import msgspec

from common.domain.ids import ENTROPY_BYTES, encode_ulid

Provider = Literal["openai", "anthropic", "openai_compatible"]

# The dialect that a provider speaks; a request goes to a provider of its own dialect.
DIALECT_OF_PROVIDER: dict[str, str] = {
    "openai": "openai",
    "openai_compatible": "openai",
    "anthropic": "anthropic",
}


class AccountRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One account. `models` maps what is requested to what is served; empty serves any model.

    `sealed_credential` is `common.keyring`'s, bound to `account:<id>`; empty for built-in ones.
    """

    id: str
    name: str
    provider: Provider
    base_url: str
    models: dict[str, str] = {}
    priority: int = 50
    weight: int = 1
    max_concurrency: int = 0
    enabled: bool = True
    built_in: bool = False
    sealed_credential: str = ""

    def served_model(self, requested: str) -> str | None:
        """The provider's model for a requested one, or None when the account has it not."""
        if not self.models:
            return requested
        return self.models.get(requested)


def credential_name(account_id: str) -> str:
    """What an account's sealed credential is bound to."""
    return f"account:{account_id}"


def built_in_account_id(provider: str) -> str:
    """The id of an account from the environment: the same in every process and for ever.

    A ULID of time 0, so that it never looks like one that was made at run time.
    """
    digest = hashlib.sha256(f"built-in:{provider}".encode()).digest()
    return encode_ulid(0, digest[:ENTROPY_BYTES])
