"""Signing in by a real identity provider, and by one whose answers do not hold."""

import base64
import hashlib
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

from common.identifiers import new_ulid
from tests.support.identity import CLIENT_ID, PUBLIC_URL
from tests.support.key_admin import EDGE_TOKEN, new_address

START = "/auth/oidc/oidc"
BACK = f"{START}/callback"


class Browser:
    """Keeps cookies by their whole names; follows nothing by itself."""

    def __init__(self, key_admin):
        self._client = httpx.Client(base_url=key_admin.url, verify=False)
        self.cookies = {}

    def get(self, path, **query):
        sent = {"x-relay-edge-token": EDGE_TOKEN, "x-forwarded-for": new_address()}
        sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self._client.get(path, params=query, headers=sent)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer


@pytest.fixture
def browser(key_admin):
    return Browser(key_admin)


@pytest.fixture
def provider(identity_provider):
    identity_provider.spoil()
    return identity_provider


@pytest.fixture
def somebody(provider):
    """Makes a person; gives the subject."""

    def make(**claims):
        subject = new_ulid().lower()
        given = {"email": f"{subject}@example.com", "email_verified": True, **claims}
        provider.person(subject, **{name: one for name, one in given.items() if one is not None})
        return subject

    return make


def come_back(browser, provider, subject, **query):
    """The whole way, to where the browser is sent in the end."""
    address = browser.get(START, **query).headers["location"]
    answer = browser.get(BACK, **provider.log_in(address, subject))
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def test_somebody_signs_in_by_the_provider(browser, provider, somebody, key_admin):
    subject = somebody(groups=["admins"])
    address = browser.get(START, next="/admin/keys?team=a").headers["location"]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert asked["redirect_uri"] == f"{PUBLIC_URL}{BACK}"
    assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT_ID)
    back = provider.log_in(address, subject)
    answer = browser.get(BACK, **back)
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/keys?team=a")
    sent = provider.asked()
    digest = hashlib.sha256(sent["code_verifier"].encode()).digest()
    assert asked["code_challenge_method"] == "S256"
    assert asked["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    secret = quote("a secret of the client").replace("%20", "+")
    basic = base64.b64encode(f"{CLIENT_ID}:{secret}".encode()).decode()
    assert sent["authorization"] == f"Basic {basic}"
    who = browser.get("/internal/session").json()
    assert (who["name"], who["way"], who["role"]) == (f"{subject}@example.com", "oidc", "admin")
    (row,) = key_admin.rows("SELECT * FROM audit WHERE subject_id = %s", who["session_id"])
    assert (row["action"], row["actor"]) == ("session.open", f"oidc:{subject}@example.com")


def test_a_team_admin_and_somebody_in_the_portal(browser, provider, somebody, key_admin):
    key_admin.rows("DELETE FROM teams WHERE name = 'Blue'")
    subject = somebody(groups=["blue"])
    assert come_back(browser, provider, subject) == "/admin/login?error=no_team"
    team_id = key_admin.call("POST", "/internal/teams", json={"name": "Blue"}).json()["id"]
    assert come_back(browser, provider, subject) == "/admin"
    assert browser.get("/internal/session").json()["team_ids"] == [team_id]
    subject = somebody(groups=["staff"])
    assert come_back(browser, provider, subject) == "/portal"
    who = browser.get("/internal/session").json()
    assert (who["role"], who["user_id"]) == ("portal", f"{subject}@example.com")
    assert key_admin.get(f"/internal/users/{who['user_id']}").status_code == 200


def test_another_address_neither_loses_nor_takes_a_user(browser, provider, somebody, key_admin):
    ada = somebody(groups=["staff"])
    assert come_back(browser, provider, ada) == "/portal"
    user_id = browser.get("/internal/session").json()["user_id"]
    # Ada's address is another now, and somebody else has the one that was hers.
    address = {"email": "moved@example.com", "email_verified": True, "groups": ["staff"]}
    provider.person(ada, **address)
    assert come_back(browser, provider, ada) == "/portal"
    assert browser.get("/internal/session").json()["user_id"] == user_id
    eve = somebody(groups=["staff"], email=f"{ada}@example.com")
    assert come_back(browser, provider, eve) == "/admin/login?error=user_taken"
    # An administrator lets the user go to whoever has the address now; Ada is out at once.
    path = f"/internal/users/{user_id}"
    assert key_admin.get(path).json()["subject"].endswith(f" {ada}")
    assert come_back(browser, provider, ada) == "/portal"
    assert key_admin.call("PATCH", path, json={"subject": None}).json()["subject"] is None
    assert browser.get("/internal/session").status_code == 401
    assert come_back(browser, provider, eve) == "/portal"
    assert browser.get("/internal/session").json()["user_id"] == user_id
    rows = key_admin.rows(
        "SELECT actor, action, detail -> 'after' ->> 'subject' AS subject FROM audit "
        "WHERE subject_id = %s ORDER BY id",
        user_id,
    )
    by_person = f"oidc:{ada}@example.com"
    assert [row["actor"] for row in rows] == [by_person, "master-key", by_person]
    assert {row["action"] for row in rows} == {"user.update"}
    assert [(row["subject"] or "").rpartition(" ")[2] for row in rows] == [ada, "", eve]


def test_an_address_ties_only_when_it_is_verified(browser, provider, somebody, key_admin):
    known = new_ulid()
    member = {"id": known, "email": f"{known}@Example.com"}
    key_admin.call("POST", "/internal/users", json=member).raise_for_status()
    address = f"{known}@example.com".lower()
    silent = somebody(groups=["staff"], email=address, email_verified=None)
    refused = "/portal/login?error=email_unverified"
    assert come_back(browser, provider, silent, next="/portal") == refused
    assert key_admin.get(f"/internal/users/{known}").json()["subject"] is None
    assert come_back(browser, provider, somebody(groups=["staff"], email=address)) == "/portal"
    assert browser.get("/internal/session").json()["user_id"] == known


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"groups": ["others"]}, "no_role"),
        ({}, "no_role"),
        ({"groups": ["admins"], "email": "a@elsewhere.example"}, "domain_not_allowed"),
        ({"groups": ["admins"], "email": None}, "domain_not_allowed"),
        ({"groups": ["admins"], "email_verified": False}, "email_unverified"),
    ],
)
def test_who_may_not_come_in_is_told_why(browser, provider, somebody, claims, error):
    assert come_back(browser, provider, somebody(**claims)) == f"/admin/login?error={error}"
    assert browser.get("/internal/session").status_code == 401


