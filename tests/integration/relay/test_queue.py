"""Queues for concurrency: in order, bounded, given up by who leaves; with streams, on SIGTERM."""

import concurrent.futures
import signal
import socket

import pytest
import redis

from common.domain.policies import Limits, Policy, Queue, team_scope
from tests.support.relay_process import (
    CHAT,
    PATHS,
    PREFIX,
    RelayProcess,
    ask,
    eventually,
)

TEAM = "01ARYZ6S41TSV4RRFFQ69G5FAV"


def queued(relay, waiting=10, timeout_ms=20_000, concurrency=1, **limits):
    queue = Queue(waiting, timeout_ms)
    return relay.project_key(policy=Policy(Limits(concurrency=concurrency, queue=queue, **limits)))


def post(relay, key, body, path=CHAT):
    return relay.client.post(path, json=body, headers={"authorization": f"Bearer {key}"})


def slow(dialect="openai", ms=1000, **fields):
    return ask(dialect, f"a [[echo delay_ms={ms}]]", **fields)


def waiting(relay):
    with redis.Redis.from_url(relay.redis.url) as client:
        return sum(client.zcard(key) for key in client.keys(f"{PREFIX}:queue:*"))


def nothing_is_left(relay):
    eventually(lambda: relay.open_leases() == (0, 0) and waiting(relay) == 0)
    with redis.Redis.from_url(relay.redis.url) as client:
        assert client.keys(f"{PREFIX}:queue*") == []


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(8) as made:
        yield made


@pytest.mark.parametrize("dialect", PATHS)
def test_who_waits_is_served_when_a_place_is_free_and_told_how_long(relay, pool, dialect):
    key = queued(relay)
    first = pool.submit(post, relay, key, slow(dialect), PATHS[dialect])
    eventually(lambda: relay.open_leases()[0] == 1)
    second = post(relay, key, ask(dialect, stream=True), PATHS[dialect])
    assert second.status_code == 200
    assert "stop" in second.text
    assert int(second.headers["x-relay-queued-ms"]) > 0
    assert "x-relay-queued-ms" not in first.result().headers
    nothing_is_left(relay)


def test_first_come_first_served(relay, pool):
    key = queued(relay)
    first = pool.submit(post, relay, key, slow(ms=700))
    eventually(lambda: relay.open_leases()[0] == 1)
    others = []
    for place in range(4):
        others.append(pool.submit(post, relay, key, ask("openai")))
        eventually(lambda place=place: waiting(relay) == place + 1)
    answers = [other.result() for other in others]
    assert [answer.status_code for answer in [first.result(), *answers]] == [200] * 5
    nothing_is_left(relay)
    order = [record.id for record in relay.records()]
    assert order[1:] == [answer.headers["x-request-id"] for answer in answers]


def test_a_full_queue_and_one_that_waited_too_long_are_refused_as_before(relay, pool):
    key = queued(relay, waiting=1, timeout_ms=400)
    first = pool.submit(post, relay, key, slow(ms=2500))
    eventually(lambda: relay.open_leases()[0] == 1)
    second = pool.submit(post, relay, key, ask("openai"))
    eventually(lambda: waiting(relay) == 1)
    full = post(relay, key, ask("openai"))
    late = second.result()
    for answer in (full, late):
        assert answer.status_code == 429
        assert answer.json()["error"]["limit"]["rule"] == "concurrency"
        assert "retry-after" in answer.headers
    assert "x-relay-queued-ms" not in full.headers
    assert int(late.headers["x-relay-queued-ms"]) >= 400
    assert waiting(relay) == 0
    assert first.result().status_code == 200
    nothing_is_left(relay)
    assert len(relay.records()) == 1


def test_another_limit_refuses_at_once(relay, pool):
    key = queued(relay, requests_per_minute=1)
    first = pool.submit(post, relay, key, slow(ms=500))
    eventually(lambda: relay.open_leases()[0] == 1)
    denied = post(relay, key, ask("openai"))
    assert denied.status_code == 429
    assert denied.json()["error"]["limit"]["rule"] == "requests_per_minute"
    assert first.result().status_code == 200


def test_who_leaves_gives_the_place_back(relay, pool):
    key = queued(relay)
    first = pool.submit(post, relay, key, slow(ms=3000))
    eventually(lambda: relay.open_leases()[0] == 1)
    body = b'{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "a"}]}'
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: relay\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", relay.port)) as caller:
        caller.sendall(head.encode() + body)
        eventually(lambda: waiting(relay) == 1)
    eventually(lambda: waiting(relay) == 0)
    assert not first.done()
    assert first.result().status_code == 200
    nothing_is_left(relay)
    assert len(relay.records()) == 1


def test_one_who_waits_for_two_levels_holds_up_nobody_who_need_not_wait(relay, pool):
    """The key blocks one request; another key of the team, which has room, passes it."""
    relay.project_policy(team_scope(TEAM), Policy(Limits(concurrency=2, queue=Queue(9, 20_000))))
    own = Policy(Limits(concurrency=1, queue=Queue(9, 20_000)))
    narrow, wide = relay.project_key(team_id=TEAM, policy=own), relay.project_key(team_id=TEAM)
    first = pool.submit(post, relay, narrow, slow(ms=1500))
    eventually(lambda: relay.open_leases()[0] == 1)
    second = pool.submit(post, relay, narrow, ask("openai"))
    eventually(lambda: waiting(relay) == 1)
    passing = post(relay, wide, ask("openai"))
    assert passing.status_code == 200
    assert "x-relay-queued-ms" not in passing.headers
    assert [one.result().status_code for one in (first, second)] == [200, 200]
    nothing_is_left(relay)


@pytest.fixture
def own_relay(tmp_path, running_redis, running_echo):
    with RelayProcess(tmp_path, running_redis, running_echo.url) as process:
        process.reset()
        yield process


def test_a_process_that_stops_refuses_who_waits_and_finishes_what_is_open(own_relay, pool):
    key = queued(own_relay)
    first = pool.submit(post, own_relay, key, slow(ms=2500))
    eventually(lambda: own_relay.open_leases()[0] == 1)
    second = pool.submit(post, own_relay, key, ask("openai"))
    eventually(lambda: waiting(own_relay) == 1)
    own_relay.served.process.send_signal(signal.SIGTERM)
    refused = second.result()
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "shutting_down"
    assert not first.done()
    assert first.result().status_code == 200
    nothing_is_left(own_relay)


def test_the_places_of_a_relay_that_dies_are_forgotten(own_relay, relay, pool):
    key = queued(own_relay)
    first = pool.submit(post, relay, key, slow(ms=6500))
    eventually(lambda: own_relay.open_leases()[0] == 1)
    lost = pool.submit(post, own_relay, key, ask("openai"))
    eventually(lambda: waiting(own_relay) == 1)
    own_relay.served.kill()
    assert lost.exception() is not None
    after = post(relay, key, ask("openai"))
    assert (first.result().status_code, after.status_code) == (200, 200)
    nothing_is_left(relay)
