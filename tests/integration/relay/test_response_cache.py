"""Kept answers: whose they are, what they cost, how long they last."""

import json

import msgspec
import pytest
import redis

from common.domain.content_rules import ContentRules
from common.domain.policies import Policy
from common.domain.routing_table import RoutingTable
from common.keyring import Keyring
from common.state.client import RedisPyCommands
from common.state.response_cache import KeptAnswers
from tests.support.asking import asked
from tests.support.caching import OTHER_TEAM, SECRET_WORD, TEAM, caching, post, said, upstream
from tests.support.processes import INTERNAL_SECRET
from tests.support.relay_process import (
    CHAT,
    MESSAGES,
    PREFIX,
    RelayProcess,
    ask,
    events,
    eventually,
    run,
)


@pytest.fixture
def key(relay):
    return relay.project_key(policy=caching())


def test_a_hit_is_the_same_answer_at_no_cost_and_asks_nobody(relay, echo, key):
    first = post(relay, key)
    again = post(relay, key, user_agent="another/1")
    assert [said(first), said(again)] == ["miss", "hit"]
    assert again.content == first.content
    assert "age" not in first.headers
    assert again.headers["age"].isdecimal()
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert "x-relay-account" not in again.headers
    assert upstream(echo) == 1
    missed = relay.record(first.headers["x-request-id"])
    record = relay.record(again.headers["x-request-id"])
    assert (missed.cache_hit, missed.attempts) == (False, 1)
    assert float(missed.cost_usd) > 0
    assert (record.cache_hit, record.attempts, record.status) == (True, 0, "ok")
    assert float(record.cost_usd) == record.tokens.total == 0
    assert record.reported_usage == missed.reported_usage
    assert record.model_served == missed.model_served
    eventually(lambda: relay.open_leases() == (0, 0))


@pytest.mark.parametrize("usage", [True, False])
@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_a_streamed_hit_has_the_same_bytes(relay, echo, key, dialect, usage):
    path = CHAT if dialect == "openai" else MESSAGES
    more = {"stream_options": {"include_usage": usage}} if dialect == "openai" else {}
    text = f"{SECRET_WORD} [[echo words=1000]]"
    body = ask(dialect, text, stream=True, max_tokens=1000, **more)
    first, again = (post(relay, key, path, body) for _ in range(2))
    assert [said(first), said(again)] == ["miss", "hit"]
    assert again.content == first.content
    assert len(first.content) > 64 * 1024  # sent in parts
    assert again.headers["content-type"].startswith("text/event-stream")
    # Streamed and whole answers are kept apart.
    whole = {name: value for name, value in body.items() if not name.startswith("stream")}
    assert said(post(relay, key, path, whole)) == "miss"
    assert upstream(echo) == 2


def test_translated_answers_are_kept_as_the_caller_gets_them(relay, echo, key):
    body = ask("anthropic", model="gpt-4o-mini", stream=True)
    first, again = (post(relay, key, MESSAGES, body) for _ in range(2))
    assert [said(first), said(again)] == ["miss", "hit"]
    assert again.content == first.content
    assert again.headers["request-id"] == again.headers["x-request-id"]


def test_tenants_do_not_share_and_the_keys_of_a_team_do(relay, echo):
    keys = [relay.project_key(policy=caching(), team_id=team)
            for team in (TEAM, TEAM, OTHER_TEAM, None, None)]  # fmt: skip
    assert [said(post(relay, one)) for one in keys] == ["miss", "hit", "miss", "miss", "miss"]
    assert upstream(echo) == 4


def test_redis_shows_neither_question_nor_answer(relay, echo, key):
    assert said(post(relay, key)) == "miss"
    assert said(post(relay, key)) == "hit"
    with redis.Redis.from_url(relay.redis.url) as client:
        names = client.keys("*")
        (entry,) = [name for name in names if name.startswith(b"relay:cache:{")]
        assert SECRET_WORD.encode() not in client.get(entry)
        assert not [name for name in names if SECRET_WORD.encode() in name]
        assert b"{relay}" not in entry


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_with_personal_data_hits_and_gets_its_own_back(relay, echo, stream):
    mail = "alice.walnut@example.com"
    content = ContentRules(
        redaction={"entities": {"EMAIL_ADDRESS": "mask"}}, response_cache={"mode": "on"}
    )
    key = relay.project_key(policy=Policy(content=content))
    body = ask("openai", f"Write to {mail}", stream=stream)
    first, again = (post(relay, key, body=body) for _ in range(2))
    assert [said(first), said(again)] == ["miss", "hit"]
    assert [written(answer) for answer in (first, again)] == [f"Write to {mail}"] * 2
    assert upstream(echo) == 1
    assert mail not in json.dumps(echo.received())
    assert relay.record(again.headers["x-request-id"]).redactions > 0
    with redis.Redis.from_url(relay.redis.url) as client:
        (place,) = client.keys("relay:cache:*")
        keyring = Keyring([], INTERNAL_SECRET)
        assert mail.encode() not in keyring.unseal_bytes(
            client.get(place).partition(b" ")[2], place.decode()
        )


