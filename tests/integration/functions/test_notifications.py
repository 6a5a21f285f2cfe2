"""notifications with real stores and receivers: once a message, again what failed, never twice."""

import asyncio
import base64
import hashlib
import hmac
import json
import time

import msgspec
import pytest

from common.domain.ids import ulid_to_uuid
from common.domain.notification_channels import check_settings, shown_settings
from common.domain.policies import Policy
from common.event_function import Worker
from common.events.types import (
    ACCOUNT_HEALTH,
    BUDGET_THRESHOLD,
    KEYS_EXPIRING,
    NOTIFICATIONS_DUE,
    USAGE_RECORDED,
    AccountHealth,
    BudgetThreshold,
    ExpiringKey,
    KeysExpiring,
    NotificationsDue,
)
from common.identifiers import new_ulid
from common.notifying.channels import sealed_secrets
from common.settings import WorkerSettings
from common.store import directory, notifications
from common.store.notifications import StoredChannel
from functions.notifications import deliver
from functions.notifications.main import application
from tests.support.event_receiver import Answer, Receiver
from tests.support.event_worker import PREFIX, EventWorker, is_empty_204, is_problem
from tests.support.mail_server import MailServer
from tests.support.processes import INTERNAL_SECRET

SIGNING_KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(SIGNING_KEY).decode()
ACCOUNT = new_ulid()
HEALTH = AccountHealth(ACCOUNT, "openai", "unauthorized", "unauthorized", "2026-11-26T01:00:00Z")


@pytest.fixture
async def worker(postgres_url, redis_url, monkeypatch):
    monkeypatch.setattr(deliver, "REPEAT_AFTER_S", 0.0)
    worker = Worker(WorkerSettings(redis_url, postgres_url, PREFIX, INTERNAL_SECRET, "info"))
    yield worker
    await worker.stop()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def function(worker, monkeypatch):
    """The application, with the worker of this test."""
    monkeypatch.setattr(application, "_worker", worker)
    return application


async def channel(worker, kind="webhook", settings=None, **members):
    channel_id = new_ulid()
    settings = check_settings(kind, settings)
    async with worker.database.transaction() as connection:
        await notifications.create_channel(
            connection,
            StoredChannel(
                id=channel_id,
                name=members.pop("name", channel_id),
                kind=kind,
                settings=shown_settings(kind, settings),
                sealed_secrets=sealed_secrets(worker.keyring, channel_id, kind, settings),
                **{"events": (), "team_ids": (), "severity": "info", "enabled": True} | members,
            ),
        )
    return channel_id


def hook(receiver):
    return {"url": f"{receiver.url}/hook", "signing_secret": SECRET}


