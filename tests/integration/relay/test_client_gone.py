"""A caller who leaves in mid-stream: its tenant has the provider stopped, or read to the end."""

import json
import os
import signal
import socket
import time

import httpx
import pytest

from common.domain.policies import ORGANISATION, AppliedGone, ClientGone, Policy, team_scope
from common.identifiers import new_ulid
from tests.support.relay_process import (
    CHAT,
    PATHS,
    RelayProcess,
    ask,
    eventually,
)

DIALECTS = ("openai", "anthropic")
DRAIN = Policy(client_gone=ClientGone("drain", 20))


def leave(relay, dialect, plan, *, after=5, key=""):
    """Hang up after some events of a stream; returns the request's id."""
    body = ask(dialect, f"[[echo {plan}]] hello", stream=True)
    headers = {"authorization": f"Bearer {key}"} if key else {}
    content = b""
    with relay.client.stream("POST", PATHS[dialect], json=body, headers=headers) as answer:
        for piece in answer.iter_raw():
            content += piece
            if content.count(b"\n\n") >= after:
                break
    return answer.headers["x-request-id"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_drained_is_charged_as_the_provider_reports_it(relay, echo, dialect):
    relay.project_policy(ORGANISATION, DRAIN)
    record = relay.record(leave(relay, dialect, "words=60 chunk_delay_ms=10"))
    assert (record.status, record.finish_cause) == ("cancelled", "client_gone")
    assert (record.usage_source, record.error_code) == ("reported", None)
    (asked,) = echo.requests()
    assert asked["completed"]
    assert not asked["client_gone"]
    assert (record.tokens.input, record.tokens.output) == (asked["input_tokens"], 60)
    assert record.policy.client_gone == AppliedGone(DRAIN.client_gone, "organisation")
    assert record.reported_usage["output_tokens" if dialect == "anthropic" else
                                 "completion_tokens"] == 60  # fmt: skip
    assert relay.open_leases() == (0, 0)
    assert relay.log_line(record.id)["status"] == 200


def test_draining_ends_with_its_time(relay, echo):
    relay.project_policy(ORGANISATION, Policy(client_gone=ClientGone("drain", 1)))
    record = relay.record(leave(relay, "openai", "words=2000 chunk_delay_ms=20"))
    assert (record.status, record.finish_cause) == ("cancelled", "client_gone")
    assert record.usage_source == "estimated"
    eventually(lambda: echo.requests()[0]["client_gone"])
    # It was read on for a second, which is some fifty words.
    (asked,) = echo.requests()
    assert 25 < asked["chunks_sent"] < 400
    assert relay.open_leases() == (0, 0)


def test_the_team_comes_before_the_organisation_and_a_change_holds_at_once(relay, echo):
    team_id = new_ulid()
    key = relay.project_key(team_id=team_id)
    relay.project_policy(ORGANISATION, DRAIN)
    relay.project_policy(team_scope(team_id), Policy(client_gone=ClientGone("cancel")))
    found = []
    for team in (None, ClientGone("drain", 20), ClientGone("cancel")):
        if team is not None:
            relay.project_policy(team_scope(team_id), Policy(client_gone=team))
        record = relay.record(leave(relay, "openai", "words=60 chunk_delay_ms=10", key=key))
        found.append((record.usage_source, record.policy.client_gone.level))
    assert found == [("estimated", "team"), ("reported", "team"), ("estimated", "team")]
    relay.project_policy(team_scope(team_id), Policy())
    record = relay.record(leave(relay, "openai", "words=60 chunk_delay_ms=10", key=key))
    assert record.policy.client_gone == AppliedGone(DRAIN.client_gone, "organisation")
    assert record.usage_source == "reported"


def test_a_caller_who_leaves_before_the_head_is_drained_for(relay, echo):
    relay.project_policy(ORGANISATION, DRAIN)
    body = ask("openai", "[[echo delay_ms=1500,words=50,chunk_delay_ms=5]] hello", stream=True)
    with pytest.raises(httpx.ReadTimeout):
        relay.client.post(CHAT, json=body, timeout=0.5)
    record = relay.only_record()
    assert (record.status, record.finish_cause) == ("cancelled", "client_gone")
    assert (record.usage_source, record.tokens.output) == ("reported", 50)
    assert echo.requests()[0]["completed"]


def test_a_caller_who_stopped_reading_before_it_left_is_drained_for(relay, echo):
    """Its answer was stuck on the way, and the provider with it."""
    relay.project_policy(ORGANISATION, DRAIN)
    body = json.dumps(ask("openai", "[[echo bytes=30000000]] hello", stream=True)).encode()
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: relay\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {relay.key}\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", relay.port)) as caller:
        caller.sendall(head + body)
        caller.recv(1000)
        time.sleep(1)
        assert not relay.records()
    record = relay.only_record()
    assert (record.finish_cause, record.usage_source) == ("client_gone", "reported")
    assert record.tokens.output == echo.requests()[0]["output_tokens"]


def test_a_provider_that_breaks_off_while_nobody_reads(relay, echo):
    relay.project_policy(ORGANISATION, DRAIN)
    record = relay.record(leave(relay, "openai", "words=60 chunk_delay_ms=10 cut_after=30"))
    assert (record.status, record.finish_cause) == ("cancelled", "client_gone")
    assert (record.usage_source, record.error_code) == ("estimated", "upstream_cut")
    assert record.tokens.output > 0
    assert relay.open_leases() == (0, 0)


def test_sigterm_lets_what_is_drained_come_to_its_end(tmp_path, running_redis, echo):
    with RelayProcess(tmp_path, running_redis, echo.url) as relay:
        relay.reset()
        relay.project_policy(ORGANISATION, DRAIN)
        request_id = leave(relay, "openai", "words=100 chunk_delay_ms=20")
        eventually(lambda: relay.open_leases() == (1, 1))
        os.kill(relay.pid, signal.SIGTERM)
        assert relay.served.process.wait(20) == 0
        record = relay.record(request_id)
        assert (record.finish_cause, record.usage_source) == ("client_gone", "reported")
        assert record.tokens.output == 100
        assert relay.open_leases() == (0, 0)
        assert len(relay.records()) == 1


def test_sigterm_leaves_a_long_drain_no_more_time_than_there_is(tmp_path, running_redis, echo):
    settings = {"RELAY_TIMEOUT_S": "46"}  # 45 less is what open requests have
    with RelayProcess(tmp_path, running_redis, echo.url, **settings) as relay:
        relay.reset()
        relay.project_policy(ORGANISATION, DRAIN)
        request_id = leave(relay, "openai", "words=2000 chunk_delay_ms=20")
        eventually(lambda: relay.open_leases() == (1, 1))
        os.kill(relay.pid, signal.SIGTERM)
        assert relay.served.process.wait(20) == 0
        record = relay.record(request_id)
        assert (record.finish_cause, record.usage_source) == ("client_gone", "estimated")
        assert relay.open_leases() == (0, 0)
        assert len(relay.records()) == 1
