"""The configuration of an installation as rows: read for another one, and written there.

Only what is not there is written: nothing is ever changed. Both installations have one schema.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from common.domain.ids import uuid_to_ulid
from common.store import routing
from common.store.database import Connection, query

CONFLICTS_NAMED_MAX = 20
Rows = list[dict[str, Any]]


class Table(msgspec.Struct, frozen=True):
    """A table that is exported. `name` is unique among those of other owners, `sealed` left out."""

    key: str = "id"
    name: str = "name"
    owner: str = "id"
    sealed: str = ""
    condition: str = "true"
    versioned: bool = True


# In the order in which rows can be written.
TABLES: dict[str, Table] = {
    "teams": Table(),
    # Who signs in as a user is another installation's to find out.
    "users": Table(name="", sealed="subject"),
    "accounts": Table(sealed="credential", condition="deleted_at IS NULL"),
    "account_groups": Table(),
    "routing_entries": Table(key="kind, name", name=""),
    "price_books": Table(),
    "api_keys": Table(name=""),
    "api_key_secrets": Table(key="hash", name="hash", owner="key_id", versioned=False),
    "notification_channels": Table(sealed="sealed_secrets"),
}


async def schema(connection: Connection) -> str:
    """The name of the newest migration."""
    rows = await (await connection.execute(query("applied_migrations"))).fetchall()
    return max((row["name"] for row in rows), default="")


async def export_rows(connection: Connection, table: str) -> Rows:
    """All rows of a table of `TABLES`, without what is sealed."""
    one = TABLES[table]
    statement = _statement("export_rows", table, condition=one.condition, order=one.key)
    left_out = [one.sealed] if one.sealed else []
    cursor = await connection.execute(statement, {"left_out": left_out})
    return [row["row"] for row in await cursor.fetchall()]


async def sealed_of(connection: Connection, table: str) -> dict[str, str]:
    """What is sealed in the rows of a table, by ULID."""
    one = TABLES[table]
    statement = _statement("select_sealed", table, sealed=one.sealed, condition=one.condition)
    rows = await (await connection.execute(statement)).fetchall()
    return {uuid_to_ulid(row["id"]): row["sealed"] for row in rows}


async def conflicts(connection: Connection, table: str, rows: Rows) -> list[str]:
    """Names of the rows that something else has here, some of them."""
    one = TABLES[table]
    if not one.name:
        return []
    statement = _statement(
        "import_conflicts", table, unique=one.name, owner=one.owner, condition=one.condition
    )
    values = {"rows": Jsonb(rows), "limit": CONFLICTS_NAMED_MAX}
    return [row["name"] for row in await (await connection.execute(statement, values)).fetchall()]


async def import_rows(connection: Connection, table: str, rows: Rows) -> list[Mapping[str, Any]]:
    """Write the rows that are not there; returns their keys.

    Raises `psycopg.DataError` and `psycopg.IntegrityError` for rows that are none.
    """
    one = TABLES[table]
    versioned = (
        "jsonb_build_object('version', nextval('projection_versions'))"
        if one.versioned
        else "'{}'::jsonb"
    )
    statement = _statement("import_rows", table, key=one.key, versioned=versioned)
    return list(await (await connection.execute(statement, {"rows": Jsonb(rows)})).fetchall())


async def note_changes(
    connection: Connection, written: Mapping[str, Sequence[Mapping[str, Any]]]
) -> None:
    """Change rows for all that was written, so that Redis gets it."""
    if keys := [row["id"] for row in written["api_keys"]]:
        await connection.execute(query("insert_changes"), [keys])
    for table, change in (
        ("accounts", "insert_accounts_change"),
        ("price_books", "insert_prices_change"),
    ):
        if written[table]:
            await connection.execute(query(change), [written[table][-1]["id"]])
    if written["account_groups"] or written["routing_entries"]:
        await routing.begin_change(connection)


def _statement(name: str, table: str, **parts: str) -> bytes:
    return query(name).decode().format(table=table, **parts).encode()
