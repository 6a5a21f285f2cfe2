"""What Slack, Teams, Discord and Telegram are sent by real HTTP, and what their errors say."""

import json
import logging

import pytest

from cli.dev.ports import free_port
from common.domain.notices import Notice
from common.domain.notification_channels import MEMBERS, Channel
from common.notifying import sending
from common.providers.http import UpstreamClient
from tests.support.event_receiver import Answer, Receiver

NOTICE = Notice(
    event_id="e1",
    kind="budget.threshold",
    severity="critical",
    title="Team <!channel> & Co: 100 % spent",
    text="Team <!channel> has spent $10.\nWhat to do: look.\nWhere: relayctl teams show 01K",
    time="2026-11-26T01:00:00Z",
)
SETTINGS = {
    "slack": {"webhook_url": "https://hooks.slack.com/services/T01234567/B01234567/abcDEF123456"},
    "discord": {"webhook_url": "https://discord.com/api/webhooks/123456/abc_DEF-123456"},
    "teams": {
        "webhook_url": "https://prod-1.westus.logic.azure.com/workflows/0a1b/triggers/manual"
        "/paths/invoke?api-version=2016-06-01&sp=%2Frun&sv=1.0&sig=abc-DEF-123456"
    },
    "telegram": {"bot_token": "123456789:" + "A" * 35, "chat_id": "-100123"},
}


@pytest.fixture
def receiver(monkeypatch):
    """Stands where the services do, which are at fixed addresses."""
    import requests

    receiver = Receiver()
    asked = requests.Session.request

    def request(session, method, url, **options):
        receiver.options = options
        path = url.partition("://")[2].partition("/")[2]
        return asked(session, method, f"{receiver.url}/{path}", **options)

    monkeypatch.setattr(requests.Session, "request", request)
    yield receiver
    receiver.close()


async def send(kind):
    upstream = UpstreamClient()
    try:
        return await sending.send(upstream, Channel("01K", "ops", kind, SETTINGS[kind]), NOTICE)
    finally:
        await upstream.close()


@pytest.mark.parametrize(
    ("kind", "status", "path"),
    [
        ("slack", 200, "/services/T01234567/B01234567/abcDEF123456"),
        ("discord", 204, "/api/webhooks/123456/abc_DEF-123456"),
        ("teams", 202, "/workflows/0a1b/triggers/manual/paths/invoke"),
        ("telegram", 200, f"/bot123456789:{'A' * 35}/sendMessage"),
    ],
)
async def test_a_message_has_title_and_text_and_follows_no_redirect(receiver, kind, status, path):
    body = b'{"ok": true, "result": {}}' if kind == "telegram" else b"ok"
    receiver.default = Answer(status, body)
    assert await send(kind) is None
    [delivered] = receiver.delivered
    assert delivered.path.partition("?")[0] == path
    said = json.dumps(json.loads(delivered.body), ensure_ascii=False).replace("\\\\.", ".")
    for words in ("100 % spent", "What to do: look.", "relayctl teams show 01K"):
        assert words in said
    assert receiver.options["allow_redirects"] is False
    assert receiver.options["verify"] is True
    assert receiver.options["timeout"]


@pytest.mark.parametrize("kind", ["slack", "telegram"])
async def test_a_name_is_text_and_never_markup(receiver, kind):
    receiver.default = Answer(200, b'{"ok": true, "result": {}}' if kind == "telegram" else b"ok")
    assert await send(kind) is None
    [delivered] = receiver.delivered
    assert b"<!channel>" not in delivered.body


@pytest.mark.parametrize("kind", SETTINGS)
async def test_a_refusal_says_why_without_the_secret(receiver, kind):
    receiver.default = Answer(403, b"invalid_token")
    failed = await send(kind)
    assert failed is not None
    assert not failed.final
    assert failed.reason
    for name in MEMBERS[kind].secret:
        assert SETTINGS[kind][name] not in failed.reason


@pytest.mark.parametrize("kind", SETTINGS)
async def test_what_cannot_be_reached_is_said_without_the_secret(receiver, kind):
    # Reserved: the port of a receiver that was closed may be another test's by now.
    receiver.url = f"http://127.0.0.1:{free_port()}"
    failed = await send(kind)
    assert failed is not None
    assert "refused" in failed.reason
    for name in MEMBERS[kind].secret:
        secret = SETTINGS[kind][name]
        assert secret not in failed.reason
        assert secret.rpartition("/")[2] not in failed.reason
    # What apprise logs goes nowhere else.
    assert logging.getLogger("apprise").propagate is False


async def test_an_answer_that_never_comes_is_a_failure(receiver, monkeypatch):
    monkeypatch.setattr(sending, "TIMEOUT_S", 0.01)
    receiver.default = Answer(200, b"ok", pause_s=0.3)
    failed = await send("slack")
    assert failed is not None
    assert failed.reason == "no answer within 0 s"
