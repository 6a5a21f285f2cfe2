"""Every operation of `OPERATIONS`: closed to others, on record, and silent of secrets."""

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from common.domain.ids import ulid_to_uuid, uuid_to_ulid
from common.domain.usage import encode
from common.identifiers import new_ulid
from functions.key_admin.application import OPERATIONS
from functions.key_admin.authenticate import GUESSES_MAX
from functions.key_admin.models.keys import KeyMade
from tests.support.admin_checks import UNKNOWN, assert_nowhere, kept, problem
from tests.support.event_receiver import Answer, Receiver
from tests.support.key_admin import KEYS, MASTER_KEY, new_address
from tests.support.prices import MODEL, book
from tests.support.usage_records import make_record, post_records, ulid_at

CREDENTIAL, OTHER_CREDENTIAL = "sk-a-credential-of-every-operation", "sk-that-replaces-it"
OF_ENVIRONMENT = "sk-of-the-environment"
LATELY = datetime(2026, 10, 5, 12, tzinfo=UTC)
BY_NAME = {f"{one.method} {one.path}": one for one in OPERATIONS}
# What a read that takes a body is sent.
ASKED = {"POST /internal/prices/diff": {"book": book()}}
# What a read asks by.
EXPLAINED = "GET /internal/routing/explain"
ASKED_BY = {
    EXPLAINED: {"model": "gpt-4o", "key": UNKNOWN},
    "GET /internal/spend": {"key_ids": UNKNOWN},
}
# What people do with keys of their own; the master key is nobody's (identity/test_portal.py).
OF_PEOPLE = "/internal/self"
READS = [
    name
    for name, one in BY_NAME.items()
    if (one.method == "GET" or name in ASKED) and not one.path.startswith(OF_PEOPLE)
]
# It changes only what an older encryption key has sealed: test_key_admin_provider_accounts.py.
RESEALING = "POST /internal/accounts/rewrap"
# These are tried, with their rows of the audit trail, in files of their own (`identity/`,
# test_key_admin_notifications.py, _configuration.py, _content.py, _response_cache.py,
# _keys_bulk.py).
APART = (
    *(
        OF_PEOPLE,
        "/internal/api-keys/bulk",
        "/internal/session",
        "/internal/service-accounts",
        "/internal/notification-",
    ),
    *("/internal/configuration/", "/internal/redaction/", "/internal/content-policy/"),
    "/internal/response-cache",
)
# By these people sign in or show a key, so they take none.
SIGN_IN = ("POST /internal/session", "POST /internal/session/refresh", "POST /internal/self/check")
MUTATIONS = [
    name
    for name, one in BY_NAME.items()
    if one.method != "GET"
    and name not in READS
    and name != RESEALING
    and not one.path.startswith(APART)
]


@pytest.fixture(scope="module")
def sink():
    receiver = Receiver()
    receiver.default = Answer(202)
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def admin_environment(sink):
    return {"K_SINK": sink.url, "OPENAI_API_KEY": OF_ENVIRONMENT}


def a_key(key_admin, **members):
    return key_admin.created(**members)["id"]


def a_revoked_key(key_admin):
    key_id = a_key(key_admin)
    assert key_admin.call("POST", f"{KEYS}/{key_id}/revoke").status_code == 200
    return key_id


def an_account(key_admin):
    body = {"name": str(uuid4()), "provider": "openai", "credential": {"api_key": CREDENTIAL}}
    body |= {"base_url": "http://127.0.0.1:9/v1"}
    return key_admin.call("POST", "/internal/accounts", json=body).json()["id"]


def a_user(key_admin):
    return key_admin.call("POST", "/internal/users", json={"id": str(uuid4())}).json()["id"]


def a_team(key_admin):
    return key_admin.call("POST", "/internal/teams", json={"name": str(uuid4())}).json()["id"]


def a_group(key_admin):
    return key_admin.call("POST", "/internal/groups", json={"name": str(uuid4())}).json()["id"]


def an_alias(key_admin):
    name, body = str(uuid4()), {"rules": [{"models": {"m": 1}}]}
    assert key_admin.call("PUT", f"/internal/aliases/{name}", json=body).status_code == 200
    return name


def a_model(key_admin):
    name = str(uuid4())
    assert key_admin.call("PUT", f"/internal/models/{name}", json={}).status_code == 200
    return name


def a_quarantined_record(key_admin):
    raw = encode(make_record())
    statement = "INSERT INTO quarantine VALUES (%s, 'no_partition', 'no partition', NULL, %s)"
    fingerprint = hashlib.sha256(raw).digest()
    key_admin.rows(statement, fingerprint, raw)
    return fingerprint.hex()


