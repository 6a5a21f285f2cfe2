"""Receipts: `/v1/usage` for a key's owner, in its dialect; the same for the administrator."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import anthropic
import openai
import pytest

from common.domain.ids import encode_ulid, first_ulid, ulid_time_ms, ulid_to_uuid
from common.domain.policies import AppliedGone, AppliedLimit, AppliedPolicy, ClientGone
from common.domain.usage import Tokens, encode
from common.identifiers import new_ulid
from tests.support.key_admin import KEYS
from tests.support.usage_records import make_record, post_records, ulid_at

TOKENS = Tokens(input=9, output=12, cache_read=100, reasoning=4)
UNIT_PRICES = {"input": 150_000, "output": 600_000, "cache_read": 75_000}
COST = "0.000016050000"
REPORTED = {"prompt_tokens": 109, "completion_tokens": 12,
            "prompt_tokens_details": {"cached_tokens": 100}}  # fmt: skip
POLICY = AppliedPolicy(
    limits=(AppliedLimit("team", "budget.month", "$500 per month", "clamp"),),
    reserved_usd="0.003000000000",
    output_cap=4500,
    output_cap_asked=8000,
    client_gone=AppliedGone(ClientGone("drain", 20), "organisation"),
)


def recorded(key_admin, key, **changes):
    record = make_record(key_id=key["id"], user_id=key["user_id"], **changes)
    post_records(key_admin.database_url, record)
    return record


def priced(key_admin, key, **changes):
    members = {
        "tokens": TOKENS, "unit_prices": UNIT_PRICES, "cost_usd": COST, "service_tier": "default",
        "reported_usage": REPORTED, "policy": POLICY, "price_version": "2026-11-25",
        "priced_as": "gpt-4o-mini", "discount": "0.15",
    }  # fmt: skip
    return recorded(key_admin, key, **(members | changes))


def ask(key_admin, path, key, **options):
    return key_admin.call(
        "GET", f"/v1/usage{path}", authorization=f"Bearer {key['key']}", **options
    )


@pytest.fixture
def key(key_admin):
    return key_admin.created(user_id="alice")


def test_a_receipt_says_what_was_used_what_it_cost_and_why(key_admin, key):
    record = priced(key_admin, key, status="cancelled", finish_cause="client_gone")
    answer = ask(key_admin, f"/{record.id}", key)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    receipt = answer.json()
    assert receipt["object"] == "receipt"
    assert (receipt["request_id"], receipt["occurred_at"]) == (record.id, record.occurred_at)
    assert (receipt["model_requested"], receipt["model_served"]) == (
        record.model_requested, record.model_served,
    )  # fmt: skip
    assert (receipt["status"], receipt["finish_cause"]) == ("cancelled", "client_gone")
    assert receipt["reported_usage"] == REPORTED
    assert receipt["tokens"]["cache_read"] == 100
    assert receipt["price"] == {
        "version": "2026-11-25",
        "priced_as": "gpt-4o-mini",
        "service_tier": "default",
        "discount": "0.15",
        "lines": [
            {"token_class": "input", "count": 9, "unit_usd": "0.000000150000",
             "cost_usd": "0.000001350000"},
            {"token_class": "output", "count": 12, "unit_usd": "0.000000600000",
             "cost_usd": "0.000007200000"},
            {"token_class": "cache_read", "count": 100, "unit_usd": "0.000000075000",
             "cost_usd": "0.000007500000"},
        ],
    }  # fmt: skip
    assert receipt["cost_usd"] == receipt["balance_usd"] == receipt["rated_usd"] == COST
    assert receipt["adjustments"] == []
    assert receipt["policy"] == {
        "limits": [{"level": "team", "limit": "budget.month", "most": "$500 per month",
                    "policy": "clamp"}],
        "reserved_usd": "0.003000000000",
        "output_cap": {"asked": 8000, "sent": 4500},
        "client_gone": {"policy": "drain", "drain_seconds": 20, "level": "organisation",
                        "applied": True},
    }  # fmt: skip
    assert not {"account_id", "user_id", "key_id"} & receipt.keys()
    shown = key_admin.get(f"/internal/usage/requests/{record.id}/receipt").json()
    whose = {"key_id": key["id"], "user_id": "alice", "team_id": None,
             "account_id": record.account_id}  # fmt: skip
    assert shown == receipt | whose


def test_corrections_are_listed_with_what_is_left(key_admin, key):
    """A relay died and came late; then prices were corrected."""
    record = priced(
        key_admin, key, status="interrupted", finish_cause="interrupted", reported_usage=None,
        usage_source="estimated",
    )  # fmt: skip
    late = priced(
        key_admin, key, id=new_ulid(), kind="adjustment", adjusts=record.id, cost_usd="0.000004",
        tokens=Tokens(output=5), price_version="2026-11-25",
    )  # fmt: skip
    priced(
        key_admin, key, id=new_ulid(), kind="adjustment", adjusts=record.id, tokens=Tokens(),
        cost_usd="-0.000010050001", price_version="2026-12-01",
    )  # fmt: skip
    receipt = ask(key_admin, f"/{record.id}", key).json()
    assert (receipt["status"], receipt["finish_cause"]) == ("interrupted", "interrupted")
    found = [(one["cost_usd"], one["balance_usd"], one["price_version"])
             for one in receipt["adjustments"]]  # fmt: skip
    assert found == [
        ("0.000004000000", "0.000020050000", "2026-11-25"),
        ("-0.000010050001", "0.000009999999", "2026-12-01"),
    ]
    assert receipt["adjustments"][0]["tokens"]["output"] == 5
    assert receipt["adjustments"][0]["reported_usage"] == REPORTED
    assert (receipt["cost_usd"], receipt["balance_usd"]) == (COST, "0.000009999999")
    (item,) = ask(key_admin, "", key).json()["items"]
    assert (item["request_id"], item["balance_usd"]) == (record.id, "0.000009999999")
    # An adjustment is no request.
    assert ask(key_admin, f"/{late.id}", key).status_code == 404


def test_a_correction_may_have_any_id_of_its_requests_millisecond(key_admin, key):
    """Corrections bear the time of what they correct: half of their ids are the smaller ones."""
    record = priced(key_admin, key)
    now_ms = ulid_time_ms(record.id)
    for made, cost in ((encode_ulid(now_ms, bytes(9) + b"\1"), "0.5"), (first_ulid(now_ms), "0.2")):
        priced(
            key_admin, key, id=made, kind="adjustment", adjusts=record.id, tokens=Tokens(),
            cost_usd=cost, finish_cause="repriced",
        )  # fmt: skip
    receipt = ask(key_admin, f"/{record.id}", key).json()
    found = [(one["cost_usd"], one["finish_detail"]) for one in receipt["adjustments"]]
    assert found == [("0.500000000000", "repriced"), ("0.200000000000", "repriced")]
    assert Decimal(receipt["balance_usd"]) == Decimal(COST) + Decimal("0.7")
    (item,) = ask(key_admin, "", key).json()["items"]
    assert item["balance_usd"] == receipt["balance_usd"]


def test_the_teams_multiplier_is_shown_beside_the_cost(key_admin):
    team = key_admin.call("POST", "/internal/teams", json={"name": new_ulid()}).json()["id"]
    key_admin.rows("UPDATE teams SET price_multiplier = 1.5 WHERE id = %s", ulid_to_uuid(team))
    key = key_admin.created(user_id="bob", team_id=team)
    record = priced(key_admin, key, team_id=team)
    receipt = ask(key_admin, f"/{record.id}", key).json()
    assert (receipt["price_multiplier"], receipt["cost_usd"]) == ("1.5", COST)
    assert Decimal(receipt["rated_usd"]) == Decimal(COST) * Decimal("1.5")


def test_rows_of_earlier_versions_have_no_lines_rather_than_wrong_ones(key_admin, key):
    record = recorded(key_admin, key)
    key_admin.rows(
        "UPDATE ledger SET unit_prices = NULL, policy = NULL, reported_usage = NULL WHERE id = %s",
        ulid_to_uuid(record.id),
    )
    receipt = ask(key_admin, f"/{record.id}", key).json()
    assert receipt["price"]["lines"] is None
    assert (receipt["reported_usage"], receipt["cost_usd"]) == (None, record.cost_usd)
    assert receipt["policy"] == {
        "limits": [], "reserved_usd": None, "output_cap": None,
        "client_gone": {"policy": "cancel", "drain_seconds": None, "level": None,
                        "applied": False},
    }  # fmt: skip


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_what_belongs_to_others_looks_like_what_is_not_there(key_admin, key, dialect):
    headers = {"anthropic-version": "2023-06-01"} if dialect == "anthropic" else {}
    others = recorded(key_admin, key_admin.created(user_id="alice")).id
    answers = []
    for request_id in (others, new_ulid(), "nothing", "%00", "a" * 300):
        answer = ask(key_admin, f"/{request_id}", key, headers=headers)
        error = answer.json()["error"]
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
        assert answer.headers["x-should-retry"] == "false"
        answers.append(error["type"])
        assert error["message"].startswith("No request of this API key has the id ")
    assert set(answers) == {"not_found_error"}


def test_sdks_raise_their_own_errors(key_admin, key):
    base = key_admin.url
    with openai.OpenAI(api_key=key["key"], base_url=f"{base}/v1", max_retries=0) as client:
        with pytest.raises(openai.NotFoundError) as found:
            client.get(f"/usage/{new_ulid()}", cast_to=object)
        assert (found.value.code, found.value.param) == ("request_not_found", "request_id")
        record = priced(key_admin, key)
        assert client.get(f"/usage/{record.id}", cast_to=object)["cost_usd"] == COST
    with (
        anthropic.Anthropic(api_key="cr_wrong", base_url=base, max_retries=0) as other,
        pytest.raises(anthropic.AuthenticationError),
    ):
        other.get("/v1/usage", cast_to=object)


def test_only_a_key_that_may_be_used_opens_receipts(key_admin, key):
    def status(authorization):
        answer = key_admin.call("GET", "/v1/usage", authorization=authorization)
        return answer.status_code, answer.json().get("error", {}).get("code")

    assert status(f"Bearer {key['key']}") == (200, None)
    assert status(None) == (401, "missing_api_key")
    assert status("Bearer cr_nobody") == (401, "invalid_api_key")
    assert status("Bearer " + "a" * 600) == (401, "invalid_api_key")
    for name in ("x-api-key", "api-key", "x-goog-api-key"):
        answer = key_admin.call("GET", "/v1/usage", authorization=None, headers={name: key["key"]})
        assert answer.status_code == 200
    key_admin.call("POST", f"{KEYS}/{key['id']}/revoke")
    assert status(f"Bearer {key['key']}") == (401, "invalid_api_key")


def test_a_key_that_redis_does_not_know_is_looked_up(key_admin, key):
    record = recorded(key_admin, key)
    with key_admin.redis() as connection:
        connection.flushdb()  # then there is no epoch either
    assert ask(key_admin, f"/{record.id}", key).status_code == 200
    with key_admin.redis() as connection:
        (known,) = connection.keys("{relay}:key:*")[:1]
        connection.delete(*connection.keys("{relay}:key:*"))
    assert ask(key_admin, f"/{record.id}", key).status_code == 200
    address = "192.0.2.77"
    found = [
        key_admin.call("GET", "/v1/usage", authorization=f"Bearer cr_{n}", address=address)
        for n in range(22)
    ]
    assert [answer.status_code for answer in found] == [401] * 20 + [429] * 2
    assert known


@pytest.mark.parametrize("where", ["lease", "outbox", "remembered"])
def test_until_it_is_in_the_ledger_it_is_pending(key_admin, key, where):
    record = make_record(key_id=key["id"])
    ask(key_admin, "", key)  # Redis has its projection
    other = key_admin.created(user_id="alice")
    with key_admin.redis() as connection:
        if where == "lease":
            connection.hset(f"{{relay}}:lease:{record.id}", "draft", encode(record))
        else:
            for unlike in (make_record(), record, make_record()):
                place = connection.xadd("{relay}:outbox", {"r": encode(unlike)})
                if where == "remembered" and unlike is record:
                    connection.set(f"{{relay}}:settled:{record.id}", place)
    answer = ask(key_admin, f"/{record.id}", key)
    assert (answer.status_code, answer.headers["retry-after"]) == (202, "2")
    assert answer.json() == {
        "object": "receipt", "request_id": record.id, "status": "pending",
    }  # fmt: skip
    assert ask(key_admin, f"/{record.id}", other).status_code == 404
    assert ask(key_admin, f"/{new_ulid()}", key).status_code == 404
    problem = key_admin.get(f"/internal/usage/requests/{record.id}/receipt")
    assert problem.status_code == 404
    assert "not in the ledger yet" in problem.json()["detail"]


def test_requests_are_listed_in_pages_newest_first(key_admin, key):
    now = datetime.now(UTC)
    moments = [now - timedelta(minutes=minutes) for minutes in range(5)]
    made = [recorded(key_admin, key, id=ulid_at(moment)).id for moment in moments]
    recorded(key_admin, key_admin.created(user_id="alice"))
    assert [one["request_id"] for one in ask(key_admin, "", key).json()["items"]] == made
    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = ask(key_admin, "", key, params=query).json()
        seen += [one["request_id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made
    between = {"since": moments[3].isoformat(), "until": moments[1].isoformat()}
    found = ask(key_admin, "", key, params=between).json()["items"]
    assert [one["request_id"] for one in found] == made[2:4]


def test_access_rules_hold_for_receipts_too(key_admin):
    """Else a stolen key would still tell from anywhere what it was used for."""
    key = key_admin.created(access={"addresses": ["192.0.2.0/24"]})
    for path in ("", f"/{new_ulid()}"):
        answer = ask(key_admin, path, key)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "address_not_allowed")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 501}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"since": "yesterday"}, "since"),
        ({"user_id": "alice"}, "user_id"),
        ({"since": "2026-01-02", "until": "2026-01-02"}, "until"),
    ],
)
def test_a_wrong_parameter_is_named(key_admin, key, query, field):
    answer = ask(key_admin, "", key, params=query)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)


def test_other_paths_and_methods_are_refused_in_the_dialect(key_admin, key):
    authorization = f"Bearer {key['key']}"
    answer = key_admin.call("POST", "/v1/usage", authorization=authorization)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json()["error"]["code"] == "method_not_allowed"
    answer = key_admin.call("GET", "/v1/usage/a/b", authorization=authorization)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_route")


def test_what_becomes_of_streams_is_a_teams_choice(key_admin, key):
    """Kept, shown, audited, in Redis before it answers; taken away again."""
    drain = {"policy": "drain", "drain_seconds": 20}
    made = key_admin.call(
        "POST", "/internal/teams", json={"name": new_ulid(), "client_gone": drain}
    )
    assert made.json()["client_gone"] == drain
    team = made.json()["id"]
    scope = f"{{relay}}:policy:team:{ulid_to_uuid(team)}"
    with key_admin.redis() as connection:
        assert json.loads(connection.hget(scope, "r"))["client_gone"] == drain
        path = f"/internal/teams/{team}"
        changed = key_admin.call("PATCH", path, json={"client_gone": {"policy": "cancel"}})
        assert changed.json()["client_gone"] == {"policy": "cancel", "drain_seconds": 30}
        assert '"policy":"cancel"' in connection.hget(scope, "r")
        # A flushed Redis gets it back.
        connection.flushdb()
        ask(key_admin, "", key)
        assert '"policy":"cancel"' in connection.hget(scope, "r")
        freed = key_admin.call("PATCH", path, json={"client_gone": None})
        assert freed.json()["client_gone"] is None
        assert connection.hget(scope, "r") == ""
    wrong = key_admin.call("PATCH", path, json={"client_gone": {"policy": "wait"}})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "client_gone.policy")
    wrong = key_admin.call(
        "PATCH", path, json={"client_gone": {"policy": "drain", "drain_seconds": 601}}
    )
    assert wrong.json()["errors"][0]["field"] == "client_gone.drain_seconds"
    organisation = key_admin.call("PATCH", "/internal/organisation", json={"client_gone": drain})
    assert organisation.json()["client_gone"] == drain
    key_admin.call("PATCH", "/internal/organisation", json={"client_gone": None})
