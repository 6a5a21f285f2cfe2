"""Accounts that the environment gives, one for each provider."""

from typing import Literal

import msgspec

from common.variables import Environment, parsed


class BuiltInAccount(msgspec.Struct, frozen=True):
    """A provider credential from the environment. `__repr__` hides the key."""

    provider: Literal["openai", "anthropic"]
    base_url: str
    api_key: str

    def __repr__(self) -> str:
        return f"BuiltInAccount({self.provider}, {self.base_url})"


def accounts_of(environment: Environment) -> tuple[BuiltInAccount, ...]:
    """Those that there are, by the variables of the providers' SDKs. Raises `SettingsError`."""
    accounts = []
    if api_key := environment.get("OPENAI_API_KEY", ""):
        base_url = _base_url(environment, "OPENAI_BASE_URL", "https://api.openai.com/v1")
        # openai-python's base URL ends in /v1, anthropic-sdk-python's does not; take both forms.
        if base_url.count("/") == 2:
            base_url += "/v1"
        accounts.append(BuiltInAccount("openai", base_url, api_key))
    if api_key := environment.get("ANTHROPIC_API_KEY", ""):
        base_url = _base_url(environment, "ANTHROPIC_BASE_URL", "https://api.anthropic.com")
        accounts.append(BuiltInAccount("anthropic", base_url.removesuffix("/v1"), api_key))
    return tuple(accounts)


def _base_url(environment: Environment, name: str, default: str) -> str:
    def parse(text: str) -> str:
        if not text.startswith(("http://", "https://")) or len(text.split("/")[2]) == 0:
            raise ValueError
        return text.rstrip("/")

    return parsed(environment, name, default, parse, f"an http address, e.g. {default}")