@pytest.mark.parametrize("stream", [False, True])
def test_a_kept_answer_is_judged_like_a_new_one(relay, echo, stream):
    def judging(verdict):
        pattern = {"name": "nuts", "pattern": SECRET_WORD, "verdict": verdict, "where": "output"}
        content = ContentRules(
            content_policy={"patterns": [pattern]}, response_cache={"mode": "on"}
        )
        return relay.project_key(policy=Policy(content=content), team_id=TEAM)

    body = ask("openai", SECRET_WORD, stream=stream)
    flagging, blocking = judging("flag"), judging("block")
    first, again = (post(relay, flagging, body=body) for _ in range(2))
    assert [said(first), said(again)] == ["miss", "hit"]
    assert again.content == first.content
    blocked = post(relay, blocking, body=body)
    assert blocked.headers["x-relay-cache"] == "hit"
    assert "content_blocked" in blocked.text
    assert SECRET_WORD not in blocked.text
    assert relay.record(blocked.headers["x-request-id"]).status == "error"
    assert upstream(echo) == 1


def test_whatever_is_wrong_with_the_cache_a_provider_is_asked(relay, echo, key):
    assert [said(post(relay, key)) for _ in range(2)] == ["miss", "hit"]
    with redis.Redis.from_url(relay.redis.url) as client:
        (entry,) = client.keys("relay:cache:*")
        client.delete(entry)
        client.lpush(entry, "no string")
    for _ in range(2):
        assert said(post(relay, key)) == "bypass"
    assert relay.log_lines("cache_unavailable")
    assert upstream(echo) == 3


def written(answer):
    """The text of a chat's answer."""
    if not answer.headers["content-type"].startswith("text/event-stream"):
        return answer.json()["choices"][0]["message"]["content"]
    chunks = [json.loads(event[6:]) for event in events(answer.content)[:-1]]
    deltas = [one["choices"][0]["delta"] for one in chunks if one["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


def test_who_decides(relay, echo):
    opted = relay.project_key(policy=caching("opt_in"))
    assert said(post(relay, opted)) == "bypass"
    assert said(post(relay, opted, x_relay_cache="on")) == "miss"
    assert said(post(relay, opted, x_relay_cache="ON")) == "hit"
    assert said(post(relay, opted, x_relay_cache="refresh")) == "miss"
    assert said(post(relay, opted, x_relay_cache="off")) == "bypass"
    off = relay.project_key(policy=caching("off"))
    assert said(post(relay, off, x_relay_cache="on")) == "bypass"
    assert said(post(relay, relay.key, x_relay_cache="on")) is None
    wrong = post(relay, opted, x_relay_cache="yes")
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "x-relay-cache")
    wrong = post(relay, opted, x_relay_cache="on", x_relay_cache_ttl="1h")
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "x-relay-cache-ttl")


def test_a_refreshed_answer_takes_the_place_of_the_old_one(relay, echo, key):
    first = post(relay, key)
    # Kept by now: until then a second one would be answered beside it, and not kept.
    assert said(post(relay, key)) == "hit"
    renewed = post(relay, key, x_relay_cache="refresh")
    assert renewed.json()["id"] != first.json()["id"]
    eventually(lambda: post(relay, key).json()["id"] == renewed.json()["id"])
    assert upstream(echo) == 2


def test_an_answer_may_be_too_old_for_a_request(relay, echo, key):
    assert [said(post(relay, key)) for _ in range(2)] == ["miss", "hit"]
    with redis.Redis.from_url(relay.redis.url) as client:
        (name,) = client.keys("relay:cache:*")
        made, _, sealed = client.get(name).partition(b" ")
        client.set(name, b"%d %b" % (int(made) - 100_000, sealed), keepttl=True)
    assert said(post(relay, key, x_relay_cache_ttl="500")) == "hit"
    assert said(post(relay, key, x_relay_cache_ttl="50")) == "miss"
    assert said(post(relay, key, x_relay_cache_ttl="50")) == "hit"


def test_answers_end(relay, echo, key):
    def left_ms():
        with redis.Redis.from_url(relay.redis.url) as client:
            return [client.pttl(name) for name in client.keys("relay:cache:*")]

    assert said(post(relay, key, x_relay_cache_ttl="60")) == "miss"
    eventually(left_ms)
    assert 0 < left_ms()[0] <= 60_000
    assert said(post(relay, key, body=ask("openai"), x_relay_cache_ttl="999999999")) == "miss"
    eventually(lambda: len(left_ms()) == 2)
    assert 3_600_000 < max(left_ms()) <= 86_400_000
    with redis.Redis.from_url(relay.redis.url) as client:
        for name in client.keys("relay:cache:*"):
            client.pexpire(name, 1)
    eventually(lambda: not left_ms())
    assert said(post(relay, key)) == "miss"


@pytest.mark.parametrize(
    "more",
    [
        {"web_search_options": {}},
        {"tools": [{"type": "web_search"}]},
        {"store": True},
    ],
)
def test_what_is_more_than_an_answer_is_not_kept(relay, echo, key, more):
    answer = post(relay, key, body=ask("openai") | more)
    assert answer.headers["x-relay-cache"] == "bypass"