def a_dead_letter(key_admin):
    letter_id = new_ulid()
    statement = """
        INSERT INTO dead_letters (id, event_id, event_source, event_type, attributes, body)
        VALUES (%s, %s, '/s', 't', '{"specversion": "1.0", "id": "1", "source": "/s",
        "type": "t"}', '{}')"""
    key_admin.rows(statement, ulid_to_uuid(letter_id), letter_id)
    return letter_id


def a_record_without_a_price(key_admin):
    """Of a model whose price has come meanwhile."""
    record = make_record(
        id=ulid_at(LATELY), model_served=None, priced_as=MODEL, price_version="unpriced"
    )
    post_records(key_admin.database_url, record)
    body = {"book": book(), "effective_from": LATELY.isoformat()}
    assert key_admin.call("POST", "/internal/prices/books", json=body).status_code == 201
    return MODEL


# For each mutation: what it is done to (nothing for one that makes something), what is sent, and
# whether the trail has what was before and after.
SCENES = {
    "POST /internal/api-keys": (None, {"name": "a key"}, (False, True)),
    "PATCH /internal/api-keys/{key_id}": (a_key, {"name": "b"}, (True, True)),
    "DELETE /internal/api-keys/{key_id}": (a_key, None, (True, True)),
    "POST /internal/api-keys/{key_id}/revoke": (a_key, None, (True, True)),
    "POST /internal/api-keys/{key_id}/restore": (a_revoked_key, None, (True, True)),
    "POST /internal/api-keys/{key_id}/rotate": (a_key, {"grace_s": 1}, (True, True)),
    "POST /internal/accounts": (
        None,
        {"name": "made", "provider": "anthropic", "credential": {"api_key": CREDENTIAL}},
        (False, True),
    ),
    "PATCH /internal/accounts/{account_id}": (
        an_account,
        {"credential": {"api_key": OTHER_CREDENTIAL}},
        (True, True),
    ),
    "DELETE /internal/accounts/{account_id}": (an_account, None, (True, False)),
    "POST /internal/accounts/{account_id}/reset": (an_account, None, (True, False)),
    "POST /internal/accounts/{account_id}/test": (an_account, {"model": "m"}, (False, True)),
    "POST /internal/users": (None, {"id": "made"}, (False, True)),
    "PATCH /internal/users/{user_id}": (a_user, {"name": "n"}, (True, True)),
    "DELETE /internal/users/{user_id}": (a_user, None, (True, False)),
    "POST /internal/teams": (None, {"name": "made"}, (False, True)),
    "PATCH /internal/organisation": (
        lambda _: "organisation",
        {"limits": {"concurrency": 9}},
        (True, True),
    ),
    "PATCH /internal/teams/{team_id}": (a_team, {"description": "d"}, (True, True)),
    "DELETE /internal/teams/{team_id}": (a_team, None, (True, False)),
    "POST /internal/groups": (None, {"name": "made"}, (False, True)),
    "PATCH /internal/groups/{group_id}": (a_group, {"name": "changed"}, (True, True)),
    "DELETE /internal/groups/{group_id}": (a_group, None, (True, False)),
    "PUT /internal/aliases/{name}": (an_alias, {"rules": [{"models": {"n": 1}}]}, (True, True)),
    "DELETE /internal/aliases/{name}": (an_alias, None, (True, False)),
    "PUT /internal/models/{name}": (a_model, {"context_window": 1}, (True, True)),
    "DELETE /internal/models/{name}": (a_model, None, (True, False)),
    "POST /internal/quarantine/{record_id}/retry": (a_quarantined_record, None, (True, True)),
    "POST /internal/dead-letters/{letter_id}/retry": (a_dead_letter, None, (True, True)),
    "POST /internal/prices/books": (None, {"book": book()}, (False, True)),
    "POST /internal/prices/recompute": (
        a_record_without_a_price,
        {
            "since": LATELY.isoformat(),
            "until": (LATELY + timedelta(hours=1)).isoformat(),
            "model": MODEL,
        },
        (False, True),
    ),
    "PATCH /internal/branding": (lambda _: "branding", {"name": "Gate"}, (True, True)),
    "POST /internal/master-key/grace": (None, {"minutes": 1}, (False, True)),
}


def path_of(operation, subject_id=UNKNOWN):
    """The operation's path with that id in it."""
    before, _, rest = operation.path.partition("{")
    return before + (subject_id + rest.partition("}")[2] if rest else "")


