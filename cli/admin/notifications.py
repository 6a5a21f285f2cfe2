"""`relayctl notifications`: channels, and what was sent to them. Secrets come from files."""

import json
from collections.abc import Callable
from typing import Any, TypeVar, cast

import click

from cli.admin.changing import send_change
from cli.admin.client import Client, one
from cli.admin.errors import EXIT_REFUSED, Refused
from cli.admin.options import (
    AdminGroup,
    Session,
    how_many,
    members,
    paged,
    read_secret,
    replaced,
    something,
)
from cli.admin.output import Column, Shape
from common.domain.ids import is_ulid
from common.domain.notices import KINDS, SEVERITIES
from common.domain.notification_channels import CHANNEL_KINDS, MEMBERS, SMTP_PORTS, ChannelKind

PATH = "/internal/notification-channels"
DELIVERIES = "/internal/notification-deliveries"
STATES = ("waiting", "sent", "given_up")
SHAPE = Shape(
    "channels",
    (
        Column("ID", "id"),
        Column("NAME", "name"),
        Column("KIND", "kind"),
        Column("EVENTS", "events"),
        Column("TEAMS", "team_ids"),
        Column("SEVERITY", "severity"),
        Column("ENABLED", "enabled"),
    ),
    (
        *("id", "name", "kind", "settings", "events", "team_ids", "severity", "enabled"),
        *("created_at", "updated_at"),
    ),
)
MESSAGES = Shape(
    "messages",
    (
        Column("ID", "id"),
        Column("CREATED", "created_at"),
        Column("CHANNEL", "channel"),
        Column("SEVERITY", "severity"),
        Column("TITLE", "title"),
        Column("STATE", "state"),
        Column("ATTEMPTS", "attempts", "number"),
        Column("ERROR", "error"),
    ),
    (
        *("id", "channel_id", "channel", "event_id", "event", "severity", "title", "text"),
        *("team_id", "state", "attempts", "next_attempt_at", "error", "created_at", "updated_at"),
    ),
)
_PLAIN = ("chat_id", "smtp_host", "smtp_port", "smtp_security", "smtp_user", "sender")
_Command = TypeVar("_Command", bound=Callable[..., Any])


