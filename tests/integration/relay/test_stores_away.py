"""Redis or Postgres absent, killed, paused, flushed: what callers are told, and what is posted."""

import asyncio
import concurrent.futures
import secrets
import signal
import subprocess
import time

import httpx
import pytest

from common.domain.keys import KeyRecord, hash_key, key_prefix_of
from common.identifiers import new_ulid, now_ms
from common.state.admission import LEASE_MS, Admission
from common.state.client import RedisPyCommands
from common.store import keys
from common.store.database import Database
from tests.support.relay_process import (
    CHAT,
    PATHS,
    PREFIX,
    RelayProcess,
    ask,
    events,
    eventually,
    run,
    stored_account,
)

DIALECTS = ("openai", "anthropic")
BACK_S_MAX = 60


@pytest.fixture
def start(tmp_path, redis_server, echo):
    """Starts relays before the Redis of this test, which has one key."""
    started = []

    def start_one(**environment):
        relay = RelayProcess(tmp_path, redis_server, echo.url, **environment)
        relay.reset()
        started.append(relay)
        return relay.__enter__()

    yield start_one
    for relay in started:
        relay.__exit__()


@pytest.fixture
def frozen(redis_server):
    """Redis, which goes on in the end, whatever happens."""
    yield redis_server
    redis_server.resume()


def chat(relay, key="", dialect="openai", **options):
    headers = {"authorization": f"Bearer {key or relay.key}"} | options.pop("headers", {})
    return relay.client.post(PATHS[dialect], json=ask(dialect), headers=headers, **options)


def check_unavailable(answer, code, retry_after):
    """503 in the dialect of the call, with a word when to come again."""
    assert answer.status_code == 503, answer.text
    assert answer.headers["retry-after"] == retry_after
    assert "x-should-retry" not in answer.headers
    body = answer.json()
    if answer.request.url.path == CHAT:
        assert body["error"]["code"] == code
        assert body["error"]["type"] == "server_error"
    else:
        assert (body["type"], body["error"]["type"]) == ("error", "api_error")


def store_key(url, secret="", **fields):
    """A new key in Postgres; returns its secret."""
    secret = secret or f"cr_{secrets.token_urlsafe(32)}"
    record = KeyRecord(id=new_ulid(), user_id="alice", **fields)

    async def create():
        database = Database(url)
        async with database.transaction() as connection:
            prefix = key_prefix_of(secret, "cr_")
            await keys.create(connection, record, None, hash_key(secret), prefix)
        await database.close()

    run(create())
    return secret


def stream_with(relay, fault, happen):
    """A whole stream, in whose middle something happens."""
    content = b""
    body = ask("openai", f"[[echo {fault}]] x", stream=True)
    with relay.client.stream("POST", CHAT, json=body) as answer:
        for piece in answer.iter_raw():
            content += piece
            if happen is not None and len(events(content)) >= 5:
                happen()
                happen = None
    assert events(content)[-1] == b"data: [DONE]"
    return answer.headers["x-request-id"]


def test_redis_absent_at_the_start(start, redis_server, echo):
    relay = start()
    relay.served.kill()
    redis_server.stop()
    relay.served.start()
    assert relay.client.get("/health/ready").status_code == 200
    assert relay.client.get("/health/live").status_code == 200
    for _ in range(3):
        for dialect in DIALECTS:
            # Within the client's 30 s: nobody waits until Redis is there.
            check_unavailable(chat(relay, dialect=dialect), "state_unavailable", "1")
    assert relay.client.get("/v1/models").status_code == 503
    assert echo.requests() == []
    redis_server.start()
    eventually(lambda: chat(relay).status_code == 200, BACK_S_MAX)
    assert chat(relay, dialect="anthropic").status_code == 200
    assert relay.client.get("/v1/models").status_code == 200
    eventually(lambda: len(relay.records()) == 2)


def test_redis_killed_in_mid_stream(start, redis_server):
    relay = start()
    request_id = stream_with(relay, "words=20 chunk_delay_ms=50", redis_server.kill)
    eventually(lambda: relay.log_lines("settle_delayed"))
    check_unavailable(chat(relay), "state_unavailable", "1")
    redis_server.start()
    record = relay.record(request_id)
    assert (record.status, record.tokens.output) == ("ok", 20)
    eventually(lambda: relay.open_leases() == (0, 0))
    time.sleep(0.5)  # a settle that is repeated once more would be here by now
    assert [record.id for record in relay.records()] == [request_id]


