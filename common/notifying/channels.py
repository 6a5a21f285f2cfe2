"""Channels' secrets: sealed for the store, and opened where something is sent."""

import json

from common.domain.notices import Wishes
from common.domain.notification_channels import Channel, ChannelKind, Settings, channel_name
from common.domain.notification_channels import secrets_of as _secrets_of
from common.keyring import Keyring
from common.store.notifications import StoredChannel


def sealed_secrets(keyring: Keyring, channel_id: str, kind: ChannelKind, settings: Settings) -> str:
    """The secret ones of the settings, sealed by the current key, bound to the channel."""
    return keyring.seal(json.dumps(_secrets_of(kind, settings)), channel_name(channel_id))


def opened_channel(stored: StoredChannel, keyring: Keyring) -> Channel:
    """The channel with its secrets. Raises `ValueError` where they do not open."""
    secrets = json.loads(keyring.unseal(stored.sealed_secrets, channel_name(stored.id)))
    return Channel(
        id=stored.id,
        name=stored.name,
        kind=stored.kind,
        settings={**stored.settings, **secrets},
        wishes=Wishes(stored.events, stored.team_ids, stored.severity),
        enabled=stored.enabled,
    )
