"""Channels: kept without their secrets in sight, refused by the field's name, tested, audited."""

import base64
import json

import psycopg
import pytest

from common.domain.ids import ulid_to_uuid
from common.identifiers import new_ulid
from tests.support.admin_checks import UNKNOWN, fields, problem, trail
from tests.support.event_receiver import Answer, Receiver
from tests.support.key_admin import new_address

PATH = "/internal/notification-channels"
DELIVERIES = "/internal/notification-deliveries"
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
SLACK = "https://hooks.slack.com/services/T01234567/B01234567/abcDEF123456"
MAIL = {
    "smtp_host": "mail.example.com",
    "smtp_user": "relay",
    "smtp_password": "the-password-of-the-mail-server",
    "sender": "relay@example.com",
    "recipients": ["ops@example.com"],
}


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


def hook(url="https://example.org/hook?room=1"):
    return {"url": url, "signing_secret": SECRET}


def sent(kind="webhook", settings=None, **members):
    return {"name": new_address(), "kind": kind, "settings": settings or hook()} | members


def create(key_admin, *given, **members):
    answer = key_admin.call("POST", PATH, json=sent(*given, **members))
    assert answer.status_code == 201, answer.text
    return answer


def test_a_channel_is_kept_listed_changed_and_deleted(key_admin):
    answer = create(key_admin, "email", MAIL, events=["keys.expiring", "keys.expiring"])
    made = answer.json()
    path = f"{PATH}/{made['id']}"
    assert answer.headers["location"] == path
    assert made["events"] == ["keys.expiring"]
    assert made["settings"] == {
        "smtp_host": "mail.example.com",
        "smtp_port": 587,
        "smtp_security": "starttls",
        "smtp_user": "relay",
        "sender": "relay@example.com",
        "recipients": ["ops@example.com"],
    }
    assert key_admin.get(path).json() == made
    assert made in key_admin.get(PATH).json()["items"]
    change = {"severity": "critical", "settings": {"recipients": ["a@example.com"]}}
    changed = key_admin.call("PATCH", path, json=change)
    assert changed.json()["settings"]["recipients"] == ["a@example.com"]
    assert changed.json()["settings"]["smtp_user"] == "relay"
    assert changed.headers["etag"] != answer.headers["etag"]
    stale = {"if-match": answer.headers["etag"]}
    problem(key_admin.call("PATCH", path, json={"enabled": False}, headers=stale), 412)
    assert key_admin.call("DELETE", path).status_code == 204
    problem(key_admin.get(path), 404)
    actions = [action for action, _, _ in trail(key_admin, made["id"])]
    assert actions == [f"notification-channel.{one}" for one in ("create", "update", "delete")]


@pytest.mark.parametrize(
    ("kind", "settings", "secret"),
    [
        ("slack", {"webhook_url": SLACK}, SLACK),
        ("email", MAIL, MAIL["smtp_password"]),
        ("webhook", hook(), SECRET),
        (
            "telegram",
            {"bot_token": "123456789:" + "A" * 35, "chat_id": "@ops_room"},
            "123456789:" + "A" * 35,
        ),
    ],
)
def test_a_secret_is_nowhere_to_be_seen(key_admin, kind, settings, secret):
    made = create(key_admin, kind, settings)
    path = f"{PATH}/{made.json()['id']}"
    key_admin.call("PATCH", path, json={"severity": "warning"})
    seen = [made.text, key_admin.get(path).text, key_admin.get(PATH).text]
    seen.append(key_admin.get("/internal/audit", subject_id=made.json()["id"]).text)
    with psycopg.connect(key_admin.database_url) as connection:
        found = "SELECT channel::text FROM notification_channels AS channel"
        seen += [row[0] for row in connection.execute(found)]
    seen.append(key_admin.log.read_text())
    assert not any(secret in text for text in seen)


