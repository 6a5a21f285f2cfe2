"""The console's settings over HTTP: channels, service accounts, sessions, branding, retries."""

import csv
import io
import json
import re

from tests.support.console import Person, hidden_fields
from tests.support.key_admin import MASTER_KEY

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9z"/></svg>'
SECRET = "whsec_" + "c2VjcmV0" * 6


def test_a_channel_is_made_tested_changed_and_deleted_and_its_secret_never_shown(person, key_admin):
    new = "/admin/notifications/new/webhook"
    url = "http://127.0.0.1:1/hook"
    wrong = person.send(new, name="ops", **{"settings.signing_secret": "whsec_short"})
    assert wrong.status_code == 422
    assert 'aria-describedby="settings.url-about" aria-invalid="true"' in wrong.text
    assert "whsec_short" not in wrong.text
    given = {"settings.url": url, "settings.signing_secret": SECRET, "severity": "warning"}
    ticked = {"events:spend.drift": "on", "events:account.health": "on", "enabled": "on"}
    made = person.send(new, name="ops", **given, **ticked)
    assert made.status_code == 303, made.text
    path = made.headers["location"].partition("?")[0]
    channel_path = f"/internal/notification-channels/{path.rpartition('/')[2]}"
    channel = key_admin.get(channel_path).json()
    assert (channel["events"], channel["severity"]) == (
        *(["account.health", "spend.drift"], "warning"),
    )
    tested = person.send(path, to=f"{path}/test")
    assert tested.status_code == 200
    assert "The test did not arrive" in tested.text
    values = {"name": "ops 2", "settings.url": url, "severity": "warning"}
    values |= {"events:spend.drift": "on"}
    assert person.send(f"{path}/edit", **values).status_code == 303
    channel = key_admin.get(channel_path).json()
    assert (channel["name"], channel["events"], channel["enabled"]) == (
        *("ops 2", ["spend.drift"], False),
    )
    for page in (path, f"{path}/edit", "/admin/notifications"):
        assert SECRET not in person.get(page).text
    assert person.send(f"{path}/delete").status_code == 303
    assert key_admin.get(channel_path).status_code == 404


def test_a_mail_user_that_is_taken_away_takes_its_password_along(person, key_admin):
    settings = {"smtp_host": "mail.example", "sender": "a@example.com", "smtp_user": "a"}
    settings |= {"recipients": ["b@example.com"], "smtp_password": "secret"}
    body = {"name": "mail", "kind": "email", "settings": settings}
    made = key_admin.call("POST", "/internal/notification-channels", json=body).json()
    values = {"name": "mail", "severity": "info", "enabled": "on", "settings.smtp_user": ""}
    values |= {"settings.smtp_host": "mail.example", "settings.sender": "a@example.com"}
    values |= {"settings.recipients": "b@example.com", "settings.smtp_port": "587"}
    values |= {"settings.smtp_security": "starttls", "settings.smtp_password": ""}
    assert person.send(f"/admin/notifications/{made['id']}/edit", **values).status_code == 303
    now = key_admin.get(f"/internal/notification-channels/{made['id']}").json()
    assert "smtp_user" not in now["settings"]


def test_a_service_account_is_bound_to_areas_that_are_there(person, key_admin):
    new = "/admin/service-accounts/new"
    made = person.send(new, name="ci", role="operator", **{"areas:keys": "on"})
    token = re.search(r'id="secret"[^>]*>([^<]+)<', made.text).group(1)
    bearer = f"Bearer {token}"
    assert key_admin.call("GET", "/internal/api-keys", authorization=bearer).status_code == 200
    assert key_admin.call("GET", "/internal/audit", authorization=bearer).status_code == 403
    (account,) = key_admin.get("/internal/service-accounts").json()["items"]
    assert account["areas"] == ["keys"]
    body = {"name": "x", "role": "viewer", "areas": ["keys", "foo"]}
    refused = key_admin.call("POST", "/internal/service-accounts", json=body)
    (error,) = refused.json()["errors"]
    assert (refused.status_code, error["field"]) == (422, "areas[1]")
    assert "no area 'foo'" in error["message"]
    assert "keys, notifications" in error["message"]
    path = f"/admin/service-accounts/{account['id']}"
    again = person.send(f"{path}/rotate", grace_s="0")
    assert 'id="secret"' in again.text
    assert token not in again.text
    assert key_admin.call("GET", "/internal/api-keys", authorization=bearer).status_code == 401
    assert person.send(f"{path}/revoke").status_code == 303
    assert key_admin.get(f"/internal{path[6:]}").json()["status"] == "revoked"


def test_an_area_that_is_no_more_binds_a_token_all_the_same(person, key_admin):
    body = {"name": "bound", "role": "operator", "areas": ["keys"]}
    made = key_admin.call("POST", "/internal/service-accounts", json=body).json()
    key_admin.rows("UPDATE service_accounts SET areas = '{before}' WHERE name = 'bound'")
    path = f"/admin/service-accounts/{made['id']}/edit"
    assert 'name="areas:before" checked' in person.get(path).text
    typed = {"name": "renamed", "role": "operator", "areas:before": "on"}
    assert person.send(path, **typed).status_code == 303
    now = key_admin.get(f"/internal/service-accounts/{made['id']}").json()
    assert (now["name"], now["areas"]) == ("renamed", ["before"])


