"""Signing in and out: tokens, cookies, refresh, lock-out; and that what ends is over at once."""

import concurrent.futures
from datetime import timedelta

import httpx
import pytest

from functions.key_admin.identity import throttle
from functions.key_admin.identity.sessions import LEEWAY
from tests.support.identity import PASSWORD, PUBLIC_URL, USERNAME
from tests.support.key_admin import EDGE_TOKEN, KEYS, MASTER_KEY, new_address

SESSION, SESSIONS = "/internal/session", "/internal/sessions"
RIGHT = {"username": USERNAME, "password": PASSWORD}


@pytest.fixture
def sign_in(key_admin):
    def attempt(body=RIGHT, **options):
        return key_admin.call("POST", SESSION, authorization=None, json=body, **options)

    return attempt


@pytest.fixture
def by(key_admin):
    """A call by an access token."""

    def call(token, method="GET", path=SESSION, **options):
        return key_admin.call(method, path, authorization=f"Bearer {token}", **options)

    return call


def refreshed(key_admin, token):
    body = {"refresh_token": token}
    return key_admin.call("POST", f"{SESSION}/refresh", authorization=None, json=body)


def test_the_administrator_signs_in_by_name_and_password(sign_in, by, key_admin):
    answer = sign_in()
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    tokens = answer.json()
    who = by(tokens["access_token"]).json()
    assert (who["name"], who["way"], who["role"]) == (USERNAME, "password", "admin")
    assert who["csrf_token"] is None
    assert by(tokens["access_token"], "GET", KEYS).status_code == 200
    assert by(tokens["refresh_token"], "GET", KEYS).status_code == 401
    made = by(tokens["access_token"], "POST", KEYS, json={"name": "a key"}).json()
    (row,) = key_admin.rows("SELECT * FROM audit WHERE subject_id = %s", made["id"])
    assert (row["actor"], row["via"]) == (f"password:{USERNAME}", who["session_id"])
    (row,) = key_admin.rows("SELECT * FROM audit WHERE subject_id = %s", who["session_id"])
    assert row["action"] == "session.open"


def test_the_master_key_signs_in_and_stays_what_it_is_as_a_token(sign_in, by, key_admin):
    token = sign_in({"master_key": MASTER_KEY}).json()["access_token"]
    assert by(token).json()["way"] == "master-key"
    who = key_admin.get(SESSION).json()
    assert (who["name"], who["session_id"]) == ("master-key", None)
    assert key_admin.call("DELETE", SESSION).status_code == 409
    assert by(token, "POST", "/internal/master-key/grace").status_code == 409


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"username": USERNAME, "password": "wrong"}, 401),
        ({"username": "somebody", "password": PASSWORD}, 401),
        ({"master_key": "wrong"}, 401),
        ({"api_key": "wrong"}, 401),
        ({}, 422),
        ({"username": USERNAME}, 422),
        ({**RIGHT, "master_key": MASTER_KEY}, 422),
        ({"username": "", "password": ""}, 422),
    ],
)
def test_what_is_wrong_signs_nobody_in(sign_in, body, status):
    answer = sign_in(body)
    assert answer.status_code == status, answer.text
    assert "token" not in answer.json()


def test_name_and_password_fail_in_the_same_words(sign_in):
    said = [sign_in({**RIGHT, name: "wrong"}).json()["detail"] for name in RIGHT]
    assert said[0] == said[1]


def test_an_account_is_locked_after_too_many_failures_and_everybody_is_told(sign_in, key_admin):
    wrong = {**RIGHT, "password": "wrong"}
    for _ in range(throttle.ACCOUNT_ATTEMPTS_MAX):
        assert sign_in(wrong).status_code == 401
    for body in (wrong, RIGHT):
        answer = sign_in(body)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= throttle.WINDOW_MS // 1000
    locks = "SELECT * FROM audit WHERE action = 'session.lock' AND subject_id = %s"
    rows = key_admin.rows(locks, USERNAME)
    assert len(rows) == 1
    assert rows[0]["detail"]["after"]["failures"] == throttle.ACCOUNT_ATTEMPTS_MAX
    assert key_admin.get(KEYS).status_code == 200
    with key_admin.redis() as redis:
        (key,) = redis.scan_iter("*sign-ins:account:*")
        assert 0 < redis.pttl(key) <= throttle.WINDOW_MS
        redis.delete(key)
    assert sign_in().status_code == 201


def test_many_at_once_try_no_more_often(sign_in):
    wrong = {**RIGHT, "password": "wrong"}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: sign_in(wrong).status_code, range(16)))
    assert statuses.count(401) == throttle.ACCOUNT_ATTEMPTS_MAX


def test_who_was_right_starts_anew(sign_in):
    for _ in range(2):
        for _ in range(throttle.ACCOUNT_ATTEMPTS_MAX - 1):
            assert sign_in({**RIGHT, "password": "wrong"}).status_code == 401
        assert sign_in().status_code == 201


