"""Aliases, models and explained routes over HTTP."""

import json

import pytest
import redis

from common.model_catalogue import shipped
from common.state.sticky_sessions import StickySessions
from tests.support.admin_checks import UNKNOWN, fields, kept, problem, trail
from tests.support.key_admin import new_address

ALIASES = "/internal/aliases"
MODELS = "/internal/models"
EXPLAIN = "/internal/routing/explain"
ROUTED = ("routing_entries", "routing", "audit")


@pytest.fixture(scope="module")
def admin_environment():
    return {
        "OPENAI_API_KEY": "sk-from-the-environment",
        "OPENAI_BASE_URL": "http://openai.example",
        "RELAY_UNPRICED_MODELS": "quarantine",
    }


def put(key_admin, path, **body):
    return key_admin.call("PUT", path, json=body)


def projected(key_admin):
    with redis.Redis.from_url(key_admin.redis_url) as client:
        return json.loads(client.hget("{relay}:routing", "r") or b"{}")


def test_an_alias_is_kept_and_projected_and_taken_back(key_admin):
    path = f"{ALIASES}/team/fast"
    when = {"headers": {"X-Tier": "fast"}, "input_tokens_min": 10, "tools": True}
    rules = [{"models": {"gpt-4o": 3, "gpt-4.1": 1}, "when": when}, {"models": {"gpt-4o-mini": 1}}]
    made = put(key_admin, path, rules=rules)
    assert made.status_code == 200, made.text
    assert made.json()["rules"][0]["when"]["headers"] == {"x-tier": "fast"}
    assert key_admin.get(path).json() == made.json()
    assert made.json() in key_admin.get(ALIASES).json()["items"]
    when = {"headers": {"x-tier": "fast"}, "input_tokens_min": 10, "tools": True}
    assert projected(key_admin)["aliases"]["team/fast"][0]["when"] == when
    before = kept(key_admin, *ROUTED)
    assert put(key_admin, path, rules=rules).json() == made.json()
    assert kept(key_admin, *ROUTED) == before
    assert key_admin.call("DELETE", path).status_code == 204
    assert "team/fast" not in projected(key_admin).get("aliases", {})
    problem(key_admin.get(path), 404)
    problem(key_admin.call("DELETE", path), 404)
    assert [action for action, _, _ in trail(key_admin, "team/fast")] == [
        "alias.put", "alias.delete"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ([], "rules"), ([{"models": {}}], "rules[0].models"),
        ([{"models": {"m": 0}}], "rules[0].models.m"),
        ([{"models": {"m": 1}, "when": {"teams": ["x"]}}], "rules[0].when.teams[0]"),
        ([{"models": {"m": 1}, "when": {"colour": 1}}], "rules[0].when.colour"),
        ([{"models": {"m": 1}, "when": {"headers": {"a b": "c"}}}], "rules[0].when.headers.a b"),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_named(key_admin, rules, field):
    before = kept(key_admin, *ROUTED)
    assert fields(put(key_admin, f"{ALIASES}/wrong", rules=rules)) == [field]
    assert kept(key_admin, *ROUTED) == before


@pytest.mark.parametrize("name", ["%20", "a%00b", "a%0Ab", "x" * 201])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_what_can_be_no_name_is_not_there(key_admin, method, name):
    for path, body in ((ALIASES, {"rules": [{"models": {"m": 1}}]}), (MODELS, {})):
        options = {"json": body} if method == "PUT" else {}
        problem(key_admin.call(method, f"{path}/{name}", **options), 404)


def test_what_is_known_of_a_model_can_be_said_better(key_admin):
    path = f"{MODELS}/gpt-4o"
    known = key_admin.get(path).json()
    assert known["own"] is False
    assert known["context_window"] == shipped()["gpt-4o"].context_window
    said = put(key_admin, path, deprecated_on="2027-01-31", successor="gpt-5", capabilities=[])
    assert said.json()["own"] is True
    assert key_admin.get(path).json() == said.json()
    assert projected(key_admin)["models"]["gpt-4o"] == {
        "deprecated_on": "2027-01-31", "successor": "gpt-5", "capabilities": [],
    }  # fmt: skip
    listed = {one["name"]: one for one in key_admin.get(MODELS, limit=500).json()["items"]}
    assert listed["gpt-4o"] == said.json()
    assert set(shipped()) <= set(listed)
    assert key_admin.call("DELETE", path).status_code == 204
    assert key_admin.get(path).json() == known
    problem(key_admin.call("DELETE", path), 404)
    problem(key_admin.get(f"{MODELS}/nobody-knows-it"), 404)
    assert fields(put(key_admin, path, capabilities=["magic"])) == ["capabilities[0]"]
    first = key_admin.get(MODELS, limit=1).json()
    assert first["next_cursor"] == first["items"][0]["name"] == min(shipped())


def test_a_route_is_explained(key_admin):
    def account(**members):
        body = {"name": new_address(), "provider": "openai", "credential": {"api_key": "sk-x"}}
        return key_admin.call("POST", "/internal/accounts", json=body | members).json()

    named = account(models={"our-model": "llama"}, max_concurrency=1)
    other = account(models={"our-spare": "llama"})
    team = {"name": new_address(), "fallbacks": {"our-model": ["our-spare"]}}
    team = key_admin.call("POST", "/internal/teams", json=team).json()
    key = key_admin.created(team_id=team["id"], models={"allow": ["our-*"]})
    put(key_admin, f"{ALIASES}/ours", rules=[{"models": {"our-model": 1}}])
    with redis.Redis.from_url(key_admin.redis_url) as client:
        client.hset("{relay}:inflight", f"account:{named['id']}", 1)
    asked = {"model": "ours", "key": key["id"]}
    answer = key_admin.get(EXPLAIN, **asked).json()
    assert (answer["models"], answer["refused"]) == (["our-model"], None)
    found = [one for one in answer["accounts"] if one["state"] != "left_out"]
    assert [(one["account_id"], one["state"], one["tier"], one["model"]) for one in found[:2]] == [
        (named["id"], "full", 0, "our-model"), (found[1]["account_id"], "ready", 1, "our-model"),
    ]  # fmt: skip
    assert (found[-2]["account_id"], found[-2]["model"]) == (other["id"], "our-spare")
    why = {one["name"]: one["why"] for one in answer["accounts"] if one["state"] == "left_out"}
    assert why[other["name"]] == "its models do not name it"
    denied = key_admin.get(EXPLAIN, model="gpt-4o", key=key["id"]).json()
    assert "does not allow" in denied["refused"]
    problem(key_admin.get(EXPLAIN, model="m", key=UNKNOWN), 404)
    assert fields(key_admin.get(EXPLAIN, model="m")) == ["key"]
    both = {"key": key["id"], "team": team["id"]}
    assert fields(key_admin.get(EXPLAIN, model="m", **both)) == ["key"]
    problem(key_admin.get(EXPLAIN, model="m", team=UNKNOWN), 404)
    assert fields(key_admin.get(EXPLAIN, model="m", key=key["id"], headers="no header")) == [
        "headers"
    ]
    # The team without the key's own rules: everything is as the team allows it.
    denies = f"/internal/teams/{team['id']}"
    key_admin.call("PATCH", denies, json={"unpriced_models": "deny"}).raise_for_status()
    denied = key_admin.get(EXPLAIN, model="our-model", team=team["id"]).json()
    assert denied["ways"][0]["refused"]["code"] == "nobody"
    codes = {one["code"] for each in denied["accounts"] for one in each["points"]}
    assert "unpriced" in codes
    key_admin.call("PATCH", denies, json={"unpriced_models": None}).raise_for_status()
    of_team = key_admin.get(EXPLAIN, model="our-model", team=team["id"]).json()
    assert of_team["ways"][0]["fallbacks"] == [
        {"model": "our-spare", "level": "team", "left_out": None}
    ]
    assert [one["share"] for one in of_team["accounts"][:2]] == [0, 1]
    key_admin.call("DELETE", f"{ALIASES}/ours")


def test_a_request_is_described_and_its_rule_and_conversation_found(key_admin):
    model, dear = f"m-{new_address()}", f"dear-{new_address()}"
    for name in (model, dear):
        body = {"name": name, "provider": "openai", "credential": {"api_key": "sk-x"}}
        body |= {"models": [name], "region": "eu"}
        made = key_admin.call("POST", "/internal/accounts", json=body)
        assert made.is_success, made.text
    stays = made.json()["id"]
    key = key_admin.created(tags=["gold"])
    when = {"tags": ["gold"], "headers": {"x-tier": "fast"}, "input_tokens_min": 9, "tools": True}
    put(key_admin, f"{ALIASES}/choice", rules=[
        {"models": {dear: 1}, "when": when}, {"models": {model: 3, dear: 1}},
    ])  # fmt: skip
    put(key_admin, f"{MODELS}/{dear}", context_window=10)

    def asked(**more):
        return key_admin.get(EXPLAIN, model="choice", key=key["id"], **more).json()

    plain = asked()
    assert [(one["taken"], one["unmet"]) for one in plain["alias"]] == [
        (False, "headers"), (True, None)
    ]  # fmt: skip
    assert [(one["model"], one["share"]) for one in plain["ways"]] == [(model, 0.75), (dear, 0.25)]
    shares = {one["stands_for"]: one["share"] for one in plain["accounts"] if one["share"]}
    assert shares == {model: 0.75, dear: 0.25}
    like = {"headers": "X-Tier: fast\nx-session-id: s1", "input_tokens": 11, "tools": "true"}
    assert asked(**like, tags="iron")["alias"][0]["unmet"] == "tags"
    found = asked(**like)
    assert found["models"] == [dear]
    assert found["ways"][0]["lacking"]["code"] == "context_window"
    sessions = StickySessions(None, "{relay}", 60)
    with redis.Redis.from_url(key_admin.redis_url) as client:
        place = sessions.key_of(key["id"], "choice", "id:s1")
        client.set(place, stays)
    assert asked(**like)["sticky_account_id"] == stays
    first = asked(**like)["accounts"][0]
    assert (first["account_id"], first["points"][0]["code"]) == (stays, "sticky")
    key_admin.call("POST", f"/internal/api-keys/{key['id']}/revoke").raise_for_status()
    assert asked()["refused"] == "the key is revoked"
    key_admin.call("DELETE", f"{ALIASES}/choice")
    key_admin.call("DELETE", f"{MODELS}/{dear}")