def test_sessions_are_ended_one_by_one_and_everywhere(person, key_admin):
    other = Person(key_admin)
    other.sign_in()
    page = person.get("/admin/sessions").text
    ends = re.findall(r'action="(/admin/sessions/[^"]+/end)"', page)
    assert len(ends) >= 2
    assert page.count(">this one<") == 1
    rows = page.split("<tr>")
    theirs = next(row for row in rows if "/end" in row and ">this one<" not in row)
    path = re.search(r'action="([^"]+)"', theirs).group(1)
    assert person.send("/admin/sessions", to=path).headers["location"].startswith("/admin/sessions")
    assert other.get("/admin/sessions").headers["location"].startswith("/admin/login")
    assert person.get("/admin/sessions?of=everybody").status_code == 200
    over = person.send("/admin/sessions/everywhere")
    assert over.headers["location"] == "/admin/login"
    assert person.get("/admin").headers["location"].startswith("/admin/login")
    other.close()


def test_name_and_logo_are_shown_everywhere_and_the_logo_runs_nothing(person, key_admin):
    def send(name, logo, **more):
        return person.upload("/admin/branding", {"name": name, **more}, logo=logo)

    refused = send("Acme <b>", SVG.replace(b"<path", b"<script/><path"))
    assert refused.status_code == 422, refused.text
    assert "must have no &lt;script&gt;" in refused.text
    assert 'value="Acme &lt;b&gt;"' in refused.text
    assert send("Acme <b>", SVG).status_code == 303
    stranger = Person(key_admin)
    page = stranger.get("/admin/login").text
    assert "Sign in to Acme &lt;b&gt;" in page
    assert "Acme &lt;b&gt;: your keys" in stranger.get("/portal/login").text
    path = re.search(r'src="(/admin/logo/[0-9a-f]{64})"', page).group(1)
    logo = stranger.get(path)
    assert logo.content == SVG
    assert logo.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in logo.headers["content-security-policy"]
    assert logo.headers["x-content-type-options"] == "nosniff"
    assert "immutable" in logo.headers["cache-control"]
    assert "· Acme &lt;b&gt;</title>" in person.get("/admin/keys").text
    old = hidden_fields(person.get("/admin/branding").text)["version"]
    key_admin.call("PATCH", "/internal/branding", json={"name": "Theirs"})
    late = person.upload("/admin/branding", {"name": "Mine"}, hidden={"version": old})
    assert late.status_code == 412
    assert "Theirs" in late.text
    assert 'value="Mine"' in late.text
    assert send("", b"", no_logo="on").status_code == 303
    assert stranger.get(path).status_code == 404
    assert "Sign in to Relay" in stranger.get("/admin/login").text
    stranger.close()


def test_the_audit_log_is_a_table_of_any_length(person, key_admin):
    key = key_admin.created(name="=watched")
    key_admin.call("PATCH", f"/internal/api-keys/{key['id']}", json={"name": "renamed"})
    answer = person.get("/admin/audit/export", params={"subject_id": key["id"]})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["action"] for row in rows] == ["key.update", "key.create"]
    before, after = (json.loads(rows[0][name]) for name in ("before", "after"))
    assert (before["name"], after["name"]) == ("=watched", "renamed")
    assert rows[1]["before"] == ""
    assert "subject_id=" in person.get("/admin/audit", params={"subject_id": key["id"]}).text


def test_all_that_waits_is_retried_after_asking(person, key_admin):
    key_admin.rows(
        "INSERT INTO dead_letters (id, received_at, event_id, event_source, event_type, attributes,"
        " body) SELECT gen_random_uuid(), now(), 'e' || n, 's', 'ai.relay.test', "
        """'{"id": "e", "source": "s", "type": "t"}', '{"figure": 7}' """
        "FROM generate_series(1, 3) AS n"
    )
    try:
        (letter, *_) = key_admin.get("/internal/dead-letters").json()["items"]
        page = person.get(f"/admin/system/dead-letters/{letter['id']}").text
        assert '"figure": 7' in page
        asked = person.get("/admin/system/dead-letters/retry").text
        assert "3 wait" in asked
        # This key_admin knows no broker: each says so, and stays.
        refused = person.send("/admin/system/dead-letters/retry").text
        assert "3 were refused again" in refused
        assert "K_SINK" in refused
    finally:
        key_admin.rows("DELETE FROM dead_letters")


def test_a_viewer_sees_no_button_that_is_not_theirs(key_admin):
    body = {"name": "sees", "role": "viewer"}
    made = key_admin.call("POST", "/internal/service-accounts", json=body)
    token = made.json()["token"]
    answer = key_admin.call("PATCH", "/internal/branding", json={"name": "Mine"},
                            authorization=f"Bearer {token}")  # fmt: skip
    assert answer.status_code == 403
    assert MASTER_KEY not in answer.text
