"""Credentials of accounts: what each provider takes, sealed, and sealed anew."""

from typing import TYPE_CHECKING

import msgspec

from common.accounts import open_credential
from common.domain.accounts import AccountRecord, Options, Provider, credential_name
from common.domain.credentials import Credential as Opened
from common.domain.credentials import ServiceAccount, secrets_of, written
from common.domain.http_addresses import origin
from common.domain.provider_addresses import default_base_url
from functions.key_admin.models.account_credentials import Credential, ServiceAccountFields
from functions.key_admin.models.account_options import OptionFields
from functions.key_admin.models.addresses import without_password
from functions.key_admin.problem import conflict, invalid_field

if TYPE_CHECKING:
    from functions.key_admin.models.accounts import AccountPatch
    from functions.key_admin.operation import Call

_MEMBERS = {
    "bedrock": ("api_key", "access_key_id", "secret_access_key", "session_token"),
    "vertex": ("service_account",),
}
_API_KEY_ONLY = ("api_key",)
_ACCESS_KEY = ("access_key_id", "secret_access_key")
_WAYS = {
    "bedrock": "api_key, or access_key_id and secret_access_key",
    "vertex": "service_account",
}


def opened(
    provider: Provider, given: Credential, options: OptionFields, egress_proxy: str | None
) -> Opened:
    """What was sent, if it is what the provider takes. Raises `Problem` 422."""
    taken = _MEMBERS.get(provider, _API_KEY_ONLY)
    sent = {name: value for name in Credential.model_fields if (value := getattr(given, name))}
    for name in sent:
        if name not in taken:
            raise invalid_field(
                f"credential.{name}",
                f"is not what {provider} takes: send {_WAYS.get(provider, 'api_key')}",
            )
    _check_complete(provider, set(sent), options)
    service_account = given.service_account
    return Opened(
        api_key=given.api_key or "",
        access_key_id=given.access_key_id or "",
        secret_access_key=given.secret_access_key or "",
        session_token=given.session_token or "",
        service_account=None if service_account is None else _service_account(service_account),
        egress_proxy=egress_proxy or "",
    )


def _check_complete(provider: Provider, names: set[str], options: OptionFields) -> None:
    if provider == "vertex":
        if "service_account" not in names:
            raise invalid_field("credential.service_account", "is required: the key file's JSON")
        return
    if provider == "bedrock" and names - {"api_key"}:
        if "api_key" in names:
            raise invalid_field("credential.api_key", "is one way, an access key another: send one")
        for name, other in (_ACCESS_KEY, _ACCESS_KEY[::-1]):
            if name not in names:
                raise invalid_field(f"credential.{name}", f"is required beside {other}")
        return
    needs_none = provider == "openai_compatible" and "no_auth" in options.quirks
    if "api_key" not in names and not needs_none:
        also = ", or access_key_id and secret_access_key" if provider == "bedrock" else ""
        raise invalid_field("credential.api_key", f"is required{also}")


def _service_account(given: ServiceAccountFields) -> ServiceAccount:
    """The key, if it can sign. Raises `Problem` 422."""
    from common.providers.google_tokens import assertion

    key = ServiceAccount(
        client_email=given.client_email,
        private_key=given.private_key,
        private_key_id=given.private_key_id,
        project_id=given.project_id,
        token_uri=given.token_uri,
    )
    try:
        assertion(key, 0)
    except ValueError:
        raise invalid_field(
            "credential.service_account.private_key", "must be an RSA key in PEM, as downloaded"
        ) from None
    return key


def options_of(provider: Provider, given: OptionFields, region: str) -> Options:
    """What only some providers have, if this one has it. Raises `Problem` 422."""
    for name, value, only in (
        ("api_version", given.api_version, "azure_openai"),
        ("project", given.project, "vertex"),
        ("quirks", given.quirks, "openai_compatible"),
    ):
        if value and provider != only:
            raise invalid_field(f"options.{name}", f"is only for accounts of {only}")
    if provider == "bedrock" and not region:
        raise invalid_field("region", "is required: AWS is asked, and signed for, in one region")
    return Options(given.api_version, given.project, tuple(given.quirks))


def default_address(provider: Provider, region: str) -> str:
    """The provider's own address. Raises `Problem` 422 where it has none."""
    address = default_base_url(provider, region)
    if address is None:
        raise invalid_field("base_url", f"is required for the provider {provider}")
    return address


def shown_proxy(credential: Opened) -> str:
    """The way out without its password; empty without one."""
    return without_password(credential.egress_proxy) if credential.egress_proxy else ""


def sealed(call: "Call", account_id: str, credential: Opened) -> str:
    """Sealed by the current key, bound to the account."""
    return call.services.keyring.seal(written(credential), credential_name(account_id))


def resealed(call: "Call", record: AccountRecord) -> AccountRecord:
    """The account with its credential sealed by the current key. Raises `ValueError`."""
    credential = open_credential(record, call.services.keyring)
    return msgspec.structs.replace(record, sealed_credential=sealed(call, record.id, credential))


def with_other_secrets(call: "Call", record: AccountRecord, given: "AccountPatch") -> AccountRecord:
    """The account with another credential or way out; what was not sent stays as it was sealed.

    Raises `Problem`: 409 where what stays cannot be opened any more.
    """
    sent = given.model_fields_set
    proxy = given.egress_proxy
    if "credential" in sent:
        if "egress_proxy" not in sent and record.egress:
            proxy = _unsealed(call, record).egress_proxy
        options = OptionFields(quirks=list(record.options.quirks))
        credential = opened(record.provider, given.credential, options, proxy)
    else:
        before = _unsealed(call, record)
        credential = msgspec.structs.replace(before, egress_proxy=proxy or "")
    return msgspec.structs.replace(
        record,
        egress=shown_proxy(credential),
        sealed_credential=sealed(call, record.id, credential),
    )


def check_asked_there(
    call: "Call", before: AccountRecord, after: AccountRecord, given: "AccountPatch"
) -> None:
    """A credential that is not shown is not sent elsewhere, either. Raises `Problem` 422.

    Elsewhere is another scheme, host or port than it was given for (from region to region it is
    the provider's own), and another proxy that would read it.
    """
    if "credential" in given.model_fields_set:
        return
    is_elsewhere = origin(before.base_url) != origin(after.base_url) and not (
        _is_own_address(before) and _is_own_address(after)
    )
    proxy = given.egress_proxy
    is_read = proxy is not None and after.base_url.startswith("http://")
    if not is_elsewhere and not is_read:
        return
    credential = _unsealed(call, before)
    if not secrets_of(msgspec.structs.replace(credential, egress_proxy="")):
        return
    if is_elsewhere:
        raise invalid_field(
            "credential", "is required with another base_url: it is not shown, nor sent elsewhere"
        )
    if proxy != credential.egress_proxy:
        raise invalid_field(
            "credential", "is required with another egress_proxy, which reads it on plain http"
        )


def _is_own_address(record: AccountRecord) -> bool:
    return record.base_url == default_base_url(record.provider, record.region)


def _unsealed(call: "Call", record: AccountRecord) -> Opened:
    try:
        return open_credential(record, call.services.keyring)
    except ValueError as error:
        raise conflict(
            f"The account's credential cannot be opened ({error}): send credential and "
            "egress_proxy together, or give key_admin the encryption key back."
        ) from None
