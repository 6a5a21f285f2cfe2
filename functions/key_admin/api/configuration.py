"""`/internal/configuration`: all that administrators have set, from one installation to another."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from starlette.responses import Response

from common import projection
from common.domain.policies import NO_POLICY, ORGANISATION
from common.domain.roles import ADMINISTER
from common.passphrase import WrongPassphrase, seal, unseal
from common.store import configuration, policies
from common.store.configuration import TABLES, Rows
from common.store.database import Connection
from functions.key_admin.configuration_reading import check_readable
from functions.key_admin.configuration_secrets import (
    SEALED,
    Secrets,
    opened_secrets,
    sealed_again,
)
from functions.key_admin.models.configuration import (
    Export,
    ExportAsked,
    ImportAnswer,
    ImportAsked,
    Imported,
)
from functions.key_admin.operation import Call, Operation, answered
from functions.key_admin.problem import Problem, conflict, invalid_field
from functions.key_admin.projecting import project_policy

PATH = "/internal/configuration"
FORMAT = "relay-configuration-1"
IMPORT_BYTES_MAX = 64 * 1024 * 1024
PAGE = 500


async def export(call: Call) -> Response:
    """Teams, users, accounts, groups, aliases, prices, keys, channels; no usage and no trail."""
    given = call.sent(ExportAsked)
    tables: dict[str, Rows] = {}
    async with call.services.database.transaction() as connection:
        for table in TABLES:
            tables[table] = await configuration.export_rows(connection, table)
        secrets = await opened_secrets(call, connection)
        organisation = await policies.organisation(connection)
        schema = await configuration.schema(connection)
        counts = {table: len(rows) for table, rows in tables.items()}
        await call.audit(connection, "configuration.export", "*", after=counts)
    columns = {
        name: value.obj if isinstance(value, Jsonb) else value
        for name, value in policies.columns(organisation.policy).items()
    }
    sealed = await asyncio.to_thread(
        seal, given.passphrase, json.dumps(secrets).encode(), _bound_to(tables)
    )
    document = {
        "format": FORMAT,
        "schema": schema,
        "exported_at": datetime.now(UTC).isoformat(),
        "organisation": columns,
        "tables": tables,
        "secrets": sealed,
    }
    return Response(json.dumps(document), media_type="application/json")


async def import_(call: Call) -> Response:
    """Write what is not there yet, all of it or nothing. 409 for names that something else has.

    Ids stay as they were, so it can be repeated; what is there is never changed.
    """
    given = call.sent(ImportAsked)
    document = given.configuration
    tables = _tables(document)
    secrets = await _secrets(given, tables)
    try:
        # The savepoint's changes are undone by a dry run, and all else with them.
        async with (
            call.services.database.transaction() as connection,
            connection.transaction(force_rollback=given.dry_run),
        ):
            answer = await _import(call, connection, document, tables, secrets, given.dry_run)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        first = str(error).strip().splitlines()[0]
        raise invalid_field("configuration.tables", f"has a row that is none: {first}") from None
    if not given.dry_run:
        await call.services.bring_projection_up_to_date()
    return answered(answer)


async def _import(
    call: Call,
    connection: Connection,
    document: Export,
    tables: dict[str, Rows],
    secrets: Secrets,
    dry_run: bool,
) -> ImportAnswer:
    schema = await configuration.schema(connection)
    if document.schema_ != schema:
        raise conflict(
            f"The export is of the schema {document.schema_}, this installation has {schema}: "
            "bring both to one version (relayctl migrate), and export again."
        )
    await _check_names(connection, tables)
    tables = sealed_again(call, tables, secrets)
    written: dict[str, list[Mapping[str, Any]]] = {}
    for table, rows in tables.items():
        if table == "api_key_secrets":
            # A key that is here has the secrets that it has: one that was replaced stays so.
            new = {str(row["id"]) for row in written["api_keys"]}
            rows = [row for row in rows if str(row.get("key_id")).lower() in new]  # noqa: PLW2901
        written[table] = await configuration.import_rows(connection, table, rows)
    await check_readable(connection, tables)
    await configuration.note_changes(connection, written)
    organisation = await _organisation(call, connection, document.organisation, dry_run)
    if not dry_run:
        await _project_ahead(call, connection, written)
    counted = [
        Imported(table=table, written=len(rows), there=len(tables[table]) - len(rows))
        for table, rows in written.items()
    ]
    counts = {one.table: one.written for one in counted} | {"organisation": organisation}
    await call.audit(connection, "configuration.import", "*", after=counts)
    return ImportAnswer(dry_run=dry_run, organisation=organisation, tables=counted)


async def _check_names(connection: Connection, tables: dict[str, Rows]) -> None:
    taken = []
    for table, rows in tables.items():
        found = await configuration.conflicts(connection, table, rows)
        # A hash is nobody's name.
        names = ["a key's secret" for _ in found] if table == "api_key_secrets" else found
        taken += [f"{table}: {name}" for name in names]
    if taken:
        raise conflict(
            "These names are something else's here: " + ", ".join(taken[:20]) + ". Rename them in "
            "one of the installations, and export again."
        )


async def _organisation(
    call: Call, connection: Connection, columns: dict[str, Any], dry_run: bool
) -> Any:
    before = await policies.organisation(connection)
    try:
        policy = policies.read(columns)
    except (KeyError, ValueError, TypeError) as error:
        raise invalid_field("configuration.organisation", f"is none: {error!r}") from None
    if before.policy != NO_POLICY or policy == NO_POLICY:
        return "kept"
    await policies.update_organisation(connection, policy, before.version)
    if not dry_run:
        await project_policy(call, connection, ORGANISATION, before.policy, policy)
    return "written"


async def _project_ahead(call: Call, connection: Connection, written: dict[str, Any]) -> None:
    """Redis gets what limits the new teams and users before there is a key of theirs."""
    scopes = {f"team:{row['id']}" for row in written["teams"]}
    scopes |= {f"user:{row['id']}" for row in written["users"]}
    prefix, after = call.services.settings.state_prefix, ""
    while scopes:
        page = await policies.projected(connection, after=after, limit=PAGE)
        for policy in page:
            if policy.scope in scopes:
                call.projected_ahead = True
                await projection.put_policy_ahead(connection, call.services.redis, prefix, policy)
        if len(page) < PAGE:
            return
        after = page[-1].scope


def _tables(document: Export) -> dict[str, Rows]:
    """All tables, in the order of writing. Raises `Problem` 422."""
    for name in document.tables:
        if name not in TABLES:
            raise invalid_field(f"configuration.tables.{name[:64]}", "is no table of an export")
    return {name: document.tables.get(name, []) for name in TABLES}


async def _secrets(given: ImportAsked, tables: dict[str, Rows]) -> Secrets:
    sealed = given.configuration.secrets.model_dump()
    try:
        plain = await asyncio.to_thread(unseal, given.passphrase, sealed, _bound_to(tables))
        secrets: Secrets = json.loads(plain)
    except WrongPassphrase:
        raise Problem(
            422,
            "Invalid request",
            "passphrase: it is not the one of this export, or the export's accounts or channels "
            "were changed",
            errors=invalid_field("passphrase", "is not the one of this export").errors,
        ) from None
    except ValueError as error:
        raise invalid_field("configuration.secrets", str(error)) from None
    return secrets


def _bound_to(tables: dict[str, Rows]) -> str:
    """So that no credential is sent anywhere but where the exporting installation sent it."""
    rows = [tables[table] for table in SEALED]
    written = json.dumps(rows, sort_keys=True, separators=(",", ":"))
    return f"{FORMAT}:{hashlib.sha256(written.encode()).hexdigest()}"


# An area of its own: whoever may export or import has every credential, whatever else they may.
_TAG = "Configuration"
OPERATIONS = (
    Operation("POST", f"{PATH}/export", export, "Export the configuration", _TAG, may=ADMINISTER,
              answer=Export, body=ExportAsked, refusals=(409,)),
    Operation("POST", f"{PATH}/import", import_, "Import a configuration", _TAG, may=ADMINISTER,
              answer=ImportAnswer, body=ImportAsked, body_bytes_max=IMPORT_BYTES_MAX,
              refusals=(409,)),
)  # fmt: skip
