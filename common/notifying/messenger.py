"""E-mail, Slack, Teams, Discord and Telegram by apprise, imported at the first such message.

Of apprise only the plugin of the channel's kind is imported: its manager would import all of its
hundred and forty. It blocks, so it runs in a thread; what it says of a failure goes to its log.
"""

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

from common.domain.notices import Notice, Severity
from common.domain.notification_channels import Channel, Settings

if TYPE_CHECKING:
    from apprise.plugins.base import NotifyBase

CONNECT_S = 5.0
READ_S = 10.0
# An address that a message is sent to is the one that was checked, and no other.
_ALWAYS = {"redirect": False, "verify": True, "cto": CONNECT_S, "rto": READ_S, "overflow": "split"}
_TYPES: dict[Severity, str] = {"info": "info", "warning": "warning", "critical": "failure"}


async def deliver(channel: Channel, notice: Notice) -> str:
    """Send it; returns why that failed, empty when it did not."""
    return await asyncio.to_thread(_deliver, channel, notice)


def _deliver(channel: Channel, notice: Notice) -> str:
    with _Said() as said:
        plugin = _plugin(channel)
        sent = plugin.notify(
            body=notice.text,
            title=f"[Relay] {notice.title}",
            notify_type=_TYPES[notice.severity],
            body_format="text",
        )
    return "" if sent else said.text or "it was not taken"


def _plugin(channel: Channel) -> "NotifyBase":
    settings = channel.settings
    made: Any
    match channel.kind:
        case "slack":
            from apprise.plugins.slack import NotifySlack

            made = NotifySlack(**_native(NotifySlack, settings), include_footer=False)
        case "discord":
            from apprise.plugins.discord import NotifyDiscord

            made = NotifyDiscord(**_native(NotifyDiscord, settings))
        case "teams":
            from apprise.plugins.workflows import NotifyWorkflows

            made = NotifyWorkflows(**_native(NotifyWorkflows, settings))
        case "telegram":
            from apprise.plugins.telegram import NotifyTelegram

            made = NotifyTelegram(
                bot_token=settings["bot_token"],
                targets=settings["chat_id"],
                detect_owner=False,
                **_ALWAYS,
            )
        case _:
            made = _email(settings)
    plugin: NotifyBase = made
    return plugin


def _native(plugin: Any, settings: Settings) -> dict[str, Any]:
    """What the plugin makes of the address that its service gives out. Raises `ValueError`."""
    given: dict[str, Any] | None = plugin.parse_native_url(settings["webhook_url"])
    if given is None:
        raise ValueError("the address is not one of the service's webhooks")
    # No picture from somebody else's server.
    return {**given, **_ALWAYS, "include_image": False}


def _email(settings: Settings) -> Any:
    from apprise.plugins.email.base import NotifyEmail

    security = settings["smtp_security"]
    return NotifyEmail(
        host=settings["smtp_host"],
        smtp_host=settings["smtp_host"],
        port=settings["smtp_port"],
        user=settings.get("smtp_user"),
        password=settings.get("smtp_password"),
        from_addr=settings["sender"],
        # One mail to all: each by itself would come again to those who have it when one fails.
        targets=settings["recipients"][:1],
        cc=settings["recipients"][1:],
        secure=security != "none",
        secure_mode={"none": "insecure", "tls": "ssl"}.get(security, security),
        **{**_ALWAYS, "format": "text"},
    )


class _Said(logging.Handler):
    """What apprise says in this thread: its only words about what went wrong."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread = threading.get_ident()
        self._lines: list[str] = []
        self._logger = logging.getLogger("apprise")

    @property
    def text(self) -> str:
        """All of it."""
        return "; ".join(dict.fromkeys(self._lines))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line of this thread."""
        if record.thread == self._thread:
            self._lines.append(record.getMessage())

    def __enter__(self) -> "_Said":
        # Nothing of it goes to the process's own log: it may hold an address's secret part.
        self._logger.propagate = False
        self._logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
