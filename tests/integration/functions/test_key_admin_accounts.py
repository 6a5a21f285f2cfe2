"""Accounts over HTTP: what is kept, what is refused, and that a credential never comes out."""

import base64
import json

import pytest

from common.domain.accounts import built_in_account_id, credential_name
from common.domain.ids import is_ulid, ulid_to_uuid
from common.keyring import Keyring
from tests.support.admin_checks import (
    UNKNOWN,
    assert_nowhere,
    fields,
    kept,
    overtaken,
    problem,
    trail,
    unavailable,
)
from tests.support.key_admin import UNLIMITED, new_address
from tests.support.processes import INTERNAL_SECRET

ACCOUNTS = "/internal/accounts"
NO_LIMITS = {
    "limits": {name: None for name in UNLIMITED["limits"] if name != "queue"},
    "budgets": [], "calendar": UNLIMITED["calendar"], "use": [],
    "health": {
        "status": "ok", "circuit": "closed", "cause": None, "since": None, "until": None,
        "last_error": None,
    },
}  # fmt: skip
PLAIN = {
    "schedulable": True, "expires_at": None, "region": "", "tags": [],
    "options": {"api_version": "", "project": "", "quirks": []}, "extra_headers": {},
    "egress_proxy": None,
}  # fmt: skip
SECRET = "sk-the-credential-of-the-tests"
OTHER_SECRET = "sk-the-credential-that-replaces-it"
KEY = b"an encryption key of thirty-two."
BUILT_IN = {"openai": "sk-from-the-environment", "anthropic": "sk-ant-from-the-environment"}


@pytest.fixture(scope="module")
def admin_environment():
    return {
        "RELAY_ENCRYPTION_KEYS": f"2026-11:{base64.b64encode(KEY).decode()}",
        "OPENAI_API_KEY": BUILT_IN["openai"],
        "OPENAI_BASE_URL": "http://openai.example",
        "ANTHROPIC_API_KEY": BUILT_IN["anthropic"],
    }


def post(key_admin, headers=None, **members):
    body = {"name": new_address(), "provider": "openai", "credential": {"api_key": SECRET}}
    return key_admin.call("POST", ACCOUNTS, json=body | members, headers=headers)


def created(key_admin, **members):
    answer = post(key_admin, **members)
    assert answer.status_code == 201, answer.text
    return answer.json()


def patch(key_admin, account, if_match=None, **members):
    headers = {} if if_match is None else {"if-match": if_match}
    path = f"{ACCOUNTS}/{account['id']}"
    return key_admin.call("PATCH", path, json=members, headers=headers)


def show(key_admin, account):
    return key_admin.get(f"{ACCOUNTS}/{account['id']}")


def audited(account):
    """An answer as the audit trail has it: what holds at the moment is no part of a change."""
    return {name: value for name, value in account.items() if name not in ("use", "health")}


def delete(key_admin, account):
    return key_admin.call("DELETE", f"{ACCOUNTS}/{account['id']}")


def listed(key_admin, **query):
    """What is listed without the built-in ones."""
    items = key_admin.get(ACCOUNTS, limit=500, **query).json()["items"]
    return [item for item in items if not item["built_in"]]


def row(key_admin, account):
    (found,) = key_admin.rows("SELECT * FROM accounts WHERE id = %s", ulid_to_uuid(account["id"]))
    return found


def projected(key_admin):
    """What Redis has: the accounts by id."""
    with key_admin.redis() as connection:
        found = connection.hgetall("{relay}:accounts")
    return {one["id"]: one for one in json.loads(found["r"])} if found else {}


def unsealed(account, sealed):
    assert sealed.startswith("2026-11:")
    return Keyring([("2026-11", KEY)], INTERNAL_SECRET).unseal(
        sealed, credential_name(account["id"])
    )


def test_an_account_is_made_and_shown(key_admin):
    answer = post(key_admin, name="Ops & \N{SNOWMAN}")
    assert answer.status_code == 201
    made = answer.json()
    assert is_ulid(made["id"])
    assert answer.headers["location"] == f"{ACCOUNTS}/{made['id']}"
    assert made == {
        "id": made["id"], "name": "Ops & \N{SNOWMAN}", "provider": "openai",
        "base_url": "https://api.openai.com/v1", "credential_key_id": "2026-11", "models": {},
        "priority": 50, "weight": 1, "max_concurrency": 0, "enabled": True, "built_in": False,
        "discount": "", **PLAIN,
        **NO_LIMITS,
        "created_at": made["created_at"], "updated_at": made["created_at"],
    }  # fmt: skip
    shown = show(key_admin, made)
    assert (shown.status_code, shown.json()) == (200, made)
    assert shown.headers["etag"] == answer.headers["etag"]
    assert made in listed(key_admin)
    ((action, before, after),) = trail(key_admin, made["id"])
    assert (action, before, after) == ("account.create", None, audited(made))


