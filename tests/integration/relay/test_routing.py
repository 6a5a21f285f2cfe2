"""Routing through relay: bindings, aliases, fallbacks, and conversations that stay together."""

import pytest
import redis

from common.domain.policies import Policy, team_scope
from common.domain.routing import Routing
from common.domain.routing_table import AliasRule, ModelEntry, RoutingTable, When
from common.identifiers import new_ulid
from tests.support.relay_process import (
    CHAT,
    MESSAGES,
    PREFIX,
    RelayProcess,
    ask,
    eventually,
    stored_account,
)

TEAM = "01ARYZ6S41TSV4RRFFQ69G5FAV"
OTHER_TEAM = "01ARYZ6S41TSV4RRFFQ69G5FAW"
LONG = "a system prompt that is worth to be cached " * 120
WAIT_MS = 60_000


@pytest.fixture(scope="module")
def second(tmp_path_factory, running_redis, running_echo):
    directory = tmp_path_factory.mktemp("second")
    with RelayProcess(directory, running_redis, running_echo.url) as process:
        yield process


def served(relay, key=None, path=CHAT, **body):
    """The account that served a request, by its record."""
    headers = {"authorization": f"Bearer {key or relay.key}"}
    dialect = "anthropic" if path == MESSAGES else "openai"
    answer = relay.client.post(path, json=ask(dialect, **body), headers=headers)
    assert answer.status_code == 200, answer.text
    return relay.record(answer.headers["x-request-id"])


