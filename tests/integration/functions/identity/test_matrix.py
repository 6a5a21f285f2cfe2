"""Every call of the admin API by every role, for own things and for others': made of its document.

`MAY` says in words what each call's rule is; a call that is not in it fails, and so does one whose
rule is another. What is answered is then tried for each call and role.
"""

import io
import re
import zipfile

import pytest

from common.domain.roles import Role
from functions.key_admin.application import OPERATIONS
from functions.key_admin.openapi import document
from tests.support.console import Person, hidden_fields
from tests.support.key_admin import KEYS, new_address
from tests.support.usage_records import make_record, post_records

RANKS = ["viewer", "operator", "admin"]
ALL = [*RANKS, "team_admin", "portal"]
OWN_KEYS, USERS = "/internal/self/keys", "/internal/users"
UNKNOWN = "01ARYZ6S41TSV4RRFFQ69G5FAV"
MAY = {
    "": ("self_service_check sessions_open_one sessions_refresh"),
    "portal": (
        "self_service_create self_service_list_keys self_service_list_requests self_service_revoke "
        "self_service_rotate self_service_show self_service_show_key self_service_show_limits "
        "self_service_show_receipt self_service_show_usage"
    ),
    "viewer operator admin": (
        "account_facts_list_errors account_facts_list_presets account_facts_list_users "
        "accounts_list_accounts accounts_show audit_export audit_list_audit branding_show "
        "condition_show content_rules_show "
        "dead_letters_list_dead_letters dead_letters_show "
        "explain_explain groups_list_groups groups_show organisation_show prices_diff "
        "prices_list_books quarantine_list_quarantine response_cache_show "
        "service_accounts_list_accounts service_accounts_list_areas service_accounts_show"
    ),
    "viewer operator admin team_admin": (
        "keys_list_keys keys_show limits_tree_show limits_use_show records_export_export_csv "
        "records_export_export_xlsx records_export_show_progress spend_show teams_list_names "
        "teams_list_teams teams_show timings_show usage_list_records usage_show_leaderboard "
        "usage_show_receipt usage_show_sums users_list_users users_show"
    ),
    "viewer operator admin team_admin portal": (
        "aliases_list_aliases aliases_show models_list_models models_show prices_show "
        "sessions_close sessions_end_all sessions_end_one sessions_list_sessions sessions_show"
    ),
    "operator admin": (
        "account_calls_reset account_calls_test dead_letters_retry notifications_list_channels "
        "notifications_list_deliveries notifications_retry notifications_show "
        "notifications_test quarantine_retry redaction_try_text teams_create teams_delete "
        "teams_patch users_delete"
    ),
    "operator admin team_admin": (
        "keys_bulk_change keys_bulk_create keys_create keys_delete keys_patch keys_restore "
        "keys_revoke keys_rotate users_create users_patch"
    ),
    "admin": (
        "account_calls_rewrap accounts_create accounts_delete accounts_patch aliases_delete "
        "aliases_put branding_patch configuration_export configuration_import_ groups_create "
        "groups_delete "
        "groups_patch master_key_grant_grace models_delete models_put notifications_create "
        "notifications_delete notifications_patch organisation_patch prices_import_book "
        "prices_recompute response_cache_purge service_accounts_create service_accounts_patch "
        "service_accounts_revoke service_accounts_rotate webhook_secrets_show_webhook_secret"
    ),
}
DOCUMENT = document(OPERATIONS)
CALLS = {
    described["operationId"]: (method.upper(), path, described)
    for path, methods in DOCUMENT["paths"].items()
    for method, described in methods.items()
}
SHARED = {(operation.method, operation.path) for operation in OPERATIONS if operation.may.shared}
# Of whose owner a scope speaks.
OWNED = {"key_id", "team_id", "user_id", "request_id"}


def parameters(path):
    return re.findall("{(.*?)}", path)


def test_every_call_has_the_rule_that_stands_here():
    written = {name: roles for roles, names in MAY.items() for name in names.split()}
    declared = {name: " ".join(call[2]["x-relay-roles"]) for name, call in CALLS.items()}
    assert declared == written


@pytest.fixture
def call(people):
    """A call of an operation: with ids that are given, else with such as nothing has."""

    def make(token, name, **ids):
        method, path, described = CALLS[name]
        for parameter in parameters(path):
            path = path.replace(f"{{{parameter}}}", ids.get(parameter, UNKNOWN))
        options = {"json": {}} if "requestBody" in described else {}
        return people.call(token, method, path, **options)

    return make