def test_a_settle_whose_answer_is_lost_is_posted_once(start, frozen):
    relay = start()
    request_id = stream_with(relay, "words=20 chunk_delay_ms=50", frozen.pause)
    eventually(lambda: relay.log_lines("settle_delayed"))
    frozen.resume()
    relay.record(request_id)
    time.sleep(0.5)
    assert [record.id for record in relay.records()] == [request_id]
    assert relay.open_leases() == (0, 0)


def test_an_admission_whose_answer_is_lost_leaves_no_lease(start, frozen, echo):
    relay = start()
    assert chat(relay).status_code == 200
    relay.record(echo.requests()[0]["request_id"])
    frozen.pause()
    check_unavailable(chat(relay), "state_unavailable", "1")
    frozen.resume()
    eventually(lambda: len(relay.records()) == 2, BACK_S_MAX)
    record = relay.records()[-1]
    assert (record.status, record.error_code) == ("error", "state_unavailable")
    assert record.tokens.total == 0
    assert relay.open_leases() == (0, 0)
    assert len(echo.requests()) == 1
    assert chat(relay).status_code == 200


def test_redis_flushed_in_mid_stream(start, redis_server):
    relay = start()
    request_id = stream_with(relay, "words=20 chunk_delay_ms=50", redis_server.flush)
    record = relay.record(request_id)
    assert (record.status, record.tokens.output) == ("ok", 20)


def test_a_lease_that_expired_meanwhile_is_adjusted(start, redis_server, echo):
    relay = start()

    async def expire():
        commands = RedisPyCommands.from_url(redis_server.url)
        assert await Admission(commands, PREFIX, now_ms() + LEASE_MS + 1).expire(10) == 1
        await commands.close()

    request_id = stream_with(relay, "words=20 chunk_delay_ms=50", lambda: run(expire()))
    eventually(lambda: len(relay.records()) == 2)
    posted, adjusted = relay.records()
    assert (posted.id, posted.kind, posted.status) == (request_id, "usage", "interrupted")
    assert (adjusted.kind, adjusted.adjusts, adjusted.status) == ("adjustment", request_id, "ok")
    assert posted.tokens.output + adjusted.tokens.output == 20
    (asked,) = echo.requests()
    assert posted.tokens.input + adjusted.tokens.input == asked["input_tokens"]
    assert adjusted.tokens.input != 0
    assert relay.open_leases() == (0, 0)


def test_a_deadline_while_the_next_account_is_sought(start, frozen, echo):
    relay = start(RELAY_TIMEOUT_S="11")
    relay.project_accounts(stored_account(echo.url))
    headers = {"x-echo-fault": "status=500 delay_ms=500"}
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(chat, relay, headers=headers)
        eventually(echo.requests)
        frozen.pause()
        answer = asked.result()
    assert answer.status_code == 504, answer.text
    assert answer.json()["error"]["code"] == "deadline"
    frozen.resume()
    record = relay.record(answer.headers["x-request-id"])
    assert (record.status, record.finish_cause) == ("error", "deadline")
    assert relay.open_leases() == (0, 0)


def test_redis_flushed_and_rebuilt_from_postgres(start, redis_server, postgres_url):
    relay = start(RELAY_DATABASE_URL=postgres_url)
    secret = store_key(postgres_url)
    for _ in range(2):
        redis_server.flush()
        check_unavailable(chat(relay, secret), "rebuilding", "1")
        statuses = []

        def rebuilt(statuses=statuses):
            statuses.append(chat(relay, secret).status_code)
            return statuses[-1] == 200

        eventually(rebuilt, BACK_S_MAX)
        assert set(statuses) <= {200, 503}
        assert relay.client.get("/v1/models", headers=_bearer(secret)).status_code == 200
    # What Postgres never had is unknown now.
    assert chat(relay).status_code == 401


def _bearer(secret):
    return {"authorization": f"Bearer {secret}"}


def test_redis_flushed_and_nothing_to_rebuild_it_from(start, redis_server):
    relay = start()
    assert chat(relay).status_code == 200
    redis_server.flush()
    for dialect in DIALECTS * 2:
        check_unavailable(chat(relay, dialect=dialect), "rebuilding", "1")
    assert relay.client.get("/v1/models").status_code == 503
    eventually(lambda: relay.log_lines("rebuild_failed"), BACK_S_MAX)
    check_unavailable(chat(relay), "rebuilding", "1")