def test_responses_are_kept_unless_the_provider_stores_them(relay, echo, key):
    path = "/v1/responses"
    stored = json.loads(asked("responses").body)
    for stream in (False, True):
        free = stored | {"store": False, "stream": stream}
        assert said(post(relay, key, path, stored | {"stream": stream})) == "bypass"
        first, again = (post(relay, key, path, free) for _ in range(2))
        assert [said(first), said(again)] == ["miss", "hit"]
        assert again.content == first.content


def test_other_endpoints(relay, echo, key):
    for endpoint in ("completions", "embeddings"):
        options = asked(endpoint).options
        headers = options.pop("headers") | {"authorization": f"Bearer {key}"}
        got = [relay.client.post(**options, headers=headers) for _ in range(2)]
        assert [said(one) for one in got] == ["miss", "hit"]
        assert got[0].content == got[1].content
    speech = asked("audio.speech").options
    headers = speech.pop("headers") | {"authorization": f"Bearer {key}"}
    assert said(relay.client.post(**speech, headers=headers)) == "bypass"


@pytest.mark.parametrize("fault", ["status=400", "status=500", "half_json=exact", "cut_after=3"])
def test_errors_and_parts_are_not_kept(relay, echo, key, fault):
    body = ask("openai", f"{SECRET_WORD} [[echo {fault}]]", stream=fault == "cut_after=3")
    for _ in range(2):
        assert post(relay, key, body=body).headers["x-relay-cache"] == "miss"
    eventually(lambda: relay.open_leases() == (0, 0))
    with redis.Redis.from_url(relay.redis.url) as client:
        assert not client.keys("relay:cache:*")


def test_another_routing_table_means_other_answers(relay, echo, key):
    assert [said(post(relay, key)) for _ in range(2)] == ["miss", "hit"]
    relay.project_table(RoutingTable())
    assert said(post(relay, key)) == "miss"


def kept(relay, work):
    async def ask_redis():
        commands = RedisPyCommands.from_url(relay.redis.url)
        try:
            return await work(KeptAnswers(commands, PREFIX))
        finally:
            await commands.close()

    return run(ask_redis())


def test_bounds_push_out_what_ends_first(tmp_path, redis_server, echo):
    bounds = {"RELAY_CACHE_TENANT_BYTES_MAX": "14000", "RELAY_CACHE_ENTRY_BYTES_MAX": "8000"}
    with RelayProcess(tmp_path, redis_server, echo.url, **bounds) as relay:
        relay.reset()
        key = relay.project_key(policy=caching(), team_id=TEAM)
        bodies = [ask("openai", f"{at} [[echo bytes=3000]]") for at in range(4)]
        for body in bodies:
            assert said(post(relay, key, body=body)) == "miss"
            # Each is there before the next one is made.
            eventually(lambda body=body: said(post(relay, key, body=body)) == "hit")
        found = kept(relay, lambda answers: answers.of(TEAM, 0))
        assert (found.entries, found.bytes <= 14_000) == (3, True)
        assert [said(post(relay, key, body=body)) for body in bodies[1:]] == ["hit"] * 3
        assert said(post(relay, key, body=bodies[0])) == "miss"
        large = ask("openai", "[[echo bytes=9000]]")
        assert [said(post(relay, key, body=large)) for _ in range(2)] == ["miss", "miss"]


def test_purging_by_team_and_by_key(relay, echo):
    one, other = (relay.project_key(policy=caching(), team_id=TEAM) for _ in range(2))
    third = relay.project_key(policy=caching(), team_id=OTHER_TEAM)
    of_one = relay.record(post(relay, one).headers["x-request-id"]).key_id
    assert said(post(relay, other, body=ask("openai"))) == "miss"
    assert said(post(relay, third)) == "miss"
    eventually(lambda: kept(relay, lambda answers: answers.of(TEAM, 0)).entries == 2)
    gone = kept(relay, lambda answers: answers.purge(TEAM, of_one))
    assert gone.entries == 1
    assert said(post(relay, other, body=ask("openai"))) == "hit"
    assert said(post(relay, other)) == "miss"
    eventually(lambda: kept(relay, lambda answers: answers.of(TEAM, 0)).entries == 2)
    assert kept(relay, lambda answers: answers.purge(TEAM)).entries == 2
    assert said(post(relay, other)) == "miss"
    assert said(post(relay, third)) == "hit"


def test_what_does_not_open_is_made_anew(relay, echo, key):
    assert [said(post(relay, key)) for _ in range(2)] == ["miss", "hit"]
    with redis.Redis.from_url(relay.redis.url) as client:
        (name,) = client.keys("relay:cache:*")
        made = client.get(name).partition(b" ")[0]
        client.set(name, made + b" internal:" + b"x" * 64, keepttl=True)
    assert [said(post(relay, key)) for _ in range(3)] == ["miss", "miss", "hit"]


def test_limits_count_hits(relay, echo):
    limited = msgspec.structs.replace(caching(), limits={"requests_per_minute": 2})
    key = relay.project_key(policy=limited)
    assert [post(relay, key).status_code for _ in range(3)] == [200, 200, 429]
    assert upstream(echo) == 1
