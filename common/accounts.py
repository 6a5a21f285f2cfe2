"""Accounts with their credentials opened, as whoever asks a provider needs them."""

from collections.abc import Iterable

import msgspec

from common.domain.accounts import AccountRecord, built_in_account_id, credential_name
from common.domain.credentials import NO_CREDENTIAL, Credential, read
from common.environment_accounts import BuiltInAccount
from common.keyring import Keyring
from common.telemetry import logs

_decoder = msgspec.json.Decoder(list[AccountRecord])


class UsableAccount(AccountRecord, frozen=True):
    """An account with its credential opened.

    One value, so that no request that is open while both are changed sends the new credential
    to the old address.
    """

    credential: Credential = NO_CREDENTIAL

    def __repr__(self) -> str:
        return f"UsableAccount(id={self.id!r}, name={self.name!r})"


def built_in_accounts(accounts: Iterable[BuiltInAccount]) -> list[UsableAccount]:
    """Those of the environment."""
    return [
        UsableAccount(
            id=built_in_account_id(account.provider),
            name=f"built-in {account.provider}",
            provider=account.provider,
            base_url=account.base_url,
            built_in=True,
            credential=Credential(api_key=account.api_key),
        )
        for account in accounts
    ]


def stored_accounts(projected: bytes, keyring: Keyring) -> list[UsableAccount]:
    """Those of the projection; an account whose credential does not open is left out."""
    opened = [_open(record, keyring) for record in _decoder.decode(projected)]
    return [account for account in opened if account is not None]


def _open(record: AccountRecord, keyring: Keyring) -> UsableAccount | None:
    try:
        plain = keyring.unseal(record.sealed_credential, credential_name(record.id))
        credential = read(plain)
    except ValueError as error:
        logs.log("account_sealed", level="error", account_id=record.id, error=str(error))
        return None
    return UsableAccount(**msgspec.structs.asdict(record), credential=credential)