async def test_a_key_that_only_postgres_knows_is_looked_up(start, postgres_url):
    relay = await asyncio.to_thread(start, RELAY_DATABASE_URL=postgres_url)
    secret = store_key(postgres_url)
    async with httpx.AsyncClient(base_url=relay.url, trust_env=False, timeout=30) as client:
        answers = await asyncio.gather(
            *(client.post(CHAT, json=ask("openai"), headers=_bearer(secret)) for _ in range(15))
        )
    assert [answer.status_code for answer in answers] == [200] * 15
    assert chat(relay, f"{secret}x").status_code == 401


def test_postgres_absent(start, postgres_server, postgres_url):
    relay = start(RELAY_DATABASE_URL=postgres_url)
    secret = store_key(postgres_url)
    postgres_server.kill()
    for dialect in DIALECTS:
        assert chat(relay, dialect=dialect).status_code == 200
    check_unavailable(chat(relay, secret), "store_unavailable", "2")
    check_unavailable(chat(relay, secret, "anthropic"), "store_unavailable", "2")
    assert chat(relay).status_code == 200
    postgres_server.start()
    eventually(lambda: chat(relay, secret).status_code == 200, BACK_S_MAX)


def test_an_address_that_tries_keys_is_throttled(start, postgres_url):
    token = "edge token of the tests"
    relay = start(RELAY_DATABASE_URL=postgres_url, RELAY_EDGE_TOKEN=token)

    def tries(address, **headers):
        headers = {"x-forwarded-for": address} | headers
        return chat(relay, f"cr_{secrets.token_urlsafe(32)}", headers=headers)

    edge = {"x-relay-edge-token": token}
    statuses = [tries("10.0.0.1", **edge).status_code for _ in range(21)]
    assert statuses == [401] * 20 + [429]
    answer = tries("10.0.0.1", **edge)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "60"
    assert answer.headers["x-should-retry"] == "false"
    assert answer.json()["error"]["code"] == "too_many_failures"
    assert tries("10.0.0.2", **edge).status_code == 401
    # Without the edge's token the header says nothing: these all come from here.
    assert [tries(f"10.0.1.{n}").status_code for n in range(21)] == [401] * 20 + [429]
    # Known keys go on, from there too.
    assert chat(relay, headers={"x-forwarded-for": "10.0.0.1"} | edge).status_code == 200
    assert chat(relay).status_code == 200


def test_a_stop_while_redis_is_away_is_bounded_and_says_what_it_leaves(start, redis_server):
    relay = start(RELAY_TIMEOUT_S="46")  # a second to drain
    request_id = stream_with(relay, "words=20 chunk_delay_ms=20", redis_server.kill)
    eventually(lambda: relay.log_lines("settle_delayed"))
    relay.served.process.send_signal(signal.SIGTERM)
    assert relay.served.process.wait(15) == 0
    (line,) = relay.log_lines("unsettled_at_stop")
    assert (line["count"], line["request_ids"]) == (1, [request_id])
    redis_server.start()
    # The lease is still there: it expires, and its draft is posted.
    assert relay.open_leases() == (1, 1)


def test_a_stop_waits_for_redis_as_long_as_there_is_time_to_drain(start, redis_server):
    relay = start()
    request_id = stream_with(relay, "words=20 chunk_delay_ms=20", redis_server.kill)
    eventually(lambda: relay.log_lines("settle_delayed"))
    relay.served.process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        relay.served.process.wait(12)  # longer than any flush
    redis_server.start()
    assert relay.served.process.wait(20) == 0
    assert relay.record(request_id).status == "ok"
    assert relay.open_leases() == (0, 0)
    assert relay.log_lines("unsettled_at_stop") == []


def test_what_is_open_after_the_time_to_drain_ends_in_the_dialect_and_is_settled(start):
    relay = start(RELAY_TIMEOUT_S="46")
    body = ask("openai", "[[echo words=4000 chunk_delay_ms=20]] x", stream=True)
    content = b""
    with relay.client.stream("POST", CHAT, json=body) as answer:
        for piece in answer.iter_raw():
            if not content:
                relay.served.process.send_signal(signal.SIGTERM)
            content += piece
    assert b'"code":"shutting_down"' in events(content)[-1]
    assert relay.served.process.wait(15) == 0
    record = relay.record(answer.headers["x-request-id"])
    assert (record.status, record.finish_cause) == ("error", "shutdown")
    assert record.tokens.output > 0
    assert relay.open_leases() == (0, 0)