@pytest.mark.parametrize(
    ("kind", "settings", "field"),
    [
        ("slack", {"webhook_url": "https://example.org/"}, "settings.webhook_url"),
        ("slack", {}, "settings.webhook_url"),
        ("slack", {"webhook_url": SLACK, "url": "https://e.org"}, "settings.url"),
        ("webhook", {"url": "https://example.org/"}, "settings.signing_secret"),
        ("webhook", hook("ftp://example.org/"), "settings.url"),
        ("webhook", hook("http://user:pw@example.org/"), "settings.url"),
        ("webhook", hook("http://169.254.169.254/latest/meta-data"), "settings.url"),
        ("webhook", hook("http://[fd00:ec2::254]/x?a=b"), "settings.url"),
        ("webhook", hook("http://metadata.google.internal/?x"), "settings.url"),
        ("webhook", hook("http://0xA9FEA9FE/"), "settings.url"),
        ("email", MAIL | {"smtp_host": "169.254.169.254"}, "settings.smtp_host"),
        ("email", MAIL | {"smtp_host": "mail.example.com:25"}, "settings.smtp_host"),
        ("email", MAIL | {"sender": "Relay <a@b>"}, "settings.sender"),
        ("email", MAIL | {"recipients": ["x"]}, "settings.recipients[0]"),
        ("email", MAIL | {"smtp_port": 0}, "settings.smtp_port"),
        ("telegram", {"bot_token": "1:2", "chat_id": "1"}, "settings.bot_token"),
        ("carrier pigeon", {"chat_id": "1"}, "kind"),
    ],
)
def test_a_bad_setting_is_refused_by_its_name(key_admin, kind, settings, field):
    body = sent() | {"kind": kind, "settings": settings}
    answer = key_admin.call("POST", PATH, json=body)
    assert answer.status_code == 422, answer.text
    assert fields(answer) == [field]
    for value in settings.values():
        assert not isinstance(value, str) or len(value) < 20 or value not in answer.text


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"events": ["usage.recorded"]}, "events[0]"),
        ({"severity": "loud"}, "severity"),
        ({"team_ids": [UNKNOWN]}, "team_ids[0]"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_a_wrong_wish_is_refused_by_its_name(key_admin, members, field):
    answer = key_admin.call("POST", PATH, json=sent(**members))
    assert answer.status_code == 422
    assert fields(answer) == [field]


def test_a_name_is_given_once(key_admin):
    made = create(key_admin).json()
    problem(key_admin.call("POST", PATH, json=sent(name=made["name"])), 409)
    other = create(key_admin).json()
    answer = key_admin.call("PATCH", f"{PATH}/{other['id']}", json={"name": made["name"]})
    assert [one["field"] for one in problem(answer, 409)["errors"]] == ["name"]


def test_a_password_is_not_sent_to_another_server(key_admin):
    path = f"{PATH}/{create(key_admin, 'email', MAIL).json()['id']}"
    for elsewhere in ({"smtp_host": "evil.example"}, {"smtp_port": 2525}):
        answer = key_admin.call("PATCH", path, json={"settings": elsewhere})
        assert answer.status_code == 422
        assert fields(answer) == ["settings.smtp_password"]
    moved = {"smtp_host": "other.example.com", "smtp_password": "another"}
    assert key_admin.call("PATCH", path, json={"settings": moved}).status_code == 200


def test_a_channel_is_tested_and_the_test_says_how_it_went(key_admin, receiver):
    made = create(key_admin, settings=hook(f"{receiver.url}/hook"), enabled=False).json()
    path = f"{PATH}/{made['id']}/test"
    answer = key_admin.call("POST", path)
    assert answer.status_code == 200, answer.text
    assert answer.json() | {"latency_ms": 0} == {"sent": True, "error": None, "latency_ms": 0}
    [delivered] = receiver.delivered
    assert json.loads(delivered.body)["type"] == "test"
    receiver.default = Answer(500)
    answer = key_admin.call("POST", path).json()
    assert (answer["sent"], answer["error"]) == (False, "the receiver answered 500")
    problem(key_admin.call("POST", f"{PATH}/{UNKNOWN}/test"), 404)


def test_messages_are_listed_and_one_that_did_not_arrive_is_sent_again(key_admin):
    made = create(key_admin).json()
    ids = {"given_up": new_ulid(), "sent": new_ulid()}
    notice = {"event_id": "e", "kind": "test", "severity": "info", "title": "t", "text": "x",
              "time": "2026-11-26T00:00:00Z"}  # fmt: skip
    with psycopg.connect(key_admin.database_url, autocommit=True) as connection:
        for state, delivery_id in ids.items():
            connection.execute(
                "INSERT INTO notification_deliveries (id, channel_id, event_id, notice, state,"
                " attempts, last_error) VALUES (%s, %s, %s, %s, %s, 9, 'no answer')",
                [
                    ulid_to_uuid(delivery_id),
                    ulid_to_uuid(made["id"]),
                    state,
                    json.dumps(notice),
                    state,
                ],
            )
    listed = key_admin.get(DELIVERIES, channel_id=made["id"]).json()["items"]
    assert {one["id"] for one in listed} == set(ids.values())
    [lost] = key_admin.get(DELIVERIES, channel_id=made["id"], state="given_up").json()["items"]
    assert (lost["channel"], lost["error"], lost["next_attempt_at"]) == (
        *(made["name"], "no answer"),
        None,
    )
    answer = key_admin.call("POST", f"{DELIVERIES}/{lost['id']}/retry")
    assert answer.status_code == 202
    assert (answer.json()["state"], answer.json()["attempts"]) == ("waiting", 0)
    problem(key_admin.call("POST", f"{DELIVERIES}/{ids['sent']}/retry"), 409)
    problem(key_admin.call("POST", f"{DELIVERIES}/{UNKNOWN}/retry"), 404)
    key_admin.call("PATCH", f"{PATH}/{made['id']}", json={"enabled": False})
    again = key_admin.get(DELIVERIES, channel_id=made["id"], state="given_up").json()["items"]
    assert [one["error"] for one in again] == ["the channel was disabled"]
