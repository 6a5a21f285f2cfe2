"""`/internal/notification-channels` and `-deliveries`: where people are told, and what they were.

A channel's secrets are never shown.
"""

import time
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
from starlette.responses import Response

from common.domain.notices import Notice
from common.domain.notification_channels import (
    ChannelKind,
    InvalidChannel,
    Settings,
    check_settings,
    shown_settings,
)
from common.domain.roles import ADMINISTER, OPERATE
from common.identifiers import new_ulid
from common.notifying.channels import opened_channel, sealed_secrets
from common.notifying.sending import send
from common.providers.http import UpstreamClient
from common.store import directory, notifications
from common.store.database import Connection
from common.store.notifications import CHANNELS_MAX, Delivery, StoredChannel
from functions.key_admin.bodies import check_id
from functions.key_admin.models.fields import Page
from functions.key_admin.models.notifications import (
    ChannelAnswer,
    ChannelCreate,
    ChannelList,
    ChannelPatch,
    ChannelSettings,
    ChannelTest,
    DeliveryAnswer,
    DeliveryList,
    DeliveryPage,
)
from functions.key_admin.operation import Call, Operation, answered, etag
from functions.key_admin.problem import Problem, conflict, invalid_field, not_found, taken

PATH = "/internal/notification-channels"
DELIVERIES = "/internal/notification-deliveries"
_SERVER = ("smtp_host", "smtp_port", "smtp_security")
_DISABLED = "the channel was disabled"


async def create(call: Call) -> Response:
    """201; 409 when there is one of that name. What happens from now on is sent to it."""
    given = call.sent(ChannelCreate)
    settings = _checked(given.kind, _sent(given.settings))
    channel_id = new_ulid()
    channel = StoredChannel(
        id=channel_id,
        name=given.name,
        kind=given.kind,
        settings=shown_settings(given.kind, settings),
        sealed_secrets=sealed_secrets(call.services.keyring, channel_id, given.kind, settings),
        events=tuple(given.events),
        team_ids=tuple(given.team_ids),
        severity=given.severity,
        enabled=given.enabled,
    )
    async with call.services.database.transaction() as connection:
        await _check_teams(connection, channel.team_ids, ())
        if len(await notifications.channels(connection)) >= CHANNELS_MAX:
            raise conflict(f"There are {CHANNELS_MAX} channels already: delete one first.")
        try:
            await notifications.create_channel(connection, channel)
        except psycopg.errors.UniqueViolation:
            raise _name_taken(given.name) from None
        made = await _found(connection, channel_id)
        await call.audit(
            connection, "notification-channel.create", channel_id, after=_audited(made)
        )
    answer = _shown(made, 201)
    answer.headers["location"] = f"{PATH}/{channel_id}"
    return answer


async def list_channels(call: Call) -> Response:
    """A page, newest first."""
    query = call.sent(Page)
    async with call.services.database.transaction() as connection:
        found = await notifications.channels(connection, before=query.cursor, limit=query.limit + 1)
    page = found[: query.limit]
    more = page[-1].id if len(found) > query.limit else None
    return answered(ChannelList(items=[_answer(one) for one in page], next_cursor=more))


async def show(call: Call) -> Response:
    """One channel."""
    async with call.services.database.transaction() as connection:
        return _shown(await _found(connection, call.path["channel_id"]))


async def patch(call: Call) -> Response:
    """What was sent is changed. One that is disabled is not sent what waits for it, either."""
    given = call.sent(ChannelPatch)
    async with call.services.database.transaction() as connection:
        before = await _found(connection, call.path["channel_id"])
        call.check_version(before.version)
        patched = _patched(call, before, given)
        if patched == before:
            return _shown(before)
        await _check_teams(connection, patched.team_ids, before.team_ids)
        try:
            written = await notifications.update_channel(connection, patched)
        except psycopg.errors.UniqueViolation:
            raise _name_taken(patched.name) from None
        if not written:
            raise conflict("The channel was changed by another call at the same time; try again.")
        if before.enabled and not patched.enabled:
            await notifications.give_up_all(connection, before.id, _DISABLED)
        channel = await _found(connection, before.id)
        after = _audited(channel) | {"secrets_changed": _secrets_changed(before, channel)}
        await call.audit(
            connection,
            "notification-channel.update",
            channel.id,
            before=_audited(before),
            after=after,
        )
    return _shown(channel)


