"""Secrets of notification channels, sealed anew by the current key."""

from typing import TYPE_CHECKING

import msgspec

from common.notifying.channels import opened_channel, sealed_secrets
from common.store import notifications
from functions.key_admin.models.account_calls import RewrapFailure

if TYPE_CHECKING:
    from functions.key_admin.operation import Call


async def rewrap_channels(call: "Call") -> tuple[list[str], list[RewrapFailure]]:
    """Ids of those that older keys sealed and the current one does now, and what did not open."""
    keyring = call.services.keyring
    done: list[str] = []
    failed: list[RewrapFailure] = []
    async with call.services.database.transaction() as connection:
        for channel in await notifications.channels(connection):
            if keyring.sealed_by_current(channel.sealed_secrets):
                continue
            try:
                settings = opened_channel(channel, keyring).settings
            except ValueError as error:
                failed.append(RewrapFailure(id=channel.id, name=channel.name, error=str(error)))
                continue
            sealed = sealed_secrets(keyring, channel.id, channel.kind, settings)
            changed = msgspec.structs.replace(channel, sealed_secrets=sealed)
            if await notifications.update_channel(connection, changed):
                done.append(channel.id)
    return done, failed