def _settings(command: _Command) -> _Command:
    """What both create and update set."""
    for option in (
        click.option("--enabled/--disabled", "enabled", default=None, help="Whether it is used."),
        click.option("--severity", type=click.Choice(SEVERITIES), help="At least (info)."),
        click.option("--team-id", "team_ids", metavar="ID|NAME", multiple=True,
                     help="Only what is this team's; repeatable (everything)."),
        click.option("--event", "events", type=click.Choice(KINDS), multiple=True,
                     help="Only such; repeatable (everything)."),
        click.option("--recipient", "recipients", metavar="ADDRESS", multiple=True,
                     help="email: to whom; repeatable."),
        click.option("--sender", metavar="ADDRESS", help="email: from whom."),
        click.option("--smtp-user", metavar="USER", help="email: whose the password is."),
        click.option("--smtp-security", type=click.Choice(tuple(SMTP_PORTS)),
                     help="email: (starttls)."),
        click.option("--smtp-port", type=click.IntRange(1, 65535), help="email: (587)."),
        click.option("--smtp-host", metavar="HOST", help="email: the mail server."),
        click.option("--chat-id", metavar="ID", help="telegram: the chat, or channel's @name."),
        click.option("--hook-url", metavar="URL", help="webhook: where it is sent."),
        click.option("--secret-file", metavar="FILE",
                     help="Where the secret is: the webhook's address of Slack, Teams, Discord; "
                     "the bot's token; the signing secret, whsec_…; the mail server's password; "
                     "`-` is standard input."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.group(cls=AdminGroup)
def notifications() -> None:
    """Where people are told of budgets, accounts, keys, and what they were told."""


@notifications.command()
@click.option("--name", required=True)
@click.option("--kind", type=click.Choice(CHANNEL_KINDS), required=True)
@_settings
@click.pass_obj
def create(session: Session, /, kind: str, **given: Any) -> None:
    """Add a channel; there is one of a name, however often this is repeated."""
    body = {"kind": kind, "settings": {}} | _body(given, cast("ChannelKind", kind))
    session.show(SHAPE, session.client.send("POST", PATH, body=body).body)


@notifications.command("list")
@paged
@click.pass_obj
def list_channels(session: Session, limit: int | None, all_: bool) -> None:
    """List channels, the newest first."""
    session.show_list(SHAPE, PATH, {}, how_many(limit, all_))


@notifications.command()
@click.argument("channel", metavar="NAME")
@click.pass_obj
def show(session: Session, channel: str) -> None:
    """Show a channel without its secrets. NAME may be its id."""
    session.show(SHAPE, session.client.get(_found(session.client, channel)))


@notifications.command()
@click.argument("channel", metavar="NAME")
@click.option("--name", help="Another name.")
@_settings
@click.option("--all-events", is_flag=True, help="It is for every kind of event.")
@click.option("--all-teams", is_flag=True, help="It is for every team, and what is no team's.")
@click.pass_obj
def update(
    session: Session, /, channel: str, all_events: bool, all_teams: bool, **given: Any
) -> None:
    """Change a channel; what is not given stays. NAME may be its id."""
    events = replaced(given["events"], all_events, "--event", "--all-events")
    team_ids = replaced(given["team_ids"], all_teams, "--team-id", "--all-teams")
    path = _found(session.client, channel)
    kind: ChannelKind = "webhook"
    if given["secret_file"]:
        kind = session.client.get(path)["kind"]
    body = _body(given, kind) | members(events=events, team_ids=team_ids)
    send_change(session, SHAPE, path, something(body), ())


@notifications.command()
@click.argument("channel", metavar="NAME")
@click.pass_obj
def delete(session: Session, channel: str) -> None:
    """Delete a channel, and what was sent to it. NAME may be its id."""
    path = _found(session.client, channel)
    session.client.send("DELETE", path)
    session.show_deleted("channel", path.rpartition("/")[2])


@notifications.command()
@click.argument("channel", metavar="NAME")
@click.pass_obj
def test(session: Session, channel: str) -> None:
    """Send a message to a channel now. NAME may be its id.

    Exit code 1: the receiver did not take it.
    """
    answer = session.client.send("POST", _found(session.client, channel) + "/test").body
    said = "it was taken" if answer["sent"] else f"it was not taken: {answer['error']}"
    session.show_said(f"{said} ({answer['latency_ms']} ms)", answer)
    if not answer["sent"]:
        raise click.exceptions.Exit(EXIT_REFUSED)


@notifications.command()
@click.option("--channel", metavar="NAME", help="Only to this one; may be its id.")
@click.option("--state", type=click.Choice(STATES), help="given_up: what never arrived.")
@paged
@click.pass_obj
def messages(
    session: Session, channel: str | None, state: str | None, limit: int | None, all_: bool
) -> None:
    """List what was sent or is to be, the newest first; kept for 30 days."""
    channel_id = None
    if channel is not None:
        channel_id = _found(session.client, channel).rpartition("/")[2]
    query: dict[str, str | int | None] = {"channel_id": channel_id, "state": state}
    session.show_list(MESSAGES, DELIVERIES, query, how_many(limit, all_))


@notifications.command()
@click.argument("message_id", metavar="ID")
@click.pass_obj
def retry(session: Session, message_id: str) -> None:
    """Send a message that did not arrive again, within ten minutes."""
    session.show(MESSAGES, session.client.send("POST", one(DELIVERIES, message_id, "/retry")).body)


def _body(given: dict[str, Any], kind: ChannelKind) -> dict[str, Any]:
    settings = members(url=given["hook_url"], **{name: given[name] for name in _PLAIN})
    if given["recipients"]:
        settings["recipients"] = list(given["recipients"])
    if (file := given["secret_file"]) is not None:
        settings[MEMBERS[kind].secret[0]] = read_secret(file, "--secret-file")
    return members(
        name=given["name"],
        settings=settings or None,
        events=list(given["events"]) or None,
        team_ids=list(given["team_ids"]) or None,
        severity=given["severity"],
        enabled=given["enabled"],
    )


def _found(client: Client, name: str) -> str:
    """The path of the channel of that name or id. Raises `Refused`."""
    if is_ulid(name):
        return one(PATH, name)
    for channel in client.items(PATH, {}, None):
        if channel["name"] == name:
            return one(PATH, channel["id"])
    raise Refused(f"there is no channel named {json.dumps(name)}: `relayctl notifications list`")
