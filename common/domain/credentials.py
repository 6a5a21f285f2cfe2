"""What an account's secret is, opened: a provider's credential and the way out to it. Pure."""

import msgspec

from common.domain.accounts import AccountRecord


class ServiceAccount(msgspec.Struct, frozen=True):
    """What is needed of a Google service account's key file. `__repr__` hides the key."""

    client_email: str
    private_key: str
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    private_key_id: str = ""
    project_id: str = ""

    def __repr__(self) -> str:
        return f"ServiceAccount({self.client_email!r})"


class Credential(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a provider has issued, each in its own members; empty where it issues another.

    `egress_proxy` is the URL of the proxy through which the account is asked; it may hold a
    password, so it is kept here. `__repr__` shows nothing.
    """

    api_key: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""
    service_account: ServiceAccount | None = None
    egress_proxy: str = ""

    def __repr__(self) -> str:
        return "Credential()"


NO_CREDENTIAL = Credential()


class UsableAccount(AccountRecord, frozen=True):
    """An account with its credential opened.

    One value, so that no request that is open while both are changed sends the new credential
    to the old address.
    """

    credential: Credential = NO_CREDENTIAL
    # As a candidate for a request (`functions/relay/stages/route.py`): the least is asked first;
    # from `FALLBACK_TIER` on it serves another model than was asked for.
    tier: int = 0

    def __repr__(self) -> str:
        return f"UsableAccount(id={self.id!r}, name={self.name!r})"


def secrets_of(credential: Credential) -> list[str]:
    """All that must not be told: some servers repeat a key that is wrong."""
    key = credential.service_account
    secrets = (
        credential.api_key,
        credential.secret_access_key,
        credential.session_token,
        credential.egress_proxy,
        key.private_key if key is not None else "",
    )
    return [one for one in secrets if one]


_decoder = msgspec.json.Decoder(Credential)


def written(credential: Credential) -> str:
    """The text that is sealed: an API key alone as it is, anything else as JSON.

    An older relay, which knows only keys, so reads what it can use.
    """
    if credential == Credential(api_key=credential.api_key):
        return credential.api_key
    return msgspec.json.encode(credential).decode()


def read(text: str) -> Credential:
    """What `written` made. Raises `ValueError` for JSON of another kind, repeating nothing of it.

    An API key never begins with a brace: the admin API refuses such.
    """
    if not text.startswith("{"):
        return Credential(api_key=text)
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError:
        raise ValueError("the opened credential is no credential that this version knows") from None
