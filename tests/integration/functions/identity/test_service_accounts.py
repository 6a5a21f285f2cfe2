"""Service accounts: tokens that are shown once, bound, rotated and revoked."""

import pytest

from common.domain.ids import ulid_to_uuid
from functions.key_admin.authenticate import GUESSES_MAX
from tests.support.key_admin import KEYS, new_address

PATH = "/internal/service-accounts"
UNKNOWN = "01ARYZ6S41TSV4RRFFQ69G5FAV"


@pytest.fixture
def make(key_admin):
    def create(**members):
        body = {"name": new_address(), "role": "admin"} | members
        return key_admin.call("POST", PATH, json=body)

    return create


@pytest.fixture
def by(key_admin):
    def call(token, method="GET", path=KEYS, **options):
        return key_admin.call(method, path, authorization=f"Bearer {token}", **options)

    return call


def test_a_token_is_shown_once_and_kept_as_a_hash(make, by, key_admin):
    made = make(name=f"ci {new_address()}").json()
    token = made["token"]
    assert token.startswith("rsa_")
    assert token.startswith(made["token_prefix"])
    assert token not in key_admin.get(f"{PATH}/{made['id']}").text
    for table in ("service_accounts", "audit"):
        assert token not in str(key_admin.rows(f"SELECT * FROM {table}"))
    who = by(token, "GET", "/internal/session").json()
    assert (who["name"], who["way"]) == (made["name"], "service-account")
    assert key_admin.get(f"{PATH}/{made['id']}").json()["last_used_at"] is not None
    key = by(token, "POST", KEYS, json={"name": "a key"}).json()
    (row,) = key_admin.rows("SELECT * FROM audit WHERE subject_id = %s", key["id"])
    assert (row["actor"], row["via"]) == (f"service-account:{made['name']}", made["id"])


def test_who_guesses_from_the_same_address_shuts_it_not_out(make, by):
    token, address = make().json()["token"], new_address()
    for _ in range(GUESSES_MAX):
        assert by(f"rsa_{new_address()}", address=address).status_code == 401
    assert by(f"rsa_{new_address()}", address=address).status_code == 429
    assert by(token, address=address).status_code == 200


def test_it_is_bound_to_its_areas(make, by):
    token = make(areas=["keys"]).json()["token"]
    assert by(token).status_code == 200
    answer = by(token, "GET", "/internal/usage")
    assert answer.status_code == 403
    assert "bound to keys" in answer.json()["detail"]
    assert by(token, "GET", "/internal/session").json()["areas"] == ["keys"]


def test_every_credential_is_for_an_area_of_its_own(make, by, key_admin):
    body = {"passphrase": "a passphrase of one's own"}
    others = set(key_admin.get("/internal/areas").json()["items"]) - {"configuration"}
    token = make(areas=sorted(others)).json()["token"]
    for path in ("export", "import"):
        answer = by(token, "POST", f"/internal/configuration/{path}", json=body)
        assert answer.status_code == 403
        assert "this is configuration" in answer.json()["detail"]
    token = make(areas=["configuration"]).json()["token"]
    assert by(token, "POST", "/internal/configuration/export", json=body).status_code == 200
    assert by(token, "GET", "/internal/condition").status_code == 403


def test_who_is_bound_to_other_areas_has_nothing_to_do_with_sessions_of_others(
    make, by, people, key_admin
):
    sessions = "/internal/sessions"
    other = people.token("viewer")
    who = people.call(other, "GET", "/internal/session").json()
    (row,) = key_admin.rows("SELECT subject FROM sessions WHERE id = %s::uuid", uuid_of(who))
    token = make(areas=["keys"]).json()["token"]
    assert by(token, "GET", f"{sessions}?all=true").status_code == 403
    assert by(token, "DELETE", f"{sessions}?subject={row['subject']}").status_code == 403
    assert by(token, "DELETE", f"{sessions}/{who['session_id']}").status_code == 404
    assert people.call(other, "GET", "/internal/session").status_code == 200
    token = make(areas=["sessions"]).json()["token"]
    assert by(token, "GET", f"{sessions}?all=true").status_code == 200
    assert by(token, "DELETE", f"{sessions}/{who['session_id']}").status_code == 204