async def delete(call: Call) -> Response:
    """204; its messages go with it."""
    async with call.services.database.transaction() as connection:
        channel = await _found(connection, call.path["channel_id"])
        await notifications.delete_channel(connection, channel.id)
        await call.audit(
            connection, "notification-channel.delete", channel.id, before=_audited(channel)
        )
    return Response(status_code=204)


async def test(call: Call) -> Response:
    """Send it a message now, whatever it is for and also while it is disabled, and say how it went.

    At most 20 seconds; `sent` says whether the receiver took it.
    """
    async with call.services.database.transaction() as connection:
        stored = await _found(connection, call.path["channel_id"])
    try:
        channel = opened_channel(stored, call.services.keyring)
    except ValueError as error:
        raise _sealed(error) from None
    moment = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    notice = Notice(
        event_id=f"test-{call.request_id}",
        kind="test",
        severity="info",
        title=f"Test of the channel {stored.name}",
        text="This is a test, sent by an administrator. What to do: nothing.\n"
        "Where: relayctl notifications list",
        time=moment,
    )
    upstream = UpstreamClient()
    started = time.perf_counter()
    try:
        failed = await send(upstream, channel, notice)
    finally:
        await upstream.close()
    return answered(
        ChannelTest(
            sent=failed is None,
            error=failed.reason if failed else None,
            latency_ms=int((time.perf_counter() - started) * 1000),
        )
    )


async def list_deliveries(call: Call) -> Response:
    """A page of messages, newest first; `state=given_up` are those that never arrived."""
    query = call.sent(DeliveryPage)
    async with call.services.database.transaction() as connection:
        found = await notifications.deliveries(
            connection,
            channel_id=query.channel_id,
            state=query.state,
            before=query.cursor,
            limit=query.limit + 1,
        )
    page = found[: query.limit]
    more = page[-1].id if len(found) > query.limit else None
    return answered(DeliveryList(items=[_delivery(one) for one in page], next_cursor=more))


async def retry(call: Call) -> Response:
    """202: it is sent again within ten minutes. 409 for one that has arrived."""
    delivery_id = check_id(call.path["delivery_id"], "message")
    async with call.services.database.transaction() as connection:
        before = await _found_delivery(connection, delivery_id)
        if not await notifications.retry(connection, delivery_id):
            raise conflict("The message has arrived already.")
        after = await _found_delivery(connection, delivery_id)
        told = [{"state": one.state, "attempts": one.attempts} for one in (before, after)]
        await call.audit(
            connection, "notification-delivery.retry", delivery_id, before=told[0], after=told[1]
        )
    return answered(_delivery(after), 202)


def _sent(given: ChannelSettings) -> Settings:
    """What was sent; null takes a setting away."""
    settings: Settings = given.model_dump(exclude_unset=True)
    return settings


def _checked(kind: ChannelKind, settings: Settings) -> Settings:
    try:
        there = {name: value for name, value in settings.items() if value is not None}
        return check_settings(kind, there)
    except InvalidChannel as error:
        raise invalid_field(f"settings.{error.member}", error.message) from None


def _patched(call: Call, before: StoredChannel, given: ChannelPatch) -> StoredChannel:
    sent = given.model_fields_set
    changes: dict[str, Any] = {
        name: getattr(given, name) for name in ("name", "severity", "enabled") if name in sent
    }
    for name in ("events", "team_ids"):
        if name in sent:
            changes[name] = tuple(getattr(given, name))
    if "settings" in sent:
        try:
            now = opened_channel(before, call.services.keyring).settings
        except ValueError as error:
            raise _sealed(error) from None
        changed = _sent(given.settings)
        _check_server(now, changed)
        settings = _checked(before.kind, {**now, **changed})
        if settings != now:
            changes["settings"] = shown_settings(before.kind, settings)
            changes["sealed_secrets"] = sealed_secrets(
                call.services.keyring, before.id, before.kind, settings
            )
    return msgspec.structs.replace(before, **changes)


def _check_server(now: Settings, changed: Settings) -> None:
    """A password that is not shown is not sent to another server, either. Raises `Problem` 422."""
    elsewhere = any(changed.get(name, now.get(name)) != now.get(name) for name in _SERVER)
    if elsewhere and now.get("smtp_password") and "smtp_password" not in changed:
        raise invalid_field(
            "settings.smtp_password", "is required with another mail server: it is not shown"
        )