def test_an_address_is_closed_whichever_accounts_it_tries(sign_in):
    address = new_address()
    for number in range(throttle.ADDRESS_ATTEMPTS_MAX):
        body = {"username": f"somebody {number}", "password": "wrong"}
        assert sign_in(body, address=address).status_code == 401
    assert sign_in(address=address).status_code == 429
    assert sign_in().status_code == 201


@pytest.mark.parametrize(
    "path", [SESSION, "/internal/self/check"], ids=["signing in", "checking a key"]
)
def test_a_network_of_ipv6_is_closed_as_one_address(key_admin, path):
    network = new_address().partition("::")[0]
    for number in range(throttle.ACCOUNT_ATTEMPTS_MAX + 1):
        answer = key_admin.call(
            *("POST", path), authorization=None, json={"api_key": f"wrong {number}"},
            address=f"{network}::{number + 1}",
        )  # fmt: skip
        assert answer.status_code == (401 if number < throttle.ACCOUNT_ATTEMPTS_MAX else 429)


def test_a_closed_address_locks_no_accounts_and_leaves_no_counters(sign_in, key_admin):
    address = new_address()
    for _ in range(throttle.ADDRESS_ATTEMPTS_MAX):
        sign_in({"master_key": "wrong"}, address=address)
    for _ in range(throttle.ACCOUNT_ATTEMPTS_MAX + 1):
        assert sign_in({**RIGHT, "password": "wrong"}, address=address).status_code == 429
    assert sign_in({"username": "nobody", "password": "x"}, address=address).status_code == 429
    with key_admin.redis() as redis:
        assert len(list(redis.scan_iter("*sign-ins:account:*"))) == 1
    assert sign_in().status_code == 201


def test_a_refresh_token_is_good_once(sign_in, by, key_admin):
    first = sign_in().json()
    second = refreshed(key_admin, first["refresh_token"])
    assert second.status_code == 200
    second = second.json()
    assert second["refresh_token"] != first["refresh_token"]
    assert by(second["access_token"]).status_code == 200
    # At the same time as the first: from two calls of one page.
    again = refreshed(key_admin, first["refresh_token"]).json()
    assert again["session"]["id"] == first["session"]["id"]
    _later(key_admin, first, LEEWAY)
    assert refreshed(key_admin, first["refresh_token"]).status_code == 401
    for token in (first, second, again):
        assert by(token["access_token"]).status_code == 401
        assert refreshed(key_admin, token["refresh_token"]).status_code == 401
    rows = key_admin.rows(
        "SELECT action FROM audit WHERE subject_id = %s ORDER BY id", first["session"]["id"]
    )
    assert [row["action"] for row in rows] == ["session.open", "session.reuse"]


def test_two_generations_behind_is_reuse_whatever_the_time(sign_in, by, key_admin):
    first = sign_in().json()
    second = refreshed(key_admin, first["refresh_token"]).json()
    third = refreshed(key_admin, second["refresh_token"]).json()
    assert refreshed(key_admin, first["refresh_token"]).status_code == 401
    assert by(third["access_token"]).status_code == 401


def _later(key_admin, tokens, moment):
    key_admin.rows(
        "UPDATE sessions SET refreshed_at = refreshed_at - %s WHERE name = %s RETURNING 1",
        *(moment + timedelta(seconds=1), tokens["session"]["name"]),
    )


def test_a_session_that_ended_is_over_on_the_next_call(sign_in, by, key_admin):
    tokens = sign_in().json()
    assert by(tokens["access_token"], "DELETE").status_code == 204
    assert by(tokens["access_token"]).status_code == 401
    assert refreshed(key_admin, tokens["refresh_token"]).status_code == 401
    tokens = sign_in().json()
    key_admin.rows("UPDATE sessions SET ends_at = now() RETURNING 1")
    assert by(tokens["access_token"]).status_code == 401


def test_sign_out_everywhere_ends_all_of_one_person(sign_in, by, people):
    # Whatever others of this module have left signed in is none of theirs.
    assert by(sign_in().json()["access_token"], "DELETE", SESSIONS).status_code == 204
    mine = [sign_in().json()["access_token"] for _ in range(3)]
    other = people.token("viewer")
    listed = by(mine[0], "GET", SESSIONS).json()["items"]
    assert [one["current"] for one in listed] == [False, False, True]
    assert by(mine[0], "DELETE", SESSIONS).status_code == 204
    assert [by(one).status_code for one in [*mine, other]] == [401, 401, 401, 200]


