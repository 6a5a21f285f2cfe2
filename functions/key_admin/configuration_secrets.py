"""What is sealed in a configuration: opened for an export, sealed by the importing keyring."""

from typing import TYPE_CHECKING

from common.domain.accounts import credential_name
from common.domain.ids import uuid_to_ulid
from common.domain.notification_channels import channel_name
from common.store import configuration
from common.store.configuration import TABLES, Rows
from common.store.database import Connection
from functions.key_admin.problem import conflict, invalid_field

if TYPE_CHECKING:
    from functions.key_admin.operation import Call

# What each one's sealed text is bound to.
SEALED = {"accounts": credential_name, "notification_channels": channel_name}
# By table and ULID.
Secrets = dict[str, dict[str, str]]


async def opened_secrets(call: "Call", connection: Connection) -> Secrets:
    """All of them. Raises `Problem` 409 for one that does not open."""
    secrets: Secrets = {}
    for table, bound_to in SEALED.items():
        secrets[table] = {}
        for identifier, sealed in (await configuration.sealed_of(connection, table)).items():
            try:
                plain = call.services.keyring.unseal(sealed, bound_to(identifier))
            except ValueError as error:
                raise conflict(
                    f"A secret in {table} cannot be opened: {error}. Give key_admin the encryption "
                    "key back, or send the credential anew."
                ) from None
            secrets[table][identifier] = plain
    return secrets


def sealed_again(call: "Call", tables: dict[str, Rows], secrets: Secrets) -> dict[str, Rows]:
    """The rows with their secrets, sealed by this installation's key. Raises `Problem` 422."""
    found = dict(tables)
    for table, bound_to in SEALED.items():
        column = TABLES[table].sealed
        rows = []
        for row in tables[table]:
            identifier = _ulid(table, row)
            plain = secrets.get(table, {}).get(identifier)
            if plain is None:
                raise invalid_field("configuration.secrets", f"has none of {table} {identifier}")
            rows.append(row | {column: call.services.keyring.seal(plain, bound_to(identifier))})
        found[table] = rows
    return found


def _ulid(table: str, row: dict[str, object]) -> str:
    from uuid import UUID

    try:
        return uuid_to_ulid(UUID(str(row["id"])))
    except (KeyError, ValueError):
        raise invalid_field(f"configuration.tables.{table}", "has a row without an id") from None