@pytest.mark.parametrize("role", ALL)
def test_whom_a_rule_does_not_admit_is_refused_and_all_others_are_not(people, call, role):
    mine = {"team_ids": (people.team(),)} if role == "team_admin" else {}
    mine |= {"user_id": new_address()} if role == "portal" else {}
    token = people.token(role, **mine)
    for name, (_, _, described) in CALLS.items():
        if described["tags"] == ["Sessions"]:
            token = people.token(role, **mine)  # some end it
        answer = call(token, name)
        admitted = role in described["x-relay-roles"] or not described["x-relay-roles"]
        said = f"{name}: {answer.status_code} {answer.text[:300]}"
        assert str(answer.status_code) in described["responses"], said
        assert answer.headers.get_list("cache-control") == ["no-store"], said
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"], said
        assert answer.status_code not in (401, 500, 503) or name == "sessions_refresh", said
        assert (answer.status_code == 403) == (not admitted), said
        if not admitted:
            assert role in answer.json()["detail"]


def test_nobody_is_let_in_without_a_word(key_admin):
    for name, (method, path, described) in CALLS.items():
        for token in (None, "Bearer rsa_wrong"):
            if not described["x-relay-roles"]:
                continue
            plain = re.sub("{.*?}", UNKNOWN, path)
            answer = key_admin.call(method, plain, authorization=token)
            assert answer.status_code == 401, f"{name}: {answer.text}"


@pytest.fixture
def world(key_admin, people):
    """Two teams, each with a user, keys as they are asked for, and one record of usage."""

    class Side:
        def __init__(self):
            self.team_id, self.user_id = people.team(self_service={"enabled": True}), new_address()
            member = {"id": self.user_id, "team_id": self.team_id}
            assert key_admin.call("POST", "/internal/users", json=member).status_code == 201
            self.ids = {"team_id": self.team_id, "user_id": self.user_id}
            self.ids |= {"key_id": self.key()}
            record = make_record(
                key_id=self.ids["key_id"], user_id=self.user_id, team_id=self.team_id
            )
            post_records(key_admin.database_url, record)
            self.ids["request_id"] = record.id

        def key(self):
            return key_admin.created(user_id=self.user_id, team_id=self.team_id)["id"]

    return Side(), Side()


def scoped(role, *, listing):
    """Calls in a scope of the role: lists, or those of one thing that somebody owns."""
    return [
        name
        for name, (method, path, described) in CALLS.items()
        if role in described["x-relay-roles"]
        and (method, path) not in SHARED
        and bool(OWNED & set(parameters(path))) != listing
        and (not listing or (method == "GET" and not parameters(path)))
        and not any(one.get("required") for one in described["parameters"] if one["in"] == "query")
    ]


@pytest.mark.parametrize("role", ["team_admin", "portal"])
def test_own_things_are_answered_and_others_are_not_there(people, call, world, role):
    own, other = world
    mine = {"team_ids": (own.team_id,)} if role == "team_admin" else {"user_id": own.user_id}
    token = people.token(role, **mine)
    names = scoped(role, listing=False)
    assert len(names) == {"team_admin": 10, "portal": 4}[role]
    for name in names:
        answer = call(token, name, **other.ids)
        assert answer.status_code == 404, f"{name}: {answer.status_code} {answer.text[:300]}"
        answer = call(token, name, **(own.ids | {"key_id": own.key()}))
        assert answer.status_code < 300, f"{name}: {answer.status_code} {answer.text[:300]}"


def first_sheet(content):
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return file.read("xl/worksheets/sheet1.xml").decode()


@pytest.mark.parametrize("role", ["team_admin", "portal"])
def test_lists_show_own_things_only(people, call, world, role):
    own, other = world
    mine = {"team_ids": (own.team_id,)} if role == "team_admin" else {"user_id": own.user_id}
    token = people.token(role, **mine)
    names = scoped(role, listing=True)
    assert len(names) == {"team_admin": 12, "portal": 5}[role]
    for name in names:
        answer = call(token, name)
        assert answer.status_code == 200, f"{name}: {answer.text[:300]}"
        text = answer.text if not name.endswith("xlsx") else first_sheet(answer.content)
        for identifier in other.ids.values():
            assert identifier not in text, name
        if name == "self_service_show":
            assert answer.json()["allowance"]["keys_active"] == 1
        elif name in ("usage_show_sums", "self_service_show_usage"):
            assert answer.json()["total"]["requests"] == 1
        elif name == "timings_show":
            assert answer.json()["requests"] == 1
        elif name.startswith("records_export_export"):
            rows = re.split("</row>|\r\n", text)
            assert [own.ids["request_id"] in row for row in rows][:3] == [False, True, False]
        elif name in ("limits_use_show", "self_service_show_limits"):
            assert answer.json()["items"] == []  # its team has none
        elif name == "usage_show_leaderboard":
            assert [one["group"] for one in answer.json()["items"]] == [{"user": own.user_id}]
        else:
            assert len(answer.json()["items"]) == 1, name


