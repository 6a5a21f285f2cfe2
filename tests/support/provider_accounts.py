"""Accounts of providers for tests of what is sent to them."""

from typing import Any

from common.accounts import UsableAccount
from common.domain.accounts import Provider
from common.domain.credentials import Credential

KEY = Credential(api_key="sk-planted")


def account_of(
    provider: Provider, base_url: str, credential: Credential = KEY, **fields: Any
) -> UsableAccount:
    """An account with an API key, or another credential."""
    return UsableAccount("01A", "one", provider, base_url, credential=credential, **fields)