def _secrets_changed(before: StoredChannel, after: StoredChannel) -> bool:
    return before.sealed_secrets != after.sealed_secrets


def _sealed(error: ValueError) -> Problem:
    return conflict(
        f"The channel's secrets cannot be opened ({error}): give key_admin the encryption key "
        "back, or delete the channel and make it anew."
    )


async def _check_teams(
    connection: Connection, team_ids: tuple[str, ...], known: tuple[str, ...]
) -> None:
    """Those that are new to the channel are there. Raises `Problem` 422."""
    for index, team_id in enumerate(team_ids):
        if team_id not in known and await directory.find_team(connection, team_id) is None:
            raise invalid_field(f"team_ids[{index}]", f"there is no team with the id {team_id}")


async def _found(connection: Connection, channel_id: str) -> StoredChannel:
    channel = await notifications.find_channel(connection, check_id(channel_id, "channel"))
    if channel is None:
        raise not_found(f"There is no channel with the id {channel_id}.")
    return channel


async def _found_delivery(connection: Connection, delivery_id: str) -> Delivery:
    found = await notifications.deliveries(connection, delivery_id=delivery_id)
    if not found:
        raise not_found(f"There is no message with the id {delivery_id}.")
    return found[0]


def _shown(channel: StoredChannel, status: int = 200) -> Response:
    return answered(_answer(channel), status, {"etag": etag(channel.version)})


def _answer(channel: StoredChannel) -> ChannelAnswer:
    return ChannelAnswer.model_validate(
        {name: getattr(channel, name) for name in ChannelAnswer.model_fields}
        | {"events": list(channel.events), "team_ids": list(channel.team_ids)}
    )


def _audited(channel: StoredChannel) -> dict[str, Any]:
    shown: dict[str, Any] = _answer(channel).model_dump(mode="json")
    return shown


def _delivery(delivery: Delivery) -> DeliveryAnswer:
    notice = delivery.notice
    return DeliveryAnswer(
        id=delivery.id,
        channel_id=delivery.channel_id,
        channel=delivery.channel_name,
        event_id=notice.event_id,
        event=notice.kind,
        severity=notice.severity,
        title=notice.title,
        text=notice.text,
        team_id=notice.team_id,
        state=delivery.state,
        attempts=delivery.attempts,
        next_attempt_at=delivery.next_attempt_at if delivery.state == "waiting" else None,
        error=delivery.last_error or None,
        created_at=delivery.created_at,
        updated_at=delivery.updated_at,
    )


def _name_taken(name: str) -> Problem:
    return taken("name", f"Another channel is named {name!r}: names are unique.")


_ONE = f"{PATH}/{{channel_id}}"
OPERATIONS = (
    Operation("POST", PATH, create, "Add a channel", "Notifications", may=ADMINISTER,
              status=201, answer=ChannelAnswer, body=ChannelCreate, refusals=(409,)),
    Operation("GET", PATH, list_channels, "List channels", "Notifications", may=OPERATE,
              answer=ChannelList, query=Page),
    Operation("GET", _ONE, show, "Show a channel", "Notifications", may=OPERATE,
              answer=ChannelAnswer, refusals=(404,)),
    Operation("PATCH", _ONE, patch, "Change a channel", "Notifications", may=ADMINISTER,
              answer=ChannelAnswer, body=ChannelPatch, versioned=True, refusals=(404, 409)),
    Operation("DELETE", _ONE, delete, "Delete a channel", "Notifications", may=ADMINISTER,
              status=204, refusals=(404,)),
    Operation("POST", f"{_ONE}/test", test, "Test a channel", "Notifications", may=OPERATE,
              answer=ChannelTest, refusals=(404, 409)),
    Operation("GET", DELIVERIES, list_deliveries, "List messages", "Notifications", may=OPERATE,
              answer=DeliveryList, query=DeliveryPage),
    Operation("POST", f"{DELIVERIES}/{{delivery_id}}/retry", retry, "Send a message again",
              "Notifications", may=OPERATE, status=202, answer=DeliveryAnswer, refusals=(404, 409)),
)  # fmt: skip