def test_every_mutation_has_a_scene():
    assert sorted(SCENES) == sorted(MUTATIONS)


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_leaves_one_row_and_no_secret(key_admin, name):
    operation = BY_NAME[name]
    prepare, body, (has_before, has_after) = SCENES[name]
    subject_id = prepare(key_admin) if prepare else UNKNOWN
    earlier = {row["id"] for row in key_admin.rows("SELECT id FROM audit")}
    address = new_address()
    options = {} if body is None else {"json": body}
    answer = key_admin.call(
        operation.method, path_of(operation, subject_id), address=address, **options
    )
    assert answer.status_code == operation.status, answer.text
    (row,) = [one for one in key_admin.rows("SELECT * FROM audit") if one["id"] not in earlier]
    assert uuid_to_ulid(row["id"]) == answer.headers["x-request-id"]
    assert (row["actor"], row["address"]) == ("master-key", address)
    assert row["action"].partition(".")[0] == row["subject_kind"]
    if prepare:
        assert row["subject_id"] == subject_id
    assert set(row["detail"]) == {"before", "after"}
    assert (bool(row["detail"]["before"]), bool(row["detail"]["after"])) == (has_before, has_after)
    shown = key_admin.get("/internal/audit", limit=1)
    assert shown.json()["items"][0]["id"] == answer.headers["x-request-id"]
    secrets = [CREDENTIAL, OTHER_CREDENTIAL, OF_ENVIRONMENT, MASTER_KEY]
    for secret in secrets:
        assert secret not in answer.text + shown.text
    if operation.answer is KeyMade:
        secrets.append(answer.json()["key"].removeprefix("cr_"))
        assert secrets[-1] not in shown.text
    assert_nowhere(key_admin, *secrets)


@pytest.mark.parametrize(
    "name", [name for name in MUTATIONS if "{" in name and not name.startswith("PUT")]
)
def test_a_mutation_of_nothing_leaves_no_row(key_admin, name):
    operation = BY_NAME[name]
    before = kept(key_admin)
    options = {} if operation.body is None else {"json": {}}
    problem(key_admin.call(operation.method, path_of(operation), **options), 404)
    assert kept(key_admin) == before


@pytest.mark.parametrize("name", READS)
def test_reading_changes_nothing(key_admin, name):
    key = key_admin.created()
    before = kept(key_admin)
    operation = BY_NAME[name]
    params = ASKED_BY.get(name, {}) | ({"key": key["id"]} if name == EXPLAINED else {})
    answer = key_admin.call(
        operation.method, path_of(operation), json=ASKED.get(name), params=params
    )
    assert answer.status_code == (404 if "{" in name else 200)
    assert kept(key_admin) == before
    for secret in (CREDENTIAL, OTHER_CREDENTIAL, OF_ENVIRONMENT, MASTER_KEY):
        assert secret not in answer.text


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", f"Basic {MASTER_KEY}"])
@pytest.mark.parametrize("name", [name for name in BY_NAME if name not in SIGN_IN])
def test_nothing_is_open_to_everybody(key_admin, name, authorization):
    operation = BY_NAME[name]
    before = kept(key_admin)
    answer = key_admin.call(
        operation.method, path_of(operation), authorization=authorization, json={"name": "x"}
    )
    problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert kept(key_admin) == before


def test_after_ten_different_wrong_keys_every_operation_is_closed_to_the_address(key_admin):
    address = new_address()
    closed = [one for name, one in BY_NAME.items() if name not in SIGN_IN]
    for number, operation in enumerate(closed[:GUESSES_MAX]):
        call = (operation.method, path_of(operation))
        guess = f"Bearer wrong {number}"
        problem(key_admin.call(*call, authorization=guess, address=address), 401)
    for operation in closed:
        answer = key_admin.call(operation.method, path_of(operation), address=address)
        problem(answer, 429)
        assert answer.headers["retry-after"] == "60"
    assert key_admin.get(KEYS).status_code == 200


@pytest.mark.parametrize(
    "name", [name for name, one in BY_NAME.items() if not one.path.startswith(OF_PEOPLE)]
)
def test_a_parameter_that_there_is_not_is_named(key_admin, name):
    operation = BY_NAME[name]
    params = ASKED_BY.get(name, {}) | {"unheard_of": "1"}
    answer = key_admin.call(operation.method, path_of(operation), params=params)
    (error,) = problem(answer, 422)["errors"]
    assert error["field"] == "unheard_of"