def uuid_of(who):
    return str(ulid_to_uuid(who["session_id"]))


def test_who_is_bound_hands_out_no_tokens(make, by):
    token = make(areas=["service-accounts"]).json()["token"]
    other = make().json()["id"]
    body = {"name": "mine", "role": "admin"}
    assert by(token, "POST", PATH, json=body).status_code == 403
    assert by(token, "POST", f"{PATH}/{other}/rotate").status_code == 403
    assert by(token, "PATCH", f"{PATH}/{other}", json={"role": "admin"}).status_code == 403
    assert by(token, "DELETE", f"{PATH}/{other}").status_code == 204


def test_a_team_admin_has_teams_and_nobody_else(make, key_admin, people):
    team_id = people.team()
    made = make(role="team_admin", team_ids=[team_id])
    assert made.json()["team_ids"] == [team_id]
    for members in (
        {"role": "team_admin"},
        {"role": "viewer", "team_ids": [team_id]},
        {"role": "team_admin", "team_ids": [UNKNOWN]},
        {"role": "portal"},
    ):
        assert make(**members).status_code == 422
    assert make(role="team_admin").json()["errors"][0]["field"] == "team_ids"
    path = f"{PATH}/{made.json()['id']}"
    assert key_admin.call("PATCH", path, json={"role": "viewer"}).status_code == 422
    changed = key_admin.call("PATCH", path, json={"role": "viewer", "team_ids": []})
    assert (changed.status_code, changed.json()["role"]) == (200, "viewer")


def test_a_change_holds_on_the_next_call(make, by, key_admin):
    made = make().json()
    path = f"{PATH}/{made['id']}"
    assert by(made["token"], "POST", KEYS, json={"name": "a"}).status_code == 201
    key_admin.call("PATCH", path, json={"role": "viewer"})
    assert by(made["token"], "POST", KEYS, json={"name": "a"}).status_code == 403
    key_admin.rows("UPDATE service_accounts SET expires_at = now() WHERE name = %s", made["name"])
    assert by(made["token"]).status_code == 401
    assert key_admin.get(path).json()["status"] == "expired"
    key_admin.call("PATCH", path, json={"expires_at": None})
    assert by(made["token"]).status_code == 200


def test_a_rotation_leaves_the_old_token_for_its_grace(make, by, key_admin):
    made = make().json()
    path = f"{PATH}/{made['id']}/rotate"
    second = key_admin.call("POST", path, json={"grace_s": 60}).json()["token"]
    assert [by(token).status_code for token in (made["token"], second)] == [200, 200]
    third = key_admin.call("POST", path).json()["token"]
    statuses = [by(token).status_code for token in (made["token"], second, third)]
    assert statuses == [401, 401, 200]


def test_a_revoked_one_is_over_for_ever(make, by, key_admin):
    made = make().json()
    path = f"{PATH}/{made['id']}"
    for _ in range(2):
        assert key_admin.call("DELETE", path).status_code == 204
    assert by(made["token"]).status_code == 401
    assert key_admin.get(path).json()["status"] == "revoked"
    assert key_admin.call("POST", f"{path}/rotate").status_code == 409
    assert key_admin.call("PATCH", path, json={"role": "viewer"}).status_code == 409
    assert make(name=made["name"]).status_code == 201


def test_names_are_unique_and_a_repeated_call_makes_one(make, key_admin):
    name = new_address()
    assert make(name=name).status_code == 201
    refused = make(name=name)
    assert refused.status_code == 409
    assert [one["field"] for one in refused.json()["errors"]] == ["name"]
    body, headers = {"name": new_address(), "role": "viewer"}, {"idempotency-key": new_address()}
    one, other = (key_admin.call("POST", PATH, json=body, headers=headers).json() for _ in range(2))
    assert one == other
