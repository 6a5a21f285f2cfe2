"""Accounts with their credentials opened, as whoever asks a provider needs them."""

from collections.abc import Iterable

import msgspec

from common.domain.accounts import AccountRecord, built_in_account_id, credential_name
from common.domain.credentials import Credential, UsableAccount, read
from common.environment_accounts import BuiltInAccount
from common.keyring import Keyring
from common.telemetry import logs

__all__ = [
    "FALLBACK_TIER",
    "UsableAccount",
    "built_in_accounts",
    "open_credential",
    "opened_account",
    "stored_accounts",
]

# Of candidates: from here on they serve another model than was asked for.
FALLBACK_TIER = 1000
_projected = msgspec.json.Decoder(list[msgspec.Raw])
_decoder = msgspec.json.Decoder(AccountRecord)


class _Known(msgspec.Struct):
    """As much as every version's record of an account has."""

    id: str = ""


_known = msgspec.json.Decoder(_Known)


def built_in_accounts(accounts: Iterable[BuiltInAccount]) -> list[UsableAccount]:
    """Those of the environment."""
    return [
        UsableAccount(
            id=built_in_account_id(account.provider),
            name=f"built-in {account.provider}",
            provider=account.provider,
            base_url=account.base_url,
            built_in=True,
            region=account.region,
            options=account.options,
            credential=account.credential,
        )
        for account in accounts
    ]


def stored_accounts(projected: bytes, keyring: Keyring) -> list[UsableAccount]:
    """Those of the projection; one whose credential does not open is left out.

    So is one that only a newer release knows how to ask: during an upgrade, and after a rollback,
    all others go on to serve.
    """
    opened = [_open(record, keyring) for record in _projected.decode(projected)]
    return [account for account in opened if account is not None]


def open_credential(record: AccountRecord, keyring: Keyring) -> Credential:
    """What the account's secret is. Raises `ValueError`, which repeats nothing of it.

    One that is shown with a way out and holds none must not be asked directly.
    """
    credential = read(keyring.unseal(record.sealed_credential, credential_name(record.id)))
    if bool(record.egress) != bool(credential.egress_proxy):
        raise ValueError("its egress proxy is not the one that it is shown with")
    return credential


def opened_account(record: AccountRecord, keyring: Keyring) -> UsableAccount:
    """The account as whoever asks its provider needs it. Raises as `open_credential`."""
    # Not `asdict`: that would take apart what the record holds.
    fields = {name: getattr(record, name) for name in record.__struct_fields__}
    return UsableAccount(**fields, credential=open_credential(record, keyring))


def _open(projected: msgspec.Raw, keyring: Keyring) -> UsableAccount | None:
    try:
        record = _decoder.decode(projected)
    except msgspec.ValidationError as error:
        account_id = _known.decode(projected).id
        logs.log("account_unknown", level="error", account_id=account_id, error=str(error))
        return None
    try:
        return opened_account(record, keyring)
    except ValueError as error:
        logs.log("account_sealed", level="error", account_id=record.id, error=str(error))
        return None