def refused(relay, key=None, status=404, **body):
    headers = {"authorization": f"Bearer {key or relay.key}"}
    answer = relay.client.post(CHAT, json=ask("openai", **body), headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


def accounts(relay, echo, *names, **fields):
    made = [stored_account(echo.url, name=name, **fields) for name in names]
    relay.project_accounts(*made)
    return [one.id for one in made]


@pytest.mark.parametrize("level", ["key", "team"])
def test_what_is_bound_is_served_by_that_account_or_group(relay, echo, level):
    one, two, three = accounts(relay, echo, "one", "two", "three")
    relay.project_table(RoutingTable(groups={"g": (two, three), "empty": ()}))

    def bound(**rules):
        policy = Policy(routing=Routing(**rules))
        if level == "key":
            return relay.project_key(policy=policy)
        team = new_ulid()
        relay.project_policy(team_scope(team), policy)
        return relay.project_key(team_id=team)

    assert {served(relay, bound(account_id=three)).account_id for _ in range(3)} == {three}
    key = bound(group_id="g")
    assert {served(relay, key).account_id for _ in range(12)} == {two, three}
    error = refused(relay, bound(group_id="empty"))
    assert f"the {level}'s rule group_id" in error["message"]
    assert one not in {record.account_id for record in relay.records()}


def test_a_region_is_never_left(relay, echo):
    eu = stored_account(echo.url, name="eu", region="eu", priority=9)
    us = stored_account(echo.url, name="us", region="us", priority=1)
    relay.project_accounts(eu, us)
    key = relay.project_key(policy=Policy(routing=Routing(regions=("eu",))))
    assert served(relay).account_id == us.id
    assert served(relay, key).account_id == eu.id
    relay.project_accounts(us)
    assert "rule regions" in refused(relay, key)["message"]
    headers = {"authorization": f"Bearer {key}"}
    assert relay.client.get("/v1/models", headers=headers).json()["data"] == []


def test_an_alias_is_served_by_what_it_stands_for(relay, echo):
    rules = (
        AliasRule({"gpt-4o": 1}, When(tags=("gold",))),
        AliasRule({"gpt-4.1": 1}, When(headers={"x-tier": "fast"})),
        AliasRule({"gpt-4o-mini": 1}),
    )
    relay.project_table(RoutingTable(aliases={"best": rules}))
    gold = relay.project_key(tags=["gold"])
    assert served(relay, model="best").model_requested == "best"
    for key, model in ((gold, "gpt-4o"), (relay.key, "gpt-4o-mini")):
        assert served(relay, key, model="best").priced_as == model
    only = relay.project_key(models_allow=["best"])
    assert served(relay, only, model="best").priced_as == "gpt-4o-mini"
    assert refused(relay, only, 403, model="gpt-4o-mini")["code"] == "model_not_allowed"
    denied = relay.project_key(models_deny=["gpt-4o-mini"])
    message = refused(relay, denied, 403, model="best")["message"]
    assert "'best'" in message
    assert "gpt-4o" not in message
    listed = relay.client.get("/v1/models", headers={"authorization": f"Bearer {only}"}).json()
    assert [one["id"] for one in listed["data"]] == ["best"]


def test_auto_is_an_alias_with_conditions_on_the_body(relay, echo):
    rules = (
        AliasRule({"gpt-4.1": 1}, When(input_tokens_min=500)),
        AliasRule({"gpt-4o": 1}, When(tools=True)),
        AliasRule({"gpt-4o-mini": 1}),
    )
    assert refused(relay, model="auto")["code"] == "model_not_found"
    relay.project_table(RoutingTable(aliases={"auto": rules}))
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    assert served(relay, model="auto").priced_as == "gpt-4o-mini"
    assert served(relay, model="auto", content=LONG).priced_as == "gpt-4.1"
    assert served(relay, model="auto", tools=[tool]).priced_as == "gpt-4o"


def test_an_unknown_model_is_told_with_near_ones_that_this_key_may_use(relay, echo):
    account = stored_account(echo.url, models={"our-llama": "llama", "our-lamb": "lamb"})
    relay.project_accounts(account)
    relay.project_table(RoutingTable(aliases={"our-lama-alias": (AliasRule({"our-lamb": 1}),)}))
    bound = Policy(routing=Routing(account_id=account.id))
    error = refused(relay, relay.project_key(policy=bound), model="our-lama")
    assert error["code"] == "model_not_found"
    assert "; did you mean 'our-llama' or 'our-lamb' or 'our-lama-alias'?" in error["message"]
    narrow = relay.project_key(policy=bound, models_deny=["our-lamb"])
    assert "; did you mean 'our-llama'?" in refused(relay, narrow, model="our-lama")["message"]
    assert "did you mean" not in refused(relay, narrow, model="something")["message"]


def test_an_answer_of_a_deprecated_model_says_so(relay, echo):
    header = "x-relay-model-deprecated"
    assert header not in relay.client.post(CHAT, json=ask("openai")).headers
    entry = ModelEntry(deprecated_on="2027-01-31", successor="gpt-4o")
    relay.project_table(RoutingTable(models={"gpt-4o-mini": entry}))
    for stream in (False, True):
        answer = relay.client.post(CHAT, json=ask("openai", stream=stream))
        assert answer.headers[header] == "2027-01-31; successor=gpt-4o"


def test_another_model_serves_when_the_one_that_was_asked_for_cannot(relay, echo):
    first = stored_account(echo.url, name="first", models={"gpt-4o": "gpt-4o"})
    other = stored_account(echo.url, name="other", models={"gpt-4.1": "gpt-4.1"})
    relay.project_accounts(first, other)
    fallbacks = {"gpt-4*": ("claude-x", "gpt-4.1")}
    relay.project_policy(team_scope(TEAM), Policy(routing=Routing(fallbacks=fallbacks)))
    key = relay.project_key(team_id=TEAM, models_allow=["gpt-4o", "gpt-4.1"])
    assert served(relay, key, model="gpt-4o").account_id == first.id
    cool(relay, first.id)
    cool(relay, "built-in")
    record = served(relay, key, model="gpt-4o")
    assert (record.model_requested, record.priced_as) == ("gpt-4o", "gpt-4.1")
    narrow = relay.project_key(team_id=TEAM, models_allow=["gpt-4o"])
    assert refused(relay, narrow, 503, model="gpt-4o")


def cool(relay, account_id):
    """Let an account rest; `built-in`: that of the environment."""
    from common.domain.accounts import built_in_account_id

    account = built_in_account_id("openai") if account_id == "built-in" else account_id
    with redis.Redis.from_url(relay.redis.url) as client:
        seconds, _ = client.time()
        client.hset(f"{PREFIX}:cooldowns", account, seconds * 1000 + WAIT_MS)


@pytest.mark.parametrize(
    "named",
    [
        {"messages": [{"role": "system", "content": LONG}, {"role": "user", "content": "hello"}]},
        {"prompt_cache_key": "conversation-1"},
    ],
    ids=["prefix", "session"],
)
def test_a_conversation_stays_on_its_account_over_processes(relay, second, echo, named):
    accounts(relay, echo, "one", "two", "three", "four")
    one_team, other_team = (relay.project_key(team_id=team) for team in (TEAM, OTHER_TEAM))
    both = (relay, second)

    def turns(key):
        return {served(both[turn % 2], key, **named).account_id for turn in range(6)}

    (mine,) = turns(one_team)
    eventually(lambda: len(sticky(relay)) == 1)
    cool(relay, mine)
    (moved,) = turns(one_team)
    assert moved != mine
    thaw(relay)
    assert turns(one_team) == {moved}
    turns(other_team)
    kept = sticky(relay)
    assert len(kept) == 2
    assert all(0 < ttl <= 3600 for _, ttl in kept.values())


def test_what_no_cache_keeps_is_spread(relay, echo):
    made = accounts(relay, echo, "one", "two", "three")
    seen = set()

    def all_have_served():
        seen.add(served(relay).account_id)
        return seen == set(made)

    eventually(all_have_served)
    assert sticky(relay) == {}


def sticky(relay):
    """What is kept of conversations: account and seconds left."""
    with redis.Redis.from_url(relay.redis.url) as client:
        keys = client.keys("relay:sticky:*")
        return {key: (client.get(key), client.ttl(key)) for key in keys}


def thaw(relay):
    with redis.Redis.from_url(relay.redis.url) as client:
        client.delete(f"{PREFIX}:cooldowns")
