"""GET /v1/key: what the caller's own key is, may, and has used, also while Postgres is away."""

import secrets
import time

import pytest

from common.domain.access import ALL_SCOPES
from common.domain.keys import KeyRecord, hash_key
from common.identifiers import new_ulid, now_ms
from common.store import keys, ledger, partitions
from common.store.database import Database
from functions.relay.endpoints import ENDPOINTS
from tests.support.asking import METERED, asked
from tests.support.relay_process import RelayProcess, eventually, run
from tests.support.usage_records import make_record

MEMBERS = {
    "object", "id", "name", "user_id", "team_id", "scopes", "models", "expires_at", "limits",
    "budgets", "calendar", "applied", "tags", "use", "access", "activation",
}  # fmt: skip
TEAM = "01ARYZ6S41TSV4RRFFQ69G5FAV"
NOTHING = "0.000000000000"


@pytest.fixture
def own(tmp_path, redis_server, echo, postgres_url):
    """A relay that has a Postgres."""
    environment = {"RELAY_DATABASE_URL": postgres_url}
    with RelayProcess(tmp_path, redis_server, echo.url, **environment) as process:
        process.reset()
        yield process


def shown(relay, key, **headers):
    answer = relay.client.get("/v1/key", headers={"authorization": f"Bearer {key}"} | headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


def test_a_key_shows_what_it_is(own, echo):
    ends_ms = int(time.time() * 1000) + 60_000
    given = {
        "name": "a key",
        "team_id": TEAM,
        "scopes": ["chat"],
        "models_allow": ["gpt-*"],
        "models_deny": ["gpt-4"],
        "tags": ["a", "b"],
    }
    key = own.project_key(ends_ms=ends_ms, expires_at_ms=1_893_456_000_123, **given)
    value = shown(own, key)
    assert set(value) == MEMBERS
    assert value["object"] == "key"
    assert (value["user_id"], value["name"], value["team_id"]) == ("alice", "a key", TEAM)
    assert (value["scopes"], value["tags"]) == (["chat"], ["a", "b"])
    assert value["models"] == {"allow": ["gpt-*"], "deny": ["gpt-4"]}
    assert value["expires_at"] == "2030-01-01T00:00:00.123Z"
    assert (value["limits"], value["budgets"], value["applied"]) == ({}, [], [])
    assert key not in str(value)
    assert hash_key(key) not in str(value)
    assert echo.requests() == own.records() == []


def test_use_is_unknown_while_postgres_is_away(relay):
    value = shown(relay, relay.key)  # within the client's 30 s: no statement is waited for
    assert value["use"] is None
    assert value["expires_at"] is None
    assert set(value) == MEMBERS
    eventually(lambda: relay.log_lines("use_unknown"))


def test_every_key_may_ask_whatever_its_scopes_and_dialect(own):
    key = own.project_key(scopes=["moderations"])
    for name in ("x-api-key", "api-key", "x-goog-api-key"):
        answer = own.client.get("/v1/key", headers={"authorization": "", name: key})
        assert (answer.status_code, answer.json()["scopes"]) == (200, ["moderations"])
    assert shown(own, key, **{"anthropic-version": "2023-06-01"})["object"] == "key"


def test_who_has_no_key_is_told_so_in_its_dialect(relay):
    for secret in ("", relay.project_key(status="revoked")):
        headers = {"authorization": "", "x-api-key": secret}
        answer = relay.client.get("/v1/key", headers=headers)
        assert (answer.status_code, answer.json()["error"]["type"]) == (401, "authentication_error")
        headers["anthropic-version"] = "2023-06-01"
        answer = relay.client.get("/v1/key", headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (401, "error")
    for method in ("POST", "DELETE"):
        answer = relay.client.request(method, "/v1/key")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize("endpoint", METERED)
def test_an_endpoint_needs_its_scope(relay, echo, endpoint):
    (scope,) = [known.scope for known in ENDPOINTS if known.name == endpoint]
    # `chat` holds `messages`, which the SDKs of another dialect ask for.
    holding = {scope, "chat"} if scope == "messages" else {scope}
    key = relay.project_key(scopes=[other for other in ALL_SCOPES if other not in holding])
    options = asked(endpoint).options
    options["headers"]["authorization"] = f"Bearer {key}"
    answer = relay.client.post(**options)
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "permission_error")
    assert repr(scope) in answer.json()["error"]["message"]
    assert echo.requests() == relay.records() == []
    options["headers"]["authorization"] = f"Bearer {relay.project_key(scopes=[scope])}"
    assert relay.client.post(**options).status_code != 403
    relay.only_record()  # or its settle would come into the next test's empty outbox


def test_use_is_what_the_ledger_says(own, postgres_url, postgres_server):
    secret = f"cr_{secrets.token_urlsafe(32)}"
    record = KeyRecord(id=new_ulid(), user_id="alice", name="counted")

    async def fill():
        database = Database(postgres_url)
        async with database.transaction() as connection:
            await keys.create(connection, record, None, hash_key(secret), secret[:11])
            await partitions.ensure(connection, now_ms())
            for cost in ("0.000000000001", "1.250000000000"):
                one = make_record(key_id=record.id, cost_usd=cost)
                await ledger.insert(connection, [one])
        await database.close()

    run(fill())
    answer = own.client.get("/v1/key", headers={"authorization": f"Bearer {secret}"})
    value = answer.json()
    assert (value["id"], value["name"]) == (record.id, "counted")
    spent = "1.250000000001"
    assert value["use"] == {"cost_usd": dict.fromkeys(("day", "week", "month", "total"), spent)}
    nothing = shown(own, own.key)["use"]
    assert nothing == {"cost_usd": dict.fromkeys(("day", "week", "month", "total"), NOTHING)}
    postgres_server.kill()
    try:
        assert shown(own, secret)["use"] is None
    finally:
        postgres_server.start()
    eventually(lambda: shown(own, secret)["use"] is not None)