def test_others_sessions_are_for_admins(sign_in, by, people, key_admin):
    viewer, admin = people.token("viewer"), sign_in().json()["access_token"]
    subject = by(viewer, "GET", SESSIONS).json()["items"][0]["subject"]
    admins = by(admin, "GET", SESSIONS).json()["items"][0]["id"]
    assert by(viewer, "GET", SESSIONS, params={"all": "true"}).status_code == 403
    assert by(viewer, "DELETE", f"{SESSIONS}/{admins}").status_code == 404
    listed = by(admin, "GET", SESSIONS, params={"subject": subject}).json()["items"]
    assert by(admin, "DELETE", f"{SESSIONS}/{listed[0]['id']}").status_code == 204
    assert by(viewer).status_code == 401
    everybody = by(admin, "GET", SESSIONS, params={"all": "true"}).json()["items"]
    assert admins in [one["id"] for one in everybody]


def test_another_password_or_provider_ends_its_sessions(people, by, sign_in, key_admin):
    tokens = [sign_in().json()["access_token"], people.token("admin")]
    key_admin.rows("UPDATE sessions SET credential = 'of another password' RETURNING 1")
    assert [by(token).status_code for token in tokens] == [401, 401]


class Browser:
    """Keeps cookies as browsers do, at the public address."""

    def __init__(self, key_admin):
        self._client = httpx.Client(base_url=key_admin.url, verify=False)
        self.cookies = {}

    def call(self, method, path, *, origin=PUBLIC_URL, headers=None, **options):
        sent = {"x-relay-edge-token": EDGE_TOKEN, "x-forwarded-for": new_address()}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if origin is not None and method != "GET":
            sent["origin"] = origin
        answer = self._client.request(method, path, headers=sent | (headers or {}), **options)
        for line in answer.headers.get_list("set-cookie"):
            cookie, *attributes = line.split("; ")
            name, _, value = cookie.partition("=")
            assert name.startswith("__Host-relay-")
            assert {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"} <= set(attributes)
            if "Max-Age=0" in attributes:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer


@pytest.fixture
def browser(key_admin, sign_in):
    """One that is signed in, by what a page of ours would have set."""
    made = Browser(key_admin)
    tokens = sign_in().json()
    made.cookies = {
        "__Host-relay-session": tokens["access_token"],
        "__Host-relay-refresh": tokens["refresh_token"],
    }
    return made


def test_a_change_by_cookie_needs_the_token_and_the_own_origin(browser):
    token = browser.call("GET", SESSION).json()["csrf_token"]
    body, right = {"name": "a key"}, {"x-csrf-token": token}
    assert browser.call("POST", KEYS, json=body, headers=right).status_code == 201
    assert browser.call("POST", KEYS, json=body, headers=right, origin=None).status_code == 201
    assert browser.call("GET", KEYS).status_code == 200
    for headers, origin in (
        ({}, PUBLIC_URL),
        ({"x-csrf-token": "0" * 32}, PUBLIC_URL),
        (right, "https://evil.example"),
        (right, "null"),
        ({**right, "sec-fetch-site": "same-site"}, None),
        ({**right, "sec-fetch-site": "cross-site"}, PUBLIC_URL),
    ):
        answer = browser.call("POST", KEYS, json=body, headers=headers, origin=origin)
        assert answer.status_code == 403, (headers, origin)


def test_a_bearer_token_needs_neither(key_admin):
    headers = {"origin": "https://elsewhere.example"}
    assert key_admin.create(headers=headers).status_code == 201


def test_an_ended_access_token_is_replaced_on_the_way(browser, key_admin):
    before = dict(browser.cookies)
    browser.cookies["__Host-relay-session"] = ""
    assert browser.call("GET", SESSION).status_code == 200
    assert set(browser.cookies) == set(before)
    assert browser.cookies["__Host-relay-refresh"] != before["__Host-relay-refresh"]
    # Another call of the same page, with what the page had.
    late = Browser(key_admin)
    late.cookies = {"__Host-relay-refresh": before["__Host-relay-refresh"]}
    assert late.call("GET", SESSION).status_code == 200


def test_signing_out_takes_the_cookies_away(browser):
    token = browser.call("GET", SESSION).json()["csrf_token"]
    kept = dict(browser.cookies)
    stale = browser.call("POST", "/auth/logout", data={"csrf_token": "of another session"})
    assert (stale.status_code, stale.headers["location"]) == (303, "/admin")
    assert browser.call("GET", SESSION).status_code == 200
    answer = browser.call("POST", "/auth/logout", data={"csrf_token": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/login")
    assert browser.cookies == {}
    browser.cookies = kept
    assert browser.call("GET", SESSION).status_code == 401
    assert browser.cookies == {}


def test_signing_out_everywhere_from_a_page(browser, by, sign_in):
    other = sign_in().json()["access_token"]
    token = browser.call("GET", SESSION).json()["csrf_token"]
    answer = browser.call("POST", "/auth/logout-everywhere", data={"csrf_token": token})
    assert answer.status_code == 303
    assert by(other).status_code == 401


def test_no_page_of_another_site_signs_anybody_in(sign_in):
    assert sign_in(headers={"origin": "https://evil.example"}).status_code == 403
    assert sign_in(headers={"origin": PUBLIC_URL}).status_code == 201