@pytest.mark.parametrize(
    "how",
    [
        {"claims": {"nonce": "another"}},
        {"without": ["nonce"]},
        {"claims": {"exp": 1_700_000_000}},
        {"without": ["exp"]},
        {"claims": {"iat": 4_000_000_000}},
        {"claims": {"aud": "another client"}},
        {"claims": {"aud": [CLIENT_ID, "another"]}},
        {"claims": {"azp": "another client"}},
        {"claims": {"iss": "https://another.example"}},
        {"without": ["sub"]},
        {"claims": {"sub": ""}},
        {"claims": {"sub": " "}},
        {"claims": {"sub": 7}},
        {"key": "unknown"},
        {"key": "none"},
        {"key": "secret"},
    ],
    ids=str,
)
def test_a_token_that_does_not_hold_signs_nobody_in(browser, provider, somebody, how):
    subject = somebody(groups=["admins"])
    provider.spoil(**how)
    assert come_back(browser, provider, subject) == "/admin/login?error=token_invalid"
    assert browser.get("/internal/session").status_code == 401


def test_a_key_that_is_new_is_looked_up(browser, provider, somebody):
    subject = somebody(groups=["admins"])
    assert come_back(browser, provider, subject) == "/admin"
    provider.spoil(key="rotated", claims={"aud": [CLIENT_ID], "azp": CLIENT_ID})
    assert come_back(browser, provider, subject) == "/admin"


def test_a_way_back_is_gone_once(browser, provider, somebody):
    subject = somebody(groups=["admins"])
    address = browser.get(START).headers["location"]
    cookie = dict(browser.cookies)
    back = provider.log_in(address, subject)
    assert browser.get(BACK, **back).headers["location"] == "/admin"
    # The same again: without the cookie, which was taken away, and with it.
    lost = "/admin/login?error=state_lost"
    assert browser.get(BACK, **back).headers["location"] == lost
    browser.cookies = cookie
    assert browser.get(BACK, **back).headers["location"] == lost


def test_a_code_that_was_used_is_refused_by_the_provider(browser, provider, somebody):
    subject = somebody(groups=["admins"])
    back = provider.log_in(browser.get(START).headers["location"], subject)
    assert browser.get(BACK, **back).headers["location"] == "/admin"
    again = parse_qs(urlsplit(browser.get(START).headers["location"]).query)["state"][0]
    answer = browser.get(BACK, **(back | {"state": again}))
    assert answer.headers["location"] == "/admin/login?error=provider_unavailable"


def test_nobody_is_signed_in_by_a_link_of_another(browser, provider, somebody, key_admin):
    subject = somebody(groups=["admins"])
    back = provider.log_in(browser.get(START).headers["location"], subject)
    victim = Browser(key_admin)
    assert victim.get(BACK, **back).headers["location"] == "/admin/login?error=state_lost"
    victim.get(START)
    assert victim.get(BACK, **back).headers["location"] == "/admin/login?error=state_lost"
    assert victim.get("/internal/session").status_code == 401


def test_who_the_provider_lets_not_in(browser, provider):
    browser.get(START)
    state = parse_qs(urlsplit(browser.get(START).headers["location"]).query)["state"][0]
    answer = browser.get(BACK, state=state, error="access_denied")
    assert answer.headers["location"] == "/admin/login?error=provider_refused"


@pytest.mark.parametrize("place", ["https://evil.example", "//evil.example", "/\\evil", "/v1/x"])
def test_nobody_is_sent_elsewhere(browser, provider, somebody, place):
    assert come_back(browser, provider, somebody(groups=["admins"]), next=place) == "/admin"


def test_a_provider_that_is_not_there(browser):
    assert browser.get("/auth/oidc/none").status_code == 404
