"""One notice to one channel: whether it arrived, and why not."""

import asyncio

import msgspec

from common.domain.notices import Notice
from common.domain.notification_channels import Channel, without_secrets
from common.providers.http import UpstreamClient

TIMEOUT_S = 20.0
REASON_CHARACTERS_MAX = 300


class Failed(msgspec.Struct, frozen=True):
    """Why a notice did not arrive, without the channel's secrets; `final`: it never will."""

    reason: str
    final: bool = False


async def send(upstream: UpstreamClient, channel: Channel, notice: Notice) -> Failed | None:
    """Send it, within `TIMEOUT_S` seconds; None when the receiver has taken it. Raises nothing."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            failed = await _send(upstream, channel, notice)
    except TimeoutError:
        failed = Failed(f"no answer within {TIMEOUT_S:.0f} s")
    except Exception as error:  # noqa: BLE001 - whatever broke, it is said and tried again
        failed = Failed(f"{type(error).__name__}: {error}")
    if failed is None:
        return None
    reason = without_secrets(failed.reason, channel)[:REASON_CHARACTERS_MAX]
    return msgspec.structs.replace(failed, reason=reason)


async def _send(upstream: UpstreamClient, channel: Channel, notice: Notice) -> Failed | None:
    if channel.kind == "webhook":
        from common.notifying.webhook import post

        return await post(upstream, channel.settings, notice)
    from common.notifying.messenger import deliver

    reason = await deliver(channel, notice)
    return Failed(reason) if reason else None