def test_everything_that_may_be_sent_is_kept_and_projected(key_admin):
    given = {
        "name": "all of it", "provider": "openai_compatible", "base_url": "http://10.0.0.1:8000/v1",
        "models": {"gpt-4o": "llama-4"}, "priority": 3, "weight": 7, "max_concurrency": 9,
        "enabled": False, "discount": "0.15",
    }  # fmt: skip
    made = created(key_admin, **given | {"base_url": "http://10.0.0.1:8000/v1/"})
    assert {name: made[name] for name in given} == given
    found = projected(key_admin)[made["id"]]
    assert unsealed(made, found.pop("sealed_credential")) == SECRET
    assert found == given | {"id": made["id"]}


@pytest.mark.parametrize(
    ("provider", "address"),
    [("openai", "https://api.openai.com/v1"), ("anthropic", "https://api.anthropic.com")],
)
def test_a_known_provider_has_an_address(key_admin, provider, address):
    assert created(key_admin, provider=provider)["base_url"] == address


def test_a_list_of_models_serves_each_by_its_own_name(key_admin):
    made = created(key_admin, models=["a", "b"])
    assert made["models"] == {"a": "a", "b": "b"}
    changed = patch(key_admin, made, models=["c"]).json()
    assert changed["models"] == {"c": "c"}
    assert patch(key_admin, made, models={}).json()["models"] == {}
    globs = {"gpt-*": "gpt-*", "best": "gpt-4o", "o?": "o3"}
    assert patch(key_admin, made, models=globs).json()["models"] == globs


def test_a_credential_is_sealed_and_never_comes_out(key_admin):
    answer = post(key_admin)
    made = answer.json()
    assert unsealed(made, row(key_admin, made)["credential"]) == SECRET
    assert unsealed(made, projected(key_admin)[made["id"]]["sealed_credential"]) == SECRET
    changed = patch(key_admin, made, credential={"api_key": OTHER_SECRET})
    assert unsealed(made, row(key_admin, made)["credential"]) == OTHER_SECRET
    assert unsealed(made, projected(key_admin)[made["id"]]["sealed_credential"]) == OTHER_SECRET
    said = [answer, changed, show(key_admin, made), key_admin.get(ACCOUNTS, limit=500)]
    said += [key_admin.get("/internal/audit", subject_id=made["id"]), delete(key_admin, made)]
    # Refusals repeat nothing of what was sent either.
    said += [post(key_admin, weight=0), post(key_admin, credential={"api_key": SECRET + " x"})]
    said += [post(key_admin, credential=SECRET), post(key_admin, api_key=SECRET)]
    for one in said:
        assert SECRET not in one.text + str(one.headers)
        assert OTHER_SECRET not in one.text + str(one.headers)
    assert_nowhere(key_admin, SECRET, OTHER_SECRET, *BUILT_IN.values())
    ((_, before, after),) = trail(key_admin, made["id"])[1:2]
    assert after.pop("credential_changed") is True
    assert before | {"updated_at": after["updated_at"]} == after


def test_a_patch_changes_what_it_names(key_admin):
    made = created(key_admin, models=["m"], priority=3)
    changed = patch(key_admin, made, name="patched", weight=4, enabled=False)
    assert changed.status_code == 200
    said = changed.json()
    assert said["updated_at"] > made["updated_at"]
    expected = made | {"name": "patched", "weight": 4, "enabled": False}
    assert said == expected | {"updated_at": said["updated_at"]}
    shown = show(key_admin, made)
    assert (shown.json(), shown.headers["etag"]) == (said, changed.headers["etag"])
    assert projected(key_admin)[made["id"]]["enabled"] is False
    assert unsealed(made, row(key_admin, made)["credential"]) == SECRET
    last = ("account.update", audited(made), audited(said) | {"credential_changed": False})
    assert trail(key_admin, made["id"])[-1] == last


def test_a_deleted_account_is_gone_with_its_credential(key_admin):
    made = created(key_admin, name="to be deleted")
    answer = delete(key_admin, made)
    assert (answer.status_code, answer.content) == (204, b"")
    problem(show(key_admin, made), 404)
    problem(delete(key_admin, made), 404)
    problem(patch(key_admin, made, weight=2), 404)
    assert made["id"] not in [item["id"] for item in listed(key_admin)]
    assert made["id"] not in projected(key_admin)
    assert row(key_admin, made)["credential"] == ""
    assert trail(key_admin, made["id"])[1:] == [("account.delete", audited(made), None)]
    assert created(key_admin, name="to be deleted")["id"] != made["id"]


