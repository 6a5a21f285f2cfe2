"""The portal over HTTP: what its pages carry and do, for a person and for a key's holder."""

import re

import pytest

from tests.support.console import Person
from tests.support.key_admin import KEYS, new_address


@pytest.fixture
def member(key_admin):
    """Somebody of a team that lets its people make keys, at the portal."""
    team = {"name": new_address(), "self_service": {"enabled": True, "keys_max": 2}}
    team_id = key_admin.call("POST", "/internal/teams", json=team).json()["id"]
    given = {"id": new_address(), "team_id": team_id}
    key_admin.call("POST", "/internal/users", json=given).raise_for_status()
    somebody = Person(key_admin)
    somebody.is_portal_user(given["id"])
    yield somebody
    somebody.close()


def test_somebody_makes_rotates_and_revokes_a_key(key_admin, member):
    assert "/portal/keys/new" in member.get("/portal").text
    wrong = member.send("/portal/keys/new", name="mine", **{"limits.requests_per_day": "many"})
    assert (wrong.status_code, 'value="many"' in wrong.text) == (422, True)
    made = member.send("/portal/keys/new", name="<i>mine</i>")
    secret = re.search(r'id="secret"[^>]*>([^<]+)<', made.text)[1]
    key_id = re.search(r"/portal/keys/([0-9A-Z]{26})", made.text)[1]
    path = f"/portal/keys/{key_id}"
    rotated = member.send(f"{path}/rotate", grace_s="0")
    assert (rotated.status_code, secret in rotated.text) == (200, False)
    # A form that carries no token of the session is of another site.
    assert member.post(f"{path}/revoke", csrf_token="x").status_code == 403
    assert key_admin.get(f"{KEYS}/{key_id}").json()["status"] == "active"
    assert member.send(f"{path}/revoke").headers["location"] == f"{path}?done=revoke"
    page = member.get(path)
    assert ("&lt;i&gt;mine" in page.text, "<i>mine" in page.text) == (True, False)
    assert key_admin.get(f"{KEYS}/{key_id}").json()["status"] == "revoked"


def test_other_peoples_keys_are_not_there(key_admin, member):
    other = key_admin.created()["id"]
    for path in (
        f"/portal/keys/{other}",
        f"/portal/keys/{other}/rotate",
        f"/portal/requests/{other}",
    ):
        assert member.get(path).status_code == 404, path
    assert member.send("/portal/preferences", to=f"/portal/keys/{other}/revoke").status_code == 404
    assert key_admin.get(f"{KEYS}/{other}").json()["status"] == "active"


def test_the_pages_of_a_keys_holder(key_admin):
    key = key_admin.created(name="<b>mine</b>")
    somebody = Person(key_admin)
    assert somebody.get("/portal").headers["location"] == "/portal/login?next=/portal"
    checked = somebody.post("/portal/check", api_key=key["key"])
    assert (checked.status_code, "&lt;b&gt;mine" in checked.text) == (200, True)
    assert somebody.post("/portal/check", api_key="x").status_code == 401
    opened = somebody.post("/portal/login", api_key=key["key"], next="//evil.example")
    assert (opened.status_code, opened.headers["location"]) == (303, "/portal")
    assert somebody.get("/portal").headers["location"] == f"/portal/keys/{key['id']}"
    assert somebody.get("/admin/keys").headers["location"] == "/portal"
    page = somebody.get(f"/portal/keys/{key['id']}")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert key["user_id"] not in page.text
    for path in ("/portal/requests", "/portal/keys/new", "/portal/preferences"):
        assert somebody.get(path).status_code == 200, path
    refused = somebody.send("/portal/preferences", to=f"/portal/keys/{key['id']}/revoke")
    assert refused.status_code == 403
    assert key_admin.get(f"{KEYS}/{key['id']}").json()["status"] == "active"
    out = somebody.send("/portal/preferences", to="/auth/logout")
    assert out.headers["location"] == "/portal/login"
    somebody.close()
