"""Where notices are sent: kinds of channels, what each needs, and what of that is secret. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args
from urllib.parse import quote, unquote, unquote_plus

import msgspec

from common.domain.notices import Wishes
from common.domain.standard_webhooks import secret_key

ChannelKind = Literal["email", "slack", "teams", "discord", "telegram", "webhook"]
CHANNEL_KINDS: tuple[ChannelKind, ...] = get_args(ChannelKind)
SmtpSecurity = Literal["starttls", "tls", "none"]
SMTP_PORTS: dict[SmtpSecurity, int] = {"starttls": 587, "tls": 465, "none": 25}
Settings = dict[str, Any]


class Members(msgspec.Struct, frozen=True):
    """What a kind of channel takes. `secret` ones are sealed, and never shown again."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()


_BY_URL = Members(("webhook_url",), secret=("webhook_url",))
MEMBERS: dict[ChannelKind, Members] = {
    "email": Members(
        ("smtp_host", "sender", "recipients"),
        ("smtp_port", "smtp_security", "smtp_user", "smtp_password"),
        ("smtp_password",),
    ),
    "slack": _BY_URL,
    "teams": _BY_URL,
    "discord": _BY_URL,
    "telegram": Members(("bot_token", "chat_id"), secret=("bot_token",)),
    "webhook": Members(("url", "signing_secret"), secret=("signing_secret",)),
}


class Channel(msgspec.Struct, frozen=True):
    """A channel as it is used: `settings` with the secrets among them."""

    id: str
    name: str
    kind: ChannelKind
    settings: Settings
    wishes: Wishes = Wishes()
    enabled: bool = True


class InvalidChannel(ValueError):
    """A member at fault, and what to do about it."""

    def __init__(self, member: str, message: str) -> None:
        super().__init__(f"{member}: {message}")
        self.member = member
        self.message = message


def check_settings(kind: ChannelKind, settings: Mapping[str, Any]) -> Settings:
    """The settings with what is silent filled in. Raises `InvalidChannel`."""
    members = MEMBERS[kind]
    for name in settings:
        if name not in (*members.required, *members.optional):
            takes = ", ".join((*members.required, *members.optional))
            raise InvalidChannel(name, f"is not what {kind} takes: send {takes}")
    for name in members.required:
        if not settings.get(name):
            raise InvalidChannel(name, f"is required for {kind}")
    filled = dict(settings)
    if kind == "email":
        security: SmtpSecurity = filled.setdefault("smtp_security", "starttls")
        filled.setdefault("smtp_port", SMTP_PORTS[security])
        if bool(filled.get("smtp_user")) != bool(filled.get("smtp_password")):
            missing = "smtp_password" if filled.get("smtp_user") else "smtp_user"
            raise InvalidChannel(missing, "is required: user and password belong together")
        if security == "none" and filled.get("smtp_password"):
            raise InvalidChannel(
                "smtp_security", "must be starttls or tls: a password is not sent in the clear"
            )
    elif check := _CHECKS.get(kind):
        check(filled)
    return filled


def _check_slack(settings: Settings) -> None:
    _check_url(
        settings["webhook_url"],
        r"https://hooks\.slack(-gov)?\.com/services/[A-Za-z0-9]+/[A-Za-z0-9]+/[A-Za-z0-9]+/?",
        "an incoming webhook's address, https://hooks.slack.com/services/T…/B…/…",
    )


def _check_discord(settings: Settings) -> None:
    _check_url(
        settings["webhook_url"],
        r"https://discord(app)?\.com/api/webhooks/[0-9]+/[A-Za-z0-9_-]+/?",
        "a webhook's address, https://discord.com/api/webhooks/<id>/<token>",
    )


def _check_teams(settings: Settings) -> None:
    # Microsoft's clouds, as the address of a flow that starts "when a Teams webhook request is
    # received" has them (learn.microsoft.com/power-automate/ip-address-configuration).
    _check_url(
        settings["webhook_url"],
        r"https://[A-Za-z0-9_.-]+\."
        r"(logic\.azure\.(com|us|cn)|(power|apps)platform(\.[A-Za-z0-9-]{2,24}){1,3})(:443)?"
        r"(/powerautomate/automations/direct(/cu/[0-9]+)?)?/workflows/[A-Za-z0-9_-]+"
        r"/triggers/manual/paths/invoke/?\?(\S*&)?sig=\S+",
        "the address of a Teams workflow, https://….logic.azure.com/workflows/…/invoke?…&sig=…",
    )


def _check_url(url: str, pattern: str, what: str) -> None:
    if re.fullmatch(pattern, url) is None:
        raise InvalidChannel("webhook_url", f"must be {what}")


def _check_telegram(settings: Settings) -> None:
    if re.fullmatch(r"[0-9]{5,20}:[A-Za-z0-9_-]{30,64}", settings["bot_token"]) is None:
        raise InvalidChannel("bot_token", "must be what BotFather gave, 123456789:ABC…")
    if re.fullmatch(r"-?[0-9]{1,20}|@[A-Za-z][A-Za-z0-9_]{3,40}", settings["chat_id"]) is None:
        raise InvalidChannel("chat_id", "must be a chat's number, or a channel's @name")


def _check_webhook(settings: Settings) -> None:
    try:
        secret_key(settings["signing_secret"])
    except ValueError as error:
        raise InvalidChannel("signing_secret", str(error)) from None


_CHECKS: dict[ChannelKind, Callable[[Settings], None]] = {
    "slack": _check_slack,
    "teams": _check_teams,
    "discord": _check_discord,
    "telegram": _check_telegram,
    "webhook": _check_webhook,
}


def shown_settings(kind: ChannelKind, settings: Mapping[str, Any]) -> Settings:
    """The settings without the secret ones."""
    return {name: value for name, value in settings.items() if name not in MEMBERS[kind].secret}


def secrets_of(kind: ChannelKind, settings: Mapping[str, Any]) -> Settings:
    """The secret ones alone."""
    return {name: value for name, value in settings.items() if name in MEMBERS[kind].secret}


def without_secrets(text: str, channel: Channel) -> str:
    """A text of somebody else's, such as an error, without the channel's secrets."""
    for secret in secrets_of(channel.kind, channel.settings).values():
        words = {secret, *(word for word in re.split("[/:?&=]", secret) if len(word) >= 8)}
        # Whoever speaks of an address may have decoded it, or encoded it anew.
        plain = {plain for word in words for plain in (unquote(word), unquote_plus(word))}
        forms = words | plain | {quote(word, safe="") for word in plain}
        for form in sorted(forms, key=len, reverse=True):
            text = text.replace(form, "…")
    return text


def channel_name(channel_id: str) -> str:
    """What a channel's sealed secrets are bound to."""
    return f"notification-channel:{channel_id}"