def test_limits_and_spend_of_others_are_not_told(people, world):
    own, other = world
    token = people.token("team_admin", team_ids=(own.team_id,))
    query = {"key_ids": f"{other.ids['key_id']},{own.ids['key_id']}"}
    spent = people.call(token, "GET", "/internal/spend", params=query).json()["items"]
    assert [one["key_id"] for one in spent] == [own.ids["key_id"]]
    limits = "/internal/limits"
    query = {"key_id": other.ids["key_id"]}
    assert people.call(token, "GET", limits, params=query).status_code == 404
    for name in ("team_id", "user_id"):
        query = {name: other.ids[name]}
        assert people.call(token, "GET", limits, params=query).json()["items"] == []


def test_limits_of_another_teams_user_are_not_told_where_they_have_a_key(key_admin, people, world):
    own, other = world
    given = {"name": "Of the others", "budgets": [{"period": "month", "usd": "77"}]}
    key_admin.call("PATCH", f"{USERS}/{other.user_id}", json=given).raise_for_status()
    given = {"user_id": other.user_id, "team_id": own.team_id}
    key_id = key_admin.created(**given, limits={"requests_per_minute": 5})["id"]
    token = people.token("team_admin", team_ids=(own.team_id,))

    def asked(path, by=token, **query):
        answer = people.call(by, "GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return {(one["level"], one["name"]): one["use"] for one in answer.json()["items"]}

    of_key = asked("/internal/limits", key_id=key_id)
    assert [level for level, _ in of_key] == ["key"]
    in_tree = asked("/internal/limits/tree", team_id=own.team_id)
    assert in_tree == {("user", own.user_id): [], ("user", other.user_id): []}
    assert asked("/internal/limits/tree", team_id=own.team_id, user_id=other.user_id)
    # Whoever sees everything, and the user in the portal, see them.
    viewer, user = people.token("viewer"), people.token("portal", user_id=other.user_id)
    assert ("user", "Of the others") in asked("/internal/limits", viewer, key_id=key_id)
    assert asked("/internal/limits/tree", viewer, team_id=own.team_id)["user", "Of the others"]
    mine = people.call(user, "GET", "/internal/self/limits", params={"key_id": key_id})
    assert "user" in [one["level"] for one in mine.json()["items"]]


def test_a_filter_for_others_finds_nothing(people, world):
    own, other = world
    token = people.token("team_admin", team_ids=(own.team_id,))
    for name in ("team_id", "user_id"):
        query = {name: other.ids[name]}
        assert people.call(token, "GET", KEYS, params=query).json()["items"] == []
        sums = people.call(token, "GET", "/internal/usage", params=query).json()
        assert sums["total"]["requests"] == 0
    query = {"key_id": other.ids["key_id"]}
    records = people.call(token, "GET", "/internal/usage/records", params=query).json()
    assert records["items"] == []
    token = people.token("portal", user_id=own.user_id)
    records = people.call(token, "GET", "/internal/self/requests", params=query).json()
    assert records["items"] == []
    sums = people.call(token, "GET", "/internal/self/usage", params=query).json()
    assert sums["total"]["requests"] == 0
    assert people.call(token, "GET", "/internal/self/limits", params=query).status_code == 404


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"team_id": "other"}, "team_id"),
        ({"user_id": "other"}, "user_id"),
        ({"user_id": "nobody yet"}, "user_id"),
        ({"account_id": UNKNOWN}, "account_id"),
        ({"group_id": None}, "group_id"),
        ({"regions": ["eu"]}, "regions"),
        ({"redaction": {"entities": {}}}, "redaction"),
        ({"content_policy": None}, "content_policy"),
        ({"response_cache": {"mode": "on"}}, "response_cache"),
    ],
)
def test_a_team_admin_makes_keys_that_loosen_nothing(people, world, members, field):
    own, other = world
    token = people.token("team_admin", team_ids=(own.team_id,))
    body = {
        name: other.ids.get(name, value) if value == "other" else value
        for name, value in members.items()
    }
    answer = people.call(token, "POST", KEYS, json={"name": "a key", **body})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field


