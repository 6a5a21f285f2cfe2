"""By which name and logo the console is known."""

import hashlib
from datetime import datetime

import msgspec

from common.domain.logos import Logo
from common.store.database import Connection, query


class Branding(msgspec.Struct, frozen=True):
    """The one row, without the logo's bytes. An empty name and no logo are Relay's own."""

    name: str
    logo_type: str | None
    logo_hash: str | None
    version: int
    updated_at: datetime


async def find(connection: Connection) -> Branding:
    """As it is. Raises `LookupError` before the migration that makes it."""
    row = await (await connection.execute(query("select_branding"))).fetchone()
    if row is None:
        raise LookupError("the table branding is empty: run relayctl migrate")
    return Branding(**row)


async def logo(connection: Connection, logo_hash: str) -> Logo | None:
    """The logo, if it is still the one with that hash."""
    row = await (await connection.execute(query("select_logo"), [logo_hash])).fetchone()
    return None if row is None else Logo(row["logo_type"], bytes(row["logo"]))


async def update(
    connection: Connection, version: int, name: str, changed: Logo | None, *, keep_logo: bool
) -> bool:
    """Write it if it still has that version. `keep_logo` leaves the logo as it is."""
    values = {
        "version": version,
        "name": name,
        "keep_logo": keep_logo,
        "logo": changed.content if changed else None,
        "logo_type": changed.media_type if changed else None,
        "logo_hash": hashlib.sha256(changed.content).hexdigest() if changed else None,
    }
    cursor = await connection.execute(query("update_branding"), values)
    return bool(cursor.rowcount)