def test_a_name_is_taken_once(key_admin):
    first, second = created(key_admin, name="taken"), created(key_admin)
    for answer in (post(key_admin, name="taken"), patch(key_admin, second, name="taken")):
        assert "'taken'" in problem(answer, 409)["detail"]
    assert show(key_admin, second).json() == second
    assert patch(key_admin, first, name="taken").status_code == 200
    assert [one["name"] for one in listed(key_admin)].count("taken") == 1


def test_if_match_names_the_version_to_change(key_admin):
    made = created(key_admin)
    tag = show(key_admin, made).headers["etag"]
    changed = patch(key_admin, made, tag, weight=2)
    assert changed.status_code == 200
    new = changed.headers["etag"]
    assert new != tag
    for wrong in (tag, '"x"', "", new.strip('"')):
        refused = patch(key_admin, made, wrong, weight=3)
        assert "If-Match" in problem(refused, 412)["detail"]
        assert refused.headers["etag"] == new
    assert show(key_admin, made).json()["weight"] == 2
    for right in (f"{tag}, {new}", "*", None):
        answer = patch(key_admin, made, right, weight=5)
        assert answer.status_code == 200
        new = answer.headers["etag"]


def test_a_change_between_reading_and_writing_is_not_overwritten(key_admin):
    made = created(key_admin)
    uuid = str(ulid_to_uuid(made["id"]))
    answer = overtaken(key_admin, "accounts", uuid, lambda: patch(key_admin, made, weight=9))
    assert "at the same time" in problem(answer, 409)["detail"]
    assert show(key_admin, made).json()["weight"] == 1
    assert len(trail(key_admin, made["id"])) == 1


@pytest.mark.parametrize("account_id", [UNKNOWN, UNKNOWN.lower(), "nothing", "%00", "1" * 300])
def test_an_unknown_account_is_not_found(key_admin, account_id):
    for method, options in (("GET", {}), ("DELETE", {}), ("PATCH", {"json": {"weight": 2}})):
        said = problem(key_admin.call(method, f"{ACCOUNTS}/{account_id}", **options), 404)
        assert "There is no account with the id" in said["detail"]
        assert len(said["detail"]) < 120


WRONG = [
    ("name", "", "name"), ("name", "a\nb", "name"), ("name", "x" * 201, "name"),
    ("name", None, "name"), ("base_url", "ftp://x", "base_url"), ("base_url", "x", "base_url"),
    ("base_url", "http://u:p@x", "base_url"), ("base_url", "http://x?a=b", "base_url"),
    ("base_url", "http://x:99999", "base_url"), ("base_url", "http://x/\u00fc", "base_url"),
    ("base_url", "http://" + "x" * 500, "base_url"),
    ("base_url", "http://169.254.169.254/latest", "base_url"), ("credential", "sk", "credential"),
    ("credential", None, "credential"), ("credential", {}, "credential.api_key"),
    ("credential", {"api_key": ""}, "credential.api_key"),
    ("credential", {"api_key": "a b"}, "credential.api_key"),
    ("credential", {"api_key": "a\r\nx: y"}, "credential.api_key"),
    ("credential", {"api_key": "x" * 4097}, "credential.api_key"),
    ("credential", {"api_key": "x", "kind": "y"}, "credential.kind"),
    ("priority", -1, "priority"), ("priority", 1001, "priority"), ("weight", 0, "weight"),
    ("weight", "heavy", "weight"), ("max_concurrency", -1, "max_concurrency"),
    ("max_concurrency", 1.5, "max_concurrency"), ("max_concurrency", False, "max_concurrency"),
    ("priority", "1", "priority"), ("enabled", "true", "enabled"), ("enabled", 1, "enabled"),
    ("enabled", None, "enabled"), ("version", 1, "version"), ("id", UNKNOWN, "id"),
]  # fmt: skip


@pytest.mark.parametrize(("member", "value", "field"), WRONG)
def test_a_wrong_field_is_named(key_admin, member, value, field):
    made = created(key_admin)
    before = kept(key_admin, "accounts", "audit", "changes")
    assert fields(post(key_admin, **{member: value})) == [field]
    assert fields(patch(key_admin, made, **{member: value})) == [field]
    assert kept(key_admin, "accounts", "audit", "changes") == before


@pytest.mark.parametrize(
    ("models", "field"),
    [("gpt-4o", "models"), (5, "models"), (["a", 5], "models"), ({"a": 1}, "models.a"),
     ({"a": ""}, "models.a"), ({"a b\n": "a"}, "models.a b\n"), (["a\n"], "models.a\n"),
     ([str(number) for number in range(501)], "models"), ({"gpt-*": "o*"}, "models"),
     ({"best": "gpt-*"}, "models"), ({"gpt-*": "gpt-?"}, "models")],
)  # fmt: skip
def test_wrong_models_are_named(key_admin, models, field):
    made = created(key_admin)
    assert fields(post(key_admin, models=models)) == [field]
    assert fields(patch(key_admin, made, models=models)) == [field]