def test_a_team_admin_makes_keys_and_users_of_the_team(people, world):
    own, other = world
    token = people.token("team_admin", team_ids=(own.team_id,))
    key = people.call(token, "POST", KEYS, json={"name": "a key", "user_id": own.user_id}).json()
    assert key["team_id"] == own.team_id
    path = f"{KEYS}/{key['id']}"
    for team_id in (other.team_id, None):
        answer = people.call(token, "PATCH", path, json={"team_id": team_id})
        assert answer.status_code == 422, answer.text
    limited = {"limits": {"requests_per_minute": 5}}
    assert people.call(token, "PATCH", path, json=limited).json()["limits"]["requests_per_minute"]
    user = people.call(token, "POST", "/internal/users", json={"id": new_address()}).json()
    assert user["team_id"] == own.team_id
    moved = people.call(
        token, "PATCH", f"/internal/users/{user['id']}", json={"team_id": other.team_id}
    )
    assert moved.status_code == 422


def test_a_team_admin_does_not_say_who_a_user_is(people, world):
    own, _ = world
    token = people.token("team_admin", team_ids=(own.team_id,))
    address = {"email": f"{new_address()}@example.com"}
    for method, path, body in (
        ("PATCH", f"{USERS}/{own.user_id}", address),
        ("POST", USERS, {"id": new_address()} | address),
    ):
        answer = people.call(token, method, path, json=body)
        assert answer.status_code == 422, answer.text
        assert [one["field"] for one in answer.json()["errors"]] == ["email"]


def test_a_team_admin_gives_nobody_another_ones_id(key_admin, people, world):
    own, other = world
    token, address = people.token("team_admin", team_ids=(own.team_id,)), new_address()
    dave = {"id": f"Dave {address}", "email": f"Dave-{address}@Example.com"}
    dave |= {"team_id": other.team_id}
    key_admin.call("POST", USERS, json=dave).raise_for_status()
    gone, used = f"gone {address}", f"used {address}"
    key_id = key_admin.created(user_id=gone, team_id=other.team_id)["id"]
    key_admin.call("POST", f"{KEYS}/{key_id}/revoke").raise_for_status()
    key_admin.call("DELETE", f"{USERS}/{gone}").raise_for_status()
    post_records(key_admin.database_url, make_record(user_id=used, team_id=other.team_id))
    for user_id in (dave["email"], dave["email"].lower(), dave["id"].lower(), gone, used):
        answer = people.call(token, "POST", USERS, json={"id": user_id})
        assert answer.status_code == 422, answer.text
        assert [one["field"] for one in answer.json()["errors"]] == ["id"]
        assert key_admin.get(f"{USERS}/{user_id}").status_code == 404
    assert people.call(token, "POST", USERS, json={"id": dave["id"]}).status_code == 409
    # Who sees everything gives them again.
    assert key_admin.call("POST", USERS, json={"id": gone}).status_code == 201


def test_the_form_of_a_user_asks_a_team_admin_for_no_address(key_admin, people, world):
    own, _ = world
    path, address = f"{USERS}/{own.user_id}", f"{new_address()}@example.com"
    key_admin.call("PATCH", path, json={"email": address}).raise_for_status()
    token = people.token("team_admin", team_ids=(own.team_id,))
    person = Person(key_admin)
    person.has_session(token)
    page = person.get(f"/admin/users/{own.user_id}/edit").text
    assert 'name="team_id"' in page
    assert 'name="email"' not in page
    sent = {**hidden_fields(page), "name": "Ada", "team_id": own.team_id}
    assert person.post(f"/admin/users/{own.user_id}/edit", **sent).status_code == 303
    saved = key_admin.get(path).json()
    assert (saved["name"], saved["email"]) == ("Ada", address)


def test_what_one_made_is_not_another_ones_by_an_idempotency_key(people, world):
    own, other = world
    headers, body = {"idempotency-key": new_address()}, {"name": "mine"}
    made = [
        people.call(people.token("portal", user_id=side.user_id), "POST", OWN_KEYS, json=body,
                    headers=headers).json()["id"]
        for side in (own, other)
    ]  # fmt: skip
    assert made[0] != made[1]


@pytest.mark.parametrize("role", ["team_admin", "portal"])
def test_who_repeats_a_call_gets_its_first_answer(people, world, role):
    own, _ = world
    mine = {"team_ids": (own.team_id,)} if role == "team_admin" else {"user_id": own.user_id}
    token, headers = people.token(role, **mine), {"idempotency-key": new_address()}
    keys = KEYS if role == "team_admin" else OWN_KEYS
    for path, body in ((keys, {"name": "mine"}), (f"{keys}/{own.ids['key_id']}/rotate", {})):
        first, again = (
            people.call(token, "POST", path, json=body, headers=headers) for _ in range(2)
        )
        assert (again.status_code, again.text) == (201, first.text)
        assert again.headers["idempotent-replayed"] == "true"


def test_roles_are_those_of_the_api():
    assert [role.value for role in Role] == ALL
