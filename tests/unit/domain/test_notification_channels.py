"""Which settings a channel takes, which notices it wants, and when a message is tried again."""

import base64

import pytest

from common.domain.delivery_attempts import ATTEMPTS_MAX, next_attempt_ms
from common.domain.notices import KINDS, Notice, Wishes
from common.domain.notification_channels import (
    MEMBERS,
    Channel,
    InvalidChannel,
    check_settings,
    secrets_of,
    shown_settings,
    without_secrets,
)

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
TEAMS_URL = (
    "https://prod-12.westus.logic.azure.com:443/workflows/0a1b/triggers/manual/paths/invoke"
    "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=abc-DEF"
)
POWER_PLATFORM_URL = (
    "https://default12.ab.environment.api.powerplatform.com:443/powerautomate/automations/direct"
    "/workflows/0a1b/triggers/manual/paths/invoke?api-version=1&sig=abc-DEF"
)
RIGHT = {
    "email": {"smtp_host": "mail.example", "sender": "r@example.com", "recipients": ["o@e.com"]},
    "slack": {"webhook_url": "https://hooks.slack.com/services/T0123/B0123/abcDEF123"},
    "teams": {"webhook_url": TEAMS_URL},
    "discord": {"webhook_url": "https://discord.com/api/webhooks/123456/abc_DEF-1"},
    "telegram": {"bot_token": "123456789:" + "A" * 35, "chat_id": "-100123"},
    "webhook": {"url": "https://example.org/hook", "signing_secret": SECRET},
}


@pytest.mark.parametrize("kind", RIGHT)
def test_what_a_kind_needs_is_taken_and_all_of_it_is_needed(kind):
    taken = check_settings(kind, RIGHT[kind])
    assert RIGHT[kind].items() <= taken.items()
    for name in RIGHT[kind]:
        rest = {key: value for key, value in RIGHT[kind].items() if key != name}
        with pytest.raises(InvalidChannel) as refused:
            check_settings(kind, rest)
        assert refused.value.member == name


@pytest.mark.parametrize("kind", RIGHT)
def test_secret_settings_are_apart_from_those_that_are_shown(kind):
    taken = check_settings(kind, RIGHT[kind])
    shown, secret = shown_settings(kind, taken), secrets_of(kind, taken)
    assert shown | secret == taken
    assert set(secret) <= set(MEMBERS[kind].secret)
    assert set(shown).isdisjoint(MEMBERS[kind].secret)


@pytest.mark.parametrize(
    ("kind", "changes", "member"),
    [
        ("slack", {"webhook_url": "https://hooks.slack.com.evil.example/services/T/B/x"}, None),
        ("slack", {"webhook_url": "http://hooks.slack.com/services/T/B/x"}, None),
        ("discord", {"webhook_url": "https://discord.com@169.254.169.254/api/webhooks/1/a"}, None),
        ("teams", {"webhook_url": TEAMS_URL.replace("logic.azure.com", "example.com")}, None),
        ("teams", {"webhook_url": TEAMS_URL.replace("sig=", "sign=")}, None),
        ("telegram", {"bot_token": "abc"}, "bot_token"),
        ("telegram", {"chat_id": "../getMe"}, "chat_id"),
        ("webhook", {"signing_secret": "whsec_c2hvcnQ="}, "signing_secret"),
        ("webhook", {"signing_secret": SECRET.removeprefix("whsec_")}, "signing_secret"),
        ("webhook", {"webhook_url": "https://example.org"}, "webhook_url"),
        ("email", {"smtp_user": "me"}, "smtp_password"),
        ("email", {"smtp_password": "p"}, "smtp_user"),
        (
            "email",
            {"smtp_user": "me", "smtp_password": "p", "smtp_security": "none"},
            "smtp_security",
        ),
    ],
)
def test_what_a_kind_does_not_take_is_named(kind, changes, member):
    with pytest.raises(InvalidChannel) as refused:
        check_settings(kind, RIGHT[kind] | changes)
    assert refused.value.member == (member or "webhook_url")


def test_a_workflow_of_either_of_microsofts_clouds_is_taken():
    assert check_settings("teams", {"webhook_url": POWER_PLATFORM_URL})


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_mail_goes_to_the_port_of_its_security_unless_told(security, port):
    given = RIGHT["email"] | {"smtp_security": security}
    assert check_settings("email", given)["smtp_port"] == port
    assert check_settings("email", given | {"smtp_port": 2525})["smtp_port"] == 2525
    assert check_settings("email", RIGHT["email"])["smtp_security"] == "starttls"


@pytest.mark.parametrize("kind", ["slack", "teams", "discord", "telegram", "webhook"])
def test_an_error_of_the_receivers_is_shown_without_the_secret(kind):
    channel = Channel("01K", "ops", kind, RIGHT[kind])
    for secret in secrets_of(kind, RIGHT[kind]).values():
        assert secret not in without_secrets(f"cannot reach {secret}!", channel)
    if kind == "slack":
        assert "abcDEF123" not in without_secrets(
            "for url: /services/T0123/B0123/abcDEF123", channel
        )


@pytest.mark.parametrize("shown", ["a%2Bsecret%2Fsignature", "a+secret/signature"])
def test_a_signature_in_an_address_is_hidden_however_it_is_written(shown):
    url = f"{RIGHT['teams']['webhook_url'].partition('?')[0]}?api-version=1&sig="
    channel = Channel("01K", "ops", "teams", {"webhook_url": url + "a%2Bsecret%2Fsignature"})
    assert "secret" not in without_secrets(f"with url: /invoke?sig={shown}&v=1", channel)
    channel = Channel("01K", "ops", "teams", {"webhook_url": url + "a+secret/signature"})
    assert "secret" not in without_secrets(f"with url: /invoke?sig={shown}&v=1", channel)


@pytest.mark.parametrize("password", ["//[of no address", "short"])
def test_a_password_is_hidden_whatever_it_looks_like(password):
    channel = Channel("01K", "ops", "email", RIGHT["email"] | {"smtp_password": password})
    assert password not in without_secrets(f"535 wrong: {password}", channel)


def notice(kind="budget.threshold", severity="warning", team_id=None):
    return Notice("id", kind, severity, "title", "text", "", team_id)


@pytest.mark.parametrize(
    ("wishes", "wanted"),
    [
        (Wishes(), True),
        (Wishes(kinds=("account.health",)), False),
        (Wishes(kinds=KINDS), True),
        (Wishes(severity="critical"), False),
        (Wishes(severity="warning"), True),
        (Wishes(team_ids=("a", "b")), True),
        (Wishes(team_ids=("b",)), False),
    ],
)
def test_a_channel_wants_what_it_is_for(wishes, wanted):
    assert wishes.want(notice(team_id="a")) is wanted


def test_a_channel_of_teams_wants_nothing_that_is_no_teams():
    assert not Wishes(team_ids=("a",)).want(notice(team_id=None))


def test_a_message_is_tried_ever_more_seldom_and_then_given_up():
    waits = [next_attempt_ms(attempts, 0) for attempts in range(1, ATTEMPTS_MAX)]
    assert waits == sorted(waits)
    assert waits[0] == 300_000
    assert sum(waits) < 3 * 24 * 3_600_000
    assert next_attempt_ms(ATTEMPTS_MAX, 0) is None