async def send(function, event_type, data, event_id="e1"):
    """An event as the broker sends it; the status of the answer, which is empty for 204."""
    attributes = {"id": event_id, "source": "/relay/cleanup", "type": event_type}
    headers = [(f"ce-{name}".encode(), value.encode()) for name, value in attributes.items()]
    headers += [(b"ce-specversion", b"1.0"), (b"content-type", b"application/json")]
    sent = []

    async def receive():
        return {"type": "http.request", "body": msgspec.json.encode(data), "more_body": False}

    async def answer(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    await function(scope, receive, answer)
    return sent[0]["status"]


async def rows(worker):
    async with worker.database.transaction() as connection:
        return await notifications.deliveries(connection, limit=100)


async def make_due(worker):
    async with worker.database.transaction() as connection:
        await connection.execute("UPDATE notification_deliveries SET next_attempt_at = now()")


def verified(delivered):
    """The payload of a webhook, checked as Standard Webhooks says (not by our own code)."""
    headers = delivered.headers
    assert abs(time.time() - int(headers["webhook-timestamp"])) < 300
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + delivered.body
    expected = base64.b64encode(hmac.new(SIGNING_KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["content-type"] == "application/json"
    return json.loads(delivered.body)


async def test_an_event_is_a_signed_webhook_once_however_often_it_comes(function, worker, receiver):
    await channel(worker, settings=hook(receiver))
    for _ in range(3):
        assert await send(function, ACCOUNT_HEALTH, HEALTH) == 204
    [delivered] = receiver.delivered
    payload = verified(delivered)
    assert delivered.path == "/hook"
    assert delivered.headers["webhook-id"] == "e1"
    assert payload["type"] == "account.health"
    assert payload["data"]["severity"] == "critical"
    assert payload["data"]["event"]["account_id"] == ACCOUNT
    [row] = await rows(worker)
    assert (row.state, row.attempts, row.last_error) == ("sent", 1, "")


async def test_events_that_come_at_the_same_time_are_sent_once(function, worker, receiver):
    await channel(worker, settings=hook(receiver))
    receiver.default = Answer(pause_s=0.05)
    sent = await asyncio.gather(
        *(send(function, ACCOUNT_HEALTH, HEALTH, f"e{number % 3}") for number in range(12))
    )
    assert sent == [204] * 12
    assert sorted(one.headers["webhook-id"] for one in receiver.delivered) == ["e0", "e1", "e2"]


async def test_what_fails_is_repeated_at_once_then_later_then_given_up(function, worker, receiver):
    await channel(worker, settings=hook(receiver))
    receiver.default = Answer(500)
    assert await send(function, ACCOUNT_HEALTH, HEALTH) == 204
    assert len(receiver.delivered) == 2
    [row] = await rows(worker)
    assert (row.state, row.attempts) == ("waiting", 1)
    assert row.last_error == "the receiver answered 500"
    # Not due: neither the event again nor another one tries it.
    assert await send(function, ACCOUNT_HEALTH, HEALTH) == 204
    assert len(receiver.delivered) == 2
    for _ in range(8):
        await make_due(worker)
        assert await send(function, NOTIFICATIONS_DUE, NotificationsDue(1), new_ulid()) == 204
    [row] = await rows(worker)
    assert (row.state, row.attempts) == ("given_up", 9)
    assert len(receiver.delivered) == 18
    assert {one.headers["webhook-id"] for one in receiver.delivered} == {"e1"}


async def test_what_failed_arrives_when_the_receiver_is_back(function, worker, receiver):
    await channel(worker, settings=hook(receiver))
    receiver.answers = [Answer(503), Answer(429)]
    assert await send(function, ACCOUNT_HEALTH, HEALTH) == 204
    await make_due(worker)
    assert await send(function, NOTIFICATIONS_DUE, NotificationsDue(1), "wake") == 204
    [row] = await rows(worker)
    assert (row.state, row.attempts, row.last_error) == ("sent", 2, "")
    assert [verified(one)["type"] for one in receiver.delivered] == ["account.health"] * 3


async def test_a_receiver_that_is_gone_for_good_is_not_asked_again(function, worker, receiver):
    await channel(worker, settings=hook(receiver))
    receiver.default = Answer(410)
    assert await send(function, ACCOUNT_HEALTH, HEALTH) == 204
    [row] = await rows(worker)
    assert (row.state, row.last_error) == ("given_up", "the receiver answered 410")
    assert len(receiver.delivered) == 1


async def test_a_redirect_is_not_followed(function, worker, receiver):
    await channel(worker, settings=hook(receiver))
    receiver.default = Answer(302, headers={"location": f"{receiver.url}/elsewhere"})
    assert await send(function, ACCOUNT_HEALTH, HEALTH) == 204
    assert {one.path for one in receiver.delivered} == {"/hook"}
    [row] = await rows(worker)
    assert row.last_error == "the receiver answered 302"


async def test_a_channel_that_fails_holds_no_other_back(function, worker, receiver):
    await channel(worker, settings={"url": "http://127.0.0.1:1/", "signing_secret": SECRET})
    await channel(worker, settings=hook(receiver))
    assert await send(function, ACCOUNT_HEALTH, HEALTH) == 204
    assert len(receiver.delivered) == 1
    assert {row.state for row in await rows(worker)} == {"sent", "waiting"}


async def test_whoever_dies_after_claiming_leaves_the_message_to_another(
    function, worker, receiver
):
    await channel(worker, settings=hook(receiver))
    receiver.default = Answer(500)
    assert await send(function, ACCOUNT_HEALTH, HEALTH) == 204
    receiver.default = Answer()
    await make_due(worker)
    async with worker.database.transaction() as connection:
        [claimed] = await notifications.claim(connection, 10, 60)
        assert await notifications.claim(connection, 10, 60) == []
    assert await send(function, NOTIFICATIONS_DUE, NotificationsDue(1), "wake") == 204
    assert len(receiver.delivered) == 2
    await make_due(worker)  # the lease is over
    assert await send(function, NOTIFICATIONS_DUE, NotificationsDue(1), "again") == 204
    [row] = await rows(worker)
    assert (row.state, row.attempts) == ("sent", 3)
    # The one that was thought dead says nothing any more.
    async with worker.database.transaction() as connection:
        await notifications.finish(connection, claimed, "given_up", error="late")
    assert [one.state for one in await rows(worker)] == ["sent"]


async def test_a_channel_gets_what_it_is_for_with_names_and_teams(function, worker, receiver):
    team_id, other_id = new_ulid(), new_ulid()
    async with worker.database.transaction() as connection:
        for one, name in ((team_id, "Research"), (other_id, "Sales")):
            await directory.create_team(connection, one, name, "", Policy())
    budgets = await channel(worker, settings=hook(receiver), events=("budget.threshold",))
    of_team = await channel(worker, settings=hook(receiver), team_ids=(team_id,))
    grave = await channel(worker, settings=hook(receiver), severity="critical")
    await channel(worker, settings=hook(receiver), enabled=False)
    budget = BudgetThreshold("team", team_id, "day", "day:2026-11-26", None, "10", "8", 80)
    assert await send(function, BUDGET_THRESHOLD, budget, "budget") == 204
    elsewhere = msgspec.structs.replace(budget, scope_id=other_id, threshold_percent=100)
    assert await send(function, BUDGET_THRESHOLD, elsewhere, "elsewhere") == 204
    key = ExpiringKey(new_ulid(), "ci", "cr_ab", "alice", "2026-12-01T00:00:00Z")
    assert await send(function, KEYS_EXPIRING, KeysExpiring(7, team_id, [key]), "keys") == 204
    got = {(row.channel_id, row.notice.event_id) for row in await rows(worker)}
    assert got == {
        *((budgets, "budget"), (budgets, "elsewhere")),
        *((of_team, "budget"), (of_team, "keys")),
        (grave, "elsewhere"),
    }
    titles = {row.notice.title for row in await rows(worker)}
    assert "Team Research: 80 % of the day budget spent" in titles


async def test_mail_is_one_mail_to_all_and_tried_again(function, worker):
    server = MailServer()
    try:
        settings = {"smtp_host": "127.0.0.1", "smtp_port": server.port, "smtp_security": "none",
                    "sender": "relay@example.com",
                    "recipients": ["a@example.com", "b@example.com"]}  # fmt: skip
        await channel(worker, "email", settings)
        server.failing = True
        assert await send(function, ACCOUNT_HEALTH, HEALTH) == 204
        [row] = await rows(worker)
        assert row.state == "waiting"
        assert row.last_error
        server.failing = False
        await make_due(worker)
        assert await send(function, NOTIFICATIONS_DUE, NotificationsDue(1), "wake") == 204
        [(recipients, mail)] = server.mails
        assert sorted(recipients) == ["a@example.com", "b@example.com"]
        assert mail["from"].addresses[0].addr_spec == "relay@example.com"
        assert mail["subject"] == f"[Relay] Account {ACCOUNT} (openai) does not serve: " + (
            "the provider refuses its credential"
        )
        text = mail.get_body(("plain",)).get_content()
        assert (
            f"What to do: Give the account a new credential: relayctl accounts update {ACCOUNT}"
            in (text.replace("\r\n", " "))
        )
    finally:
        server.close()


async def test_secrets_that_do_not_open_are_said_and_nothing_is_sent(function, worker, receiver):
    channel_id = await channel(worker, settings=hook(receiver))
    async with worker.database.transaction() as connection:
        await connection.execute(
            "UPDATE notification_channels SET sealed_secrets = 'lost:AAAA' WHERE id = %s",
            [ulid_to_uuid(channel_id)],
        )
    assert await send(function, ACCOUNT_HEALTH, HEALTH) == 204
    [row] = await rows(worker)
    assert row.state == "waiting"
    assert "'lost', which is not there" in row.last_error
    assert receiver.delivered == []


async def test_what_is_no_message_is_taken_or_refused(function, worker, receiver):
    await channel(worker, settings=hook(receiver))
    assert await send(function, USAGE_RECORDED, {"records": []}) == 204
    assert await send(function, "com.example.other", {}) == 400
    assert await send(function, BUDGET_THRESHOLD, {"scope": "team"}) == 400
    assert await rows(worker) == []


async def test_as_a_process_it_answers_as_the_broker_wants(postgres_url, redis_url, tmp_path):
    target = "functions.notifications.main:application"
    function = EventWorker(target, tmp_path, postgres_url, redis_url)
    function.process.start()
    try:
        for structured in (False, True):
            data = msgspec.to_builtins(HEALTH)
            answer = await function.post(ACCOUNT_HEALTH, data, structured=structured)
            assert is_empty_204(answer)
        assert is_problem(await function.post(ACCOUNT_HEALTH, {}), 400)
    finally:
        await function.close()