def test_what_an_account_needs_is_named(key_admin):
    answer = key_admin.call("POST", ACCOUNTS, json={})
    assert sorted(fields(answer)) == ["credential", "name", "provider"]
    assert fields(post(key_admin, provider="mistral")) == ["provider"]
    said = problem(post(key_admin, provider="openai_compatible"), 422)
    assert said["errors"][0]["message"].startswith("is required")
    assert fields(patch(key_admin, created(key_admin), provider="anthropic")) == ["provider"]


def test_a_repeated_call_makes_one_account(key_admin):
    headers = {"idempotency-key": "an account, once"}
    first = post(key_admin, headers, name="once")
    again = post(key_admin, headers, name="once")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert fields(post(key_admin, headers, name="another")) == ["Idempotency-Key"]
    assert [one["name"] for one in listed(key_admin)].count("once") == 1
    older = "UPDATE idempotent_replies SET created_at = now() - interval '16 min'"
    key_admin.rows(older)
    assert first.json()["id"] in problem(post(key_admin, headers, name="once"), 409)["detail"]


def test_built_in_accounts_are_listed_and_only_read(key_admin):
    made = created(key_admin, provider="anthropic")
    items = key_admin.get(ACCOUNTS, limit=1).json()["items"]
    addresses = {"openai": "http://openai.example/v1", "anthropic": "https://api.anthropic.com"}
    assert items == [
        *(
            {
                "id": built_in_account_id(provider), "name": f"built-in {provider}",
                "provider": provider, "base_url": address, "credential_key_id": None, "models": {},
                "priority": 50, "weight": 1, "max_concurrency": 0, "enabled": True,
                "discount": "", "built_in": True, **PLAIN, **NO_LIMITS, "created_at": None,
                "updated_at": None,
            }
            for provider, address in addresses.items()
        ),
        made,
    ]  # fmt: skip
    before = kept(key_admin, "accounts", "audit", "changes")
    for item in items[:2]:
        shown = show(key_admin, item)
        assert (shown.status_code, shown.json()) == (200, item)
        for answer in (patch(key_admin, item, weight=2), delete(key_admin, item)):
            assert "environment" in problem(answer, 409)["detail"]
    assert kept(key_admin, "accounts", "audit", "changes") == before
    ids = [
        one["id"] for one in key_admin.get(ACCOUNTS, provider="openai", limit=500).json()["items"]
    ]
    assert items[0]["id"] in ids
    assert not {items[1]["id"], made["id"]} & set(ids)


def test_pages_are_walked_once_each_newest_first(key_admin):
    base_url = "http://x"
    mine = [
        created(key_admin, provider="openai_compatible", base_url=base_url)["id"] for _ in range(5)
    ]
    walked, cursor = [], {}
    while True:
        page = key_admin.get(ACCOUNTS, limit=2, provider="openai_compatible", **cursor).json()
        assert len(page["items"]) <= 2
        walked += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(walked) == len(set(walked))
    assert walked[:5] == sorted(mine, reverse=True)
    assert not any(
        item["built_in"] for item in key_admin.get(ACCOUNTS, cursor=mine[-1]).json()["items"]
    )


@pytest.mark.parametrize(
    ("query", "field"),
    [({"limit": "0"}, "limit"), ({"limit": "501"}, "limit"), ({"cursor": "x"}, "cursor"),
     ({"provider": "mistral"}, "provider"), ({"name": "x"}, "name")],
)  # fmt: skip
def test_a_wrong_query_is_named(key_admin, query, field):
    assert fields(key_admin.get(ACCOUNTS, **query)) == [field]


def test_without_redis_nothing_is_changed_by_half(key_admin, redis_server):
    made = created(key_admin)
    before = kept(key_admin, "accounts", "audit", "changes")
    redis_server.stop()
    for answer in (patch(key_admin, made, enabled=False), delete(key_admin, made)):
        assert "nothing was changed" in unavailable(answer)
    assert kept(key_admin, "accounts", "audit", "changes") == before
    alone = created(key_admin)
    redis_server.start()
    assert projected(key_admin)[made["id"]]["name"] == made["name"]
    assert alone["id"] not in projected(key_admin)
    assert patch(key_admin, made, enabled=False).status_code == 200
    found = projected(key_admin)
    assert found[made["id"]]["enabled"] is False
    assert found[alone["id"]]["name"] == alone["name"]
    assert key_admin.rows("SELECT * FROM changes") == []
