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
_EXCEPTION = "Socket Exception: "
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
    match channel.kind:
        case "slack":
            from apprise.plugins.slack import NotifySlack

            return _native(NotifySlack, settings, include_footer=False)
        case "discord":
            from apprise.plugins.discord import NotifyDiscord

            return _native(NotifyDiscord, settings, avatar=False)
        case "teams":
            from apprise.plugins.workflows import NotifyWorkflows

            return _native(NotifyWorkflows, settings)
        case "telegram":
            from apprise.plugins.telegram import NotifyTelegram

            return _made(
                NotifyTelegram,
                bot_token=settings["bot_token"],
                targets=settings["chat_id"],
                detect_owner=False,
            )
        case _:
            return _email(settings)


def _made(plugin: Any, **given: Any) -> "NotifyBase":
    made: NotifyBase = plugin(**given | _ALWAYS)
    return made


def _native(plugin: Any, settings: Settings, **given: Any) -> "NotifyBase":
    """For the address that its service gives out. Raises `ValueError`."""
    parsed: dict[str, Any] | None = plugin.parse_native_url(settings["webhook_url"])
    if parsed is None:
        raise ValueError("the address is not one of the service's webhooks")
    # No picture from somebody else's server.
    return _made(plugin, **parsed | given | {"include_image": False})


def _email(settings: Settings) -> "NotifyBase":
    from apprise.plugins.email.base import NotifyEmail

    security = settings["smtp_security"]
    return _made(
        NotifyEmail,
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
        format="text",
    )


class _Said(logging.Handler):
    """What apprise says in this thread: its only words about what went wrong.

    Why a connection failed it says for debugging alone, beside much that is not for anybody's eyes.
    """

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._thread = threading.get_ident()
        self._lines: list[str] = []
        self._logger = logging.getLogger("apprise")

    @property
    def text(self) -> str:
        """All of it."""
        return "; ".join(dict.fromkeys(self._lines))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line of this thread."""
        if record.thread != self._thread:
            return
        said = record.getMessage()
        if record.levelno >= logging.WARNING:
            self._lines.append(said)
        elif said.startswith(_EXCEPTION):
            # Of exceptions within each other the innermost: the others repeat the address.
            self._lines.append(said.removeprefix(_EXCEPTION).rpartition("Caused by ")[2])

    def __enter__(self) -> "_Said":
        # Nothing of it goes to the process's own log: it may hold an address's secret part.
        self._logger.propagate = False
        self._logger.setLevel(logging.DEBUG)
        self._logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
