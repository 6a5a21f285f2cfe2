"""The branding as pages show it: read seldom, since each page has it."""

import time

import msgspec

from common.store import branding
from common.store.branding import Branding
from common.store.database import DatabaseUnavailable
from functions.key_admin.services import Services

NAME = "Relay"
LOGO_PATH = "/admin/logo"
# How long another pod's change may be unknown here.
FRESH_S = 5.0


class Brand(msgspec.Struct, frozen=True):
    """What a page shows. `logo` is the address of a picture; None: Relay's own mark."""

    name: str = NAME
    logo: str | None = None


class _Known:
    brand = Brand()
    until_s = 0.0


def current() -> Brand:
    """As it was when it was looked at last."""
    return _Known.brand


def learn(found: Branding) -> None:
    """It was just read or changed."""
    logo = None if found.logo_hash is None else f"{LOGO_PATH}/{found.logo_hash}"
    _Known.brand = Brand(found.name or NAME, logo)
    _Known.until_s = time.monotonic() + FRESH_S


async def refresh(parts: Services) -> None:
    """Look again, if it is long ago. While Postgres is away it stays as it was."""
    if time.monotonic() < _Known.until_s:
        return
    try:
        async with parts.database.transaction() as connection:
            learn(await branding.find(connection))
    except (DatabaseUnavailable, LookupError):
        # The page says so itself, and must not wait for it twice.
        _Known.until_s = time.monotonic() + FRESH_S
